// Forms inside the talk (branches, another reply, corrections): sent without leaving the page.
import { csrfToken } from "./page.js";

/** Sends a form, with what is chosen in the composer, and returns the talk of the page that comes back, or { fault } with a sentence of that page. */
export async function sent(form, submitter, words, chosen) {
  const body = new FormData(form, submitter);
  for (const [name, value] of Object.entries(chosen)) if (!body.has(name)) body.set(name, value);
  try {
    const { talk, fault } = await talkOf(fetch(form.action, {
      method: "POST", body, headers: { "X-Live": "1", "X-CSRFToken": csrfToken() }, signal: AbortSignal.timeout(15000),
    }));
    return talk && !fault ? { talk } : { fault: fault || words.locked };
  } catch { return { fault: words.offline }; }
}

/** The talk and the sentence about a fault, of the chat's page that an answer brings. */
export async function talkOf(answer) {
  const page = new DOMParser().parseFromString(await (await answer).text(), "text/html");
  const talk = page.querySelector('[data-part="talk"]');
  const fault = page.querySelector('[data-part="fault"]:not([hidden])')?.textContent;
  return { talk, fault };
}
