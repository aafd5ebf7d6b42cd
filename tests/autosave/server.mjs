// The server's side of a save, as questionnaires/saving.py does it; test_protocol.py compares the two on what was asked
// here. Texts are left as they are: mending, limits and merges are tested on the real one.
import { createHash } from "node:crypto";

export const sha256 = (text) => createHash("sha256").update(text, "utf8").digest("hex");
const stem = (operation) => `${operation.slice(0, 40)}+`;

export class Server {
  constructor() {
    this.answer = { text: "", state: "open", revision: 0 };
    this.revisions = []; // {operation, revision, text, state, conflict}
    this.trace = []; // [save, reply] in the order of arrival
  }

  /** {status, reply} of a PUT. */
  put(save) {
    const answer = this.store({ ...save, state: save.text.trim() ? "answered" : "open" });
    this.trace.push([save, answer]);
    return structuredClone(answer);
  }

  store(save) {
    let seen = this.find(save.operation);
    if (seen && (seen.text !== save.text || seen.state !== save.state)) {
      const operation = stem(save.operation) + sha256(`${save.state} ${save.text}`).slice(0, 20);
      save = { ...save, operation, follows: [...save.follows, save.operation] };
      seen = this.find(save.operation);
    }
    if (seen) return seen.conflict ? this.conflict(this.kept(seen.revision) ?? this.answer, save) : this.fine("saved", seen);
    if (!this.fits(save)) return this.outdated(save);
    const awaits = save.follows.some((operation) => !this.find(operation));
    if (save.text === this.answer.text && save.state === this.answer.state && !awaits) return this.fine("unchanged", this.answer);
    this.answer = { text: save.text, state: save.state, revision: this.answer.revision + 1 };
    this.keep(save, false);
    return this.fine("saved", this.answer);
  }

  outdated(save) {
    if (save.text === this.answer.text) return this.fine("unchanged", this.answer);
    const base = save.revision === 0 ? { text: "" } : this.kept(save.revision);
    if (base?.text === save.text) return this.fine("unchanged", save);
    this.keep(save, true);
    return this.conflict(this.answer, save);
  }

  fits(save) {
    if (save.revision === this.answer.revision) return true;
    const newest = this.kept(this.answer.revision);
    return Boolean(newest) && save.follows.some((id) => newest.operation === id || newest.operation.startsWith(stem(id)));
  }

  find(operation) { return this.revisions.find((row) => row.operation === operation); }
  kept(revision) { return this.revisions.find((row) => row.revision === revision && !row.conflict); }
  keep(save, conflict) { this.revisions.push({ ...save, revision: this.answer.revision, conflict }); }
  fine(outcome, { revision, state, text }) { return { status: 200, reply: { outcome, revision, state, sha256: sha256(text), mended: [] } }; }

  conflict({ text, state, revision }, save) {
    return { status: 409, reply: { outcome: "conflict", revision, state, sha256: sha256(text), mended: [], text, yours: save.text } };
  }

  /** Whether the text is the answer or stands in its history. */
  holds(text) { return text === "" || this.revisions.some((row) => row.text === text); }
}
