// What helps while writing: focus mode, the list of keys, what a short answer could still hold, and dictation.
import { keepsDrafts } from "./draft-shelf.js";

const PAUSE = 1500; // ms without a key before something appears below the text
const YEAR = 31536000; // seconds

const isField = (target) => target.closest?.("input, textarea, select, [contenteditable]") !== null;
const wordsIn = (text) => (text.match(/\S+/g) || []).length;

/** Nothing but the question and the text. The cookie lets the next page come without the rest from the start. */
class FocusMode extends HTMLElement {
  connectedCallback() {
    this.hidden = false;
    this.button = this.querySelector("button");
    this.button.addEventListener("click", () => this.set(!this.on));
    addEventListener("keydown", (event) => {
      if (event.key === "Escape" && this.on && !event.isComposing && !document.querySelector("dialog[open]")) this.set(false);
    });
  }

  get on() { return document.body.classList.contains("focus"); }

  set(on) {
    document.body.classList.toggle("focus", on);
    document.cookie = `focus=${on ? 1 : 0}; path=/; max-age=${YEAR}; samesite=lax`;
    this.button.setAttribute("aria-pressed", on);
    this.button.textContent = on ? this.button.dataset.on : this.button.dataset.off;
    document.querySelector("[data-answer]")?.focus();
  }
}

/** `?` outside a field, or the button, shows the keys. */
class KeyList extends HTMLElement {
  connectedCallback() {
    this.hidden = false;
    this.dialog = document.getElementById("keys");
    this.querySelector("button").addEventListener("click", () => this.dialog.showModal());
    addEventListener("keydown", (event) => this.key(event));
  }

  key(event) {
    const plain = !event.ctrlKey && !event.metaKey && !event.altKey;
    if (event.key === "?" && plain && !isField(event.target) && !this.dialog.open) { event.preventDefault(); this.dialog.showModal(); }
    const way = { ArrowUp: "prev", ArrowDown: "next" }[event.key];
    if (!event.altKey || !way || document.querySelector("answer-sheet")) return; // there it saves first
    event.preventDefault();
    document.querySelector(`a[rel=${way}]`)?.click();
  }
}

/** Below an answer of a few words: a hint on depth, and the question that goes on from it. */
class ShortAnswer extends HTMLElement {
  connectedCallback() {
    this.field = document.querySelector("[data-answer]");
    this.reply = this.querySelector("textarea");
    this.key = `follow/${this.dataset.key}`;
    this.restore();
    this.field.addEventListener("input", () => { clearTimeout(this.timer); this.timer = setTimeout(() => this.show(), PAUSE); });
    this.reply?.addEventListener("input", () => this.keep());
    document.querySelector("[data-part=shared]")?.addEventListener("change", (event) => event.target.checked && this.forget());
    this.show();
  }

  part(name) { return this.querySelector(`[data-part="${name}"]`); }

  show() {
    const words = wordsIn(this.field.value);
    const short = words > 0 && words < Number(this.dataset.few);
    this.part("depth").hidden = !short;
    if (!this.reply) return;
    const asks = this.reply.value !== "" || (short && !this.dataset.asked);
    this.part("follow").hidden = !asks;
    const beside = document.querySelector("[data-follows]");
    if (beside) beside.hidden = asks;
  }

  /** The reply is kept here until it is part of the answer: it reaches the server with the button. */
  keep() {
    try {
      if (keepsDrafts(localStorage) && this.reply.value) localStorage.setItem(this.key, this.reply.value);
      else localStorage.removeItem(this.key);
    } catch { /* full or forbidden */ }
  }

  /** On a shared computer nothing stays, of other questions neither. */
  forget() {
    for (const key of Object.keys(localStorage)) if (key.startsWith("follow/")) localStorage.removeItem(key);
  }

  restore() {
    try {
      const kept = localStorage.getItem(this.key);
      if (kept === null) return;
      if (!keepsDrafts(localStorage) || !this.reply || this.field.value.includes(kept.trim())) localStorage.removeItem(this.key);
      else if (!this.reply.value) this.reply.value = kept;
    } catch { /* nothing was kept */ }
  }
}

/** Speech to text by the browser where it can; the listening is fetched with the first click. */
class DictateButton extends HTMLElement {
  connectedCallback() {
    const Recognition = window.SpeechRecognition ?? window.webkitSpeechRecognition;
    if (!Recognition) return;
    this.hidden = false;
    this.querySelector("button").addEventListener("click", async () => {
      const { Dictation } = await import("./dictation.js");
      this.dictation ??= new Dictation(Recognition, this, document.querySelector("[data-answer]"));
      this.dictation.toggle();
    });
  }
}

/** Where the field does not take the focus by itself, as on a phone, the next question is read out from its heading. */
function greet() {
  const moved = document.referrer.startsWith(location.origin) && document.referrer.includes("/write/");
  if (moved && document.activeElement === document.body) document.getElementById("question").focus({ preventScroll: true });
}

customElements.define("focus-mode", FocusMode);
customElements.define("key-list", KeyList);
customElements.define("short-answer", ShortAnswer);
customElements.define("dictate-button", DictateButton);
addEventListener("load", greet);
