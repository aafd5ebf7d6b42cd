// One item a screen, answered by a key or a click: the answer is sent, and the reply is the next card. Without it the
// same form loads the page anew.

const DIGIT = /^[0-9]$/;

class ItemCards extends HTMLElement {
  connectedCallback() {
    this.addEventListener("submit", (event) => this.submitted(event));
    this.addEventListener("click", (event) => this.clicked(event));
    this.pressed = (event) => this.key(event);
    addEventListener("keydown", this.pressed);
    this.shown();
  }

  disconnectedCallback() { removeEventListener("keydown", this.pressed); }

  /** A new card is there: the clock starts, and the keyboard is at its heading. */
  shown() {
    this.since = performance.now();
    this.querySelector("h1").focus({ preventScroll: true });
  }

  /** Digits answer, arrows go back and on, as long as the focus is on the card or nowhere. */
  key(event) {
    const here = event.target === document.body || this.contains(event.target);
    if (!here || event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
    const names = { ArrowLeft: "back", Backspace: "back", ArrowRight: "pass" };
    const wanted = DIGIT.test(event.key) ? `[data-key="${event.key}"]` : `[data-card="${names[event.key]}"]`;
    const button = this.querySelector(wanted);
    if (!button) return;
    event.preventDefault();
    button.click();
  }

  submitted(event) {
    event.preventDefault();
    if (this.busy) return;
    const form = event.target;
    form.elements.seconds.value = ((performance.now() - this.since) / 1000).toFixed(2);
    this.release();
    event.submitter.setAttribute("aria-pressed", "true");
    this.load(form.action, { method: "POST", body: new FormData(form, event.submitter) });
  }

  clicked(event) {
    const link = event.target.closest("a[data-card]");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    if (!this.busy) this.load(link.href, {});
  }

  async load(address, options) {
    this.busy = true;
    try {
      const headers = { Accept: "application/json" };
      const reply = await fetch(address, { ...options, headers, redirect: "manual" });
      const isJson = (reply.headers.get("Content-Type") ?? "").startsWith("application/json");
      if (isJson) this.show(await reply.json());
      else this.fault(reply.status >= 500 ? this.dataset.lost : this.dataset.closed);
    } catch { // the server is away: the card stays, and the person answers it again
      this.fault(this.dataset.lost);
    }
    this.busy = false;
  }

  show({ card }) { // the server's own template, which escapes every word
    this.innerHTML = card;
    this.shown();
  }

  fault(sentence) {
    const line = this.querySelector("[data-fault]");
    line.textContent = sentence;
    line.hidden = false;
    this.release();
  }

  release() {
    for (const button of this.querySelectorAll("[aria-pressed]")) button.removeAttribute("aria-pressed");
  }
}

customElements.define("item-cards", ItemCards);
