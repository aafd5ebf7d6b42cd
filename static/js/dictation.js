// Listening by the browser's own speech recognition: what it has understood for good goes to where the caret is.

const LOCALES = { en: "en-US", ru: "ru-RU" };
const DENIED = new Set(["not-allowed", "service-not-allowed"]);
const SILENT = new Set(["no-speech", "aborted"]); // no fault of anybody's

export class Dictation {
  constructor(Recognition, host, field) {
    Object.assign(this, { host, field, button: host.querySelector("button"), label: host.querySelector("[data-part=label]"), status: host.querySelector("[data-part=heard]") });
    this.name = this.label.textContent;
    this.listening = false;
    this.recognition = Object.assign(new Recognition(), { lang: LOCALES[host.lang] ?? host.lang, continuous: true, interimResults: false });
    this.recognition.onresult = (event) => this.heard(event);
    this.recognition.onerror = (event) => this.failed(event.error);
    this.recognition.onend = () => this.set(false);
  }

  toggle() {
    if (this.listening) return this.recognition.stop();
    this.status.textContent = "";
    this.recognition.start();
    this.set(true);
  }

  set(listening) {
    this.listening = listening;
    this.button.setAttribute("aria-pressed", listening);
    this.label.textContent = listening ? this.host.dataset.listening : this.name;
  }

  heard(event) {
    for (let place = event.resultIndex; place < event.results.length; place += 1)
      if (event.results[place].isFinal) this.insert(event.results[place][0].transcript.trim());
  }

  insert(text) {
    const { field } = this;
    const before = field.value.slice(0, field.selectionStart);
    field.setRangeText((/\S$/.test(before) ? " " : "") + text, field.selectionStart, field.selectionEnd, "end");
    field.dispatchEvent(new Event("input", { bubbles: true })); // saved like what is typed
  }

  failed(error) {
    if (SILENT.has(error)) return;
    this.status.textContent = DENIED.has(error) ? this.host.dataset.denied : this.host.dataset.failed;
  }
}
