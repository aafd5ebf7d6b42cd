// What a DraftKeeper sees of a browser: fetch, the device's storage, other tabs, and which pages have ended.
import { csrfToken, operationId } from "./page.js";
import { readDraft } from "./draft-shelf.js";

const TIMEOUT = 15000; // ms
const KEEPALIVE_BYTES = 28000; // browsers let a page that ends leave 64 kB under way, in all its requests together
const SILENT = 60000; // ms after which a draft counts as left, where the browser cannot say whether its page lives

const nothing = { length: 0, key: () => null, getItem: () => null, setItem() { throw new Error("no storage"); }, removeItem() {} };

/** localStorage, or one that keeps nothing where the browser forbids it. */
export const storage = (() => { try { return localStorage; } catch { return nothing; } })();

const channel = "BroadcastChannel" in window ? new BroadcastChannel("answers") : null;

/** Calls `act` with {revision, text} when another tab saved the answer to this question. */
export function onSavedElsewhere(question, act) {
  channel?.addEventListener("message", ({ data }) => data.question === question && act(data));
}

/** Holds the name of this page's draft as long as the page lives. */
export function live(key) {
  navigator.locks?.request(key, () => new Promise(() => {}));
}

/** Whether the page that wrote the draft is gone. */
export async function ended(key) {
  if (!navigator.locks) return (readDraft(storage, key)?.at ?? 0) < Date.now() - SILENT;
  return navigator.locks.request(key, { ifAvailable: true }, (lock) => lock !== null);
}

/** Addresses of a question ("<persona>/<slug>"). */
export function addressesOf(question) {
  const [persona, slug] = question.split("/");
  return { answer: `/p/${persona}/answers/${slug}/`, page: `/p/${persona}/write/${slug}/` };
}

async function post(save, address) {
  const body = JSON.stringify(save);
  const response = await fetch(address, {
    method: "PUT",
    redirect: "manual", // to the log-in
    keepalive: new Blob([body]).size < KEEPALIVE_BYTES,
    signal: AbortSignal.timeout(TIMEOUT),
    headers: { "Content-Type": "application/json", "X-CSRFToken": csrfToken() },
    body,
  });
  return { status: response.status, reply: await response.json().catch(() => ({})) };
}

async function digest(text) {
  const bytes = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return [...new Uint8Array(bytes)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

function later(milliseconds, act) {
  const timer = setTimeout(act, milliseconds);
  return () => clearTimeout(timer);
}

/** The world of DraftKeeper, for one question. */
export function browserWorld({ question, shelf, tell }) {
  const { answer } = addressesOf(question);
  const announce = (message) => channel?.postMessage({ question, ...message });
  return { post: (save) => post(save, answer), shelf, digest, newId: operationId, random: Math.random, later, tell, announce };
}
