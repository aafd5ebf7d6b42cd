// The writing field: shows what DraftKeeper says of the text, and lets the person settle a conflict.
import { operationId } from "./page.js";
import { browserWorld, ended, live, onSavedElsewhere, storage } from "./draft-browser.js";
import { DraftKeeper } from "./draft-keeper.js";
import { adoptDraft, keepsDrafts, setKeepsDrafts, Shelf } from "./draft-shelf.js";

const SCENE = 40, STORY = 120; // words

class AnswerSheet extends HTMLElement {
  connectedCallback() {
    this.form = this.querySelector("form");
    this.field = this.querySelector("textarea");
    const question = this.dataset.key;
    this.shelf = new Shelf(storage, `draft/${question}/${operationId()}`);
    const world = browserWorld({ question, shelf: this.shelf, tell: (event, detail) => this.told(event, detail) });
    this.keeper = new DraftKeeper(world, { text: this.field.value, revision: Number(this.dataset.revision) });
    live(this.shelf.key);
    onSavedElsewhere(question, (message) => this.keeper.heard(message));
    this.listen();
    this.part("shared").checked = !keepsDrafts(storage);
    this.part("shared-row").hidden = false;
    if (this.part("words").dataset.unsaved !== undefined) { this.keeper.saved = undefined; this.keeper.typed(this.field.value); }
    else this.adopt();
    this.count();
    if (matchMedia("(min-width: 48rem)").matches) this.field.focus({ preventScroll: true });
  }

  listen() {
    this.field.addEventListener("input", () => { this.keeper.typed(this.field.value); this.count(); });
    this.form.addEventListener("submit", (event) => this.submitted(event));
    addEventListener("keydown", (event) => this.key(event));
    addEventListener("online", () => this.keeper.flush());
    document.addEventListener("visibilitychange", () => (document.hidden ? this.keeper.leave() : this.keeper.flush()));
    addEventListener("pagehide", () => { this.keeper.leave(); this.shelf.leave(); });
    addEventListener("pageshow", (event) => event.persisted && this.cameBack());
    addEventListener("beforeunload", (event) => { if (this.keeper.isDirty && !this.keeper.kept) event.preventDefault(); });
    this.part("use-merge").onclick = () => this.settle(this.keeper.conflict.merged);
    this.part("keep-mine").onclick = () => this.settle(this.field.value);
    this.part("keep-theirs").onclick = () => this.settle(this.keeper.conflict.text);
    this.part("keep-both").onclick = () => this.settle(`${this.keeper.conflict.text}\n\n${this.field.value}`);
    this.part("shared").onchange = () => this.share(this.part("shared").checked);
  }

  part(name) { return this.querySelector(`[data-part="${name}"]`); }
  word(name) { return this.dataset[name] ?? this.part("words").dataset[name]; }

  /** Goes on, one after the other, with the drafts of this question that ended pages left. */
  async adopt() {
    while (await adoptDraft(this.keeper, this.shelf, this.dataset.key, ended)) {
      this.field.value = this.keeper.text;
      this.count();
      this.say(this.word("restored"));
      await this.keeper.flush();
    }
  }

  /** Out of the browser's memory of pages: the server may have a newer text, and another page may have the draft. */
  cameBack() {
    if (!this.keeper.isDirty || (this.keeper.kept && !this.shelf.leave(false))) location.reload();
    else this.keeper.flush();
  }

  share(shared) {
    setKeepsDrafts(storage, !shared);
    this.keeper.keep();
  }

  told(event, detail) {
    const time = () => new Date().toLocaleTimeString(document.documentElement.lang, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
    const loose = this.keeper.kept ? "" : this.word("unkept");
    this.part("locked").hidden = event !== "locked";
    if (event === "text") { this.field.value = detail; this.count(); this.acknowledged(); }
    if (event === "saving") this.say(this.word("saving"));
    if (event === "saved") { this.acknowledged(); this.say(`${this.word("saved")} ${time()}`); }
    if (event === "offline") this.say(loose || this.word("offline"), false);
    if (event === "trouble") this.say(detail || loose || this.word("kept"), false);
    if (event === "locked") this.say(loose || this.word("kept"), false);
    if (event === "refused") this.say(detail || this.word("kept"), false);
    if (event === "conflict") this.conflict(detail);
  }

  /** The plain form must fit to what is stored, for it is sent when the person goes on. */
  acknowledged() {
    this.form.elements.revision.value = this.keeper.revision;
    this.form.elements.operation.value = operationId();
  }

  say(text, good = true) {
    const status = this.part("status");
    status.hidden = !text;
    if (status.textContent !== text) status.textContent = text;
    status.classList.toggle("good", good);
    status.classList.toggle("warn", !good);
  }

  conflict({ parts, merged }) {
    const marked = (kind) => parts.filter(([each]) => each === "same" || each === kind).map(([each, text]) => (each === "same" ? text : Object.assign(document.createElement("mark"), { textContent: text })));
    this.part("theirs").replaceChildren(...marked("gone"));
    this.part("yours").replaceChildren(...marked("new"));
    this.part("merged").textContent = merged ?? "";
    this.part("merge").hidden = this.part("use-merge").hidden = merged === null;
    this.part("choices").hidden = this.part("conflict").hidden = false;
    this.say(this.word("conflict"), false);
    this.part("conflict").scrollIntoView({ block: "nearest" });
  }

  settle(text) {
    this.part("conflict").hidden = true;
    this.field.value = text;
    this.keeper.settle(text);
    this.acknowledged();
    this.count();
    this.field.focus();
  }

  async submitted(event) {
    if (this.leaving) return;
    event.preventDefault();
    const button = event.submitter ?? this.part("next");
    await this.keeper.flush();
    if (this.keeper.isDirty) return; // the status says why
    this.leaving = true;
    this.acknowledged();
    setTimeout(() => this.form.requestSubmit(button)); // within the first submit event a second one would be ignored
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

  key(event) {
    if ((event.ctrlKey || event.metaKey) && event.key === "Enter") { event.preventDefault(); this.form.requestSubmit(this.part("next")); }
    if (event.altKey && event.key === "ArrowDown") { event.preventDefault(); this.form.requestSubmit(this.part("next")); }
    if (event.altKey && event.key === "ArrowUp") { event.preventDefault(); document.querySelector("a[rel=prev]")?.click(); }
  }
}

customElements.define("answer-sheet", AnswerSheet);
