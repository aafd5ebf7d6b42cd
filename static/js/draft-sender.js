// Loaded on a page when drafts lie on this device: sends those that ended pages left, and says what became of them.
import { addressesOf, browserWorld, ended, storage } from "./draft-browser.js";
import { sendDraft } from "./draft-keeper.js";
import { leftDrafts, questionOf, readDraft, Shelf } from "./draft-shelf.js";

const AGAIN = 30000; // ms
const FRESH = 5000; // ms: a page that was only just left is no news
const open = document.querySelector("answer-sheet")?.dataset.key; // the field itself goes on with its own

function show(event, question) {
  const line = document.querySelector(`[data-drafts="${event}"]`);
  if (!line) return;
  line.hidden = false;
  const link = line.querySelector("a[data-page]");
  if (link) link.href = addressesOf(question).page;
}

async function send(key) {
  const question = questionOf(key), record = readDraft(storage, key);
  if (!record || question === open) return "saved";
  if (record.conflict) return "conflict";
  const shelf = new Shelf(storage, key, { existing: true });
  const outcome = await sendDraft(browserWorld({ question, shelf, tell: null }), record);
  if (outcome === "saved" ? Date.now() - record.at > FRESH : storage.getItem(key) !== null) show(outcome, question);
  return outcome;
}

async function sendAll() {
  for (const key of await leftDrafts(storage, "", ended)) {
    const outcome = await send(key);
    if (outcome === "conflict") show(outcome, questionOf(key));
    if (["offline", "trouble", "locked"].includes(outcome)) return void setTimeout(sendAll, AGAIN);
  }
}

addEventListener("online", sendAll);
sendAll();
