// Reckons rows, tokens, time and money anew when something is chosen: the same page by GET, of which the figures are taken.

const AGAIN = 2000; // milliseconds between looks while a base model is being tried
const PATIENCE = 400; // after the last keystroke

class TrainForm extends HTMLElement {
  connectedCallback() {
    this.form = this.querySelector("form");
    this.querySelector("[data-reckon]").hidden = true;
    this.form.addEventListener("change", () => this.reckon());
    this.form.addEventListener("input", (event) => {
      if (event.target.type !== "text") return;
      clearTimeout(this.typing);
      this.typing = setTimeout(() => this.reckon(), PATIENCE);
    });
    this.lookAgain();
  }

  disconnectedCallback() {
    clearTimeout(this.typing);
    clearTimeout(this.again);
    this.asked?.abort();
  }

  /** What is filled in, as the query of this page. */
  query() {
    const filled = [...new FormData(this.form)].filter(([name, value]) => value && name !== "csrfmiddlewaretoken");
    return new URLSearchParams(filled);
  }

  async reckon() {
    clearTimeout(this.typing);
    this.asked?.abort();
    this.asked = new AbortController();
    const address = `${location.pathname}?${this.query()}`;
    this.setAttribute("aria-busy", "true");
    try {
      const response = await fetch(address, { signal: this.asked.signal });
      if (!response.ok) return;
      this.show(new DOMParser().parseFromString(await response.text(), "text/html"));
      history.replaceState(null, "", address);
    } catch { // offline, or something newer was chosen: what is shown stays
      return;
    } finally {
      this.removeAttribute("aria-busy");
    }
    this.lookAgain();
  }

  /** Takes the figures over; fields keep what is in them, and the focus. */
  show(page) {
    for (const part of this.querySelectorAll("[data-live]")) {
      const fresh = page.querySelector(`[data-live="${part.dataset.live}"]`);
      if (fresh && fresh.innerHTML !== part.innerHTML) part.replaceChildren(...fresh.childNodes);
    }
    const button = this.querySelector("[data-live-state]");
    const fresh = page.querySelector("[data-live-state]");
    if (button && fresh) button.disabled = fresh.disabled;
    for (const field of this.querySelectorAll("input[placeholder]")) {
      field.placeholder = page.getElementById(field.id)?.placeholder ?? field.placeholder;
    }
  }

  lookAgain() {
    clearTimeout(this.again);
    if (this.querySelector("[data-again]")) this.again = setTimeout(() => this.reckon(), AGAIN);
  }
}

customElements.define("train-form", TrainForm);
