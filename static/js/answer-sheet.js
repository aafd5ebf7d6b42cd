// The writing field: the draft goes to this device first, then to the server; "saved" is shown only when the
// server's SHA-256 is that of the text in the field.
import { csrfToken, operationId } from "./page.js";

const PAUSE = 700; // ms without a key before a save
const SCENE = 40, STORY = 120; // words

const digest = async (text) => {
  const bytes = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return [...new Uint8Array(bytes)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
};

class AnswerSheet extends HTMLElement {
  connectedCallback() {
    this.form = this.querySelector("form");
    this.field = this.querySelector("textarea");
    this.revision = Number(this.dataset.revision);
    this.saved = this.field.value;
    this.wait = 1000;
    this.restore();
    this.field.addEventListener("input", () => this.typed());
    this.form.addEventListener("submit", (event) => this.submitted(event));
    addEventListener("keydown", (event) => this.key(event));
    addEventListener("online", () => this.save());
    document.addEventListener("visibilitychange", () => document.hidden && this.save(true));
    this.part("keep-mine").onclick = () => this.settle(this.field.value);
    this.part("keep-theirs").onclick = () => this.settle(this.theirs);
    this.part("keep-both").onclick = () => this.settle(`${this.theirs}\n\n${this.field.value}`);
    this.count();
    if (matchMedia("(min-width: 48rem)").matches) this.field.focus({ preventScroll: true });
  }

  part(name) { return this.querySelector(`[data-part="${name}"]`); }
  get key_() { return `draft/${this.dataset.key}`; }

  restore() {
    const draft = this.readDraft();
    if (!draft || draft.text === this.saved) return this.dropDraft();
    // A draft made from an older revision goes to the server with that revision: it answers with both texts.
    this.field.value = draft.text;
    this.revision = draft.revision;
    this.say(this.dataset.restored);
    this.save();
  }

  readDraft() {
    try { return JSON.parse(localStorage.getItem(this.key_)); } catch { return null; }
  }

  keepDraft() {
    try { localStorage.setItem(this.key_, JSON.stringify({ text: this.field.value, revision: this.revision })); } catch { /* full or forbidden: the server still gets it */ }
  }

  dropDraft() {
    try { localStorage.removeItem(this.key_); } catch { /* nothing was kept */ }
  }

  typed() {
    this.keepDraft();
    this.count();
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.save(), PAUSE);
  }

  count() {
    const words = (this.field.value.match(/\S+/g) || []).length;
    const kind = words >= STORY ? this.dataset.story : words >= SCENE ? this.dataset.scene : words ? this.dataset.short : "";
    const label = this.part("count");
    label.textContent = words ? `${words} ${this.wordForm(words)} · ` : "";
    if (kind) label.append(Object.assign(document.createElement("em"), { textContent: kind }));
  }

  /** "word" as its number wants it; Russian has three forms. */
  wordForm(words) {
    const { wordsOne, wordsFew, wordsMany } = this.dataset;
    return { one: wordsOne, few: wordsFew }[new Intl.PluralRules(document.documentElement.lang).select(words)] ?? wordsMany;
  }

  say(text, good = true) {
    const status = this.part("status");
    status.hidden = !text;
    if (status.textContent !== text) status.textContent = text;
    status.classList.toggle("good", good);
    status.classList.toggle("warn", !good);
  }

  /** Sends the field's text unless it is stored already. One request at a time; the last text wins. */
  async save(leaving = false) {
    clearTimeout(this.timer);
    if (this.conflicting || this.field.value === this.saved) return this.running;
    if (this.running && !leaving) { this.again = true; return this.running; }
    this.running = this.send(this.field.value, leaving).finally(() => {
      this.running = null;
      if (this.again) { this.again = false; this.save(); }
    });
    return this.running;
  }

  async send(text, keepalive) {
    // The same text gets the same id, so that a save whose reply was lost is not stored twice.
    if (this.operationText !== text) { this.operationText = text; this.operation = operationId(); }
    this.say(this.dataset.saving);
    let response;
    try {
      response = await fetch(this.dataset.url, {
        method: "PUT", keepalive: keepalive && text.length < 20000, redirect: "manual", signal: AbortSignal.timeout(15000),
        headers: { "Content-Type": "application/json", "X-CSRFToken": csrfToken() },
        body: JSON.stringify({ text, revision: this.revision, operation: this.operation }),
      });
    } catch { return this.later(this.dataset.offline); }
    if (response.type === "opaqueredirect" || response.status === 401 || response.status === 403) return this.say(this.dataset.locked, false);
    const reply = await response.json().catch(() => ({}));
    if (response.status === 409) return this.conflict(reply);
    if (response.status >= 500) return this.later(this.dataset.kept);
    if (!response.ok) return this.say(reply.error || this.dataset.kept, false);
    await this.acknowledge(text, reply);
  }

  async acknowledge(text, reply) {
    if (reply.text !== undefined && this.field.value === text) { this.field.value = reply.text; text = reply.text; }
    if (await digest(text) !== reply.sha256) return this.later(this.dataset.kept);
    this.revision = reply.revision;
    this.saved = text;
    this.wait = 1000;
    this.form.elements.revision.value = reply.revision;
    this.form.elements.operation.value = operationId();
    if (this.field.value === text) { this.dropDraft(); this.say(`${this.dataset.saved} ${new Date().toLocaleTimeString(document.documentElement.lang, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" })}`); }
    else this.again = true;
  }

  later(message) {
    this.say(message, false);
    this.timer = setTimeout(() => this.save(), this.wait * (0.75 + Math.random() / 2));
    this.wait = Math.min(this.wait * 2, 30000);
  }

  conflict(reply) {
    this.conflicting = true;
    this.revision = reply.revision;
    this.theirs = reply.text;
    this.part("theirs").textContent = reply.text;
    this.part("conflict").hidden = false;
    this.say(this.dataset.conflict, false);
    this.part("conflict").scrollIntoView({ block: "nearest" });
  }

  settle(text) {
    this.conflicting = false;
    this.part("conflict").hidden = true;
    this.saved = this.theirs;
    this.field.value = text;
    this.form.elements.revision.value = this.revision;
    this.field.focus();
    this.typed();
    this.save();
  }

  async submitted(event) {
    if (this.leaving) return;
    event.preventDefault();
    const button = event.submitter ?? this.part("next");
    await this.save();
    await this.running;
    if (this.conflicting || this.field.value !== this.saved) return; // the status says why
    this.leaving = true;
    this.form.requestSubmit(button);
  }

  key(event) {
    if ((event.ctrlKey || event.metaKey) && event.key === "Enter") { event.preventDefault(); this.form.requestSubmit(this.part("next")); }
    if (event.altKey && event.key === "ArrowDown") { event.preventDefault(); this.form.requestSubmit(this.part("next")); }
    if (event.altKey && event.key === "ArrowUp") { event.preventDefault(); document.querySelector("a[rel=prev]")?.click(); }
  }
}

customElements.define("answer-sheet", AnswerSheet);
