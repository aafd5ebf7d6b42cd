// Tells of a training's end by the browser's own notification, if the person asked for that.

const KEY = "tell-me";

/** The button "Tell me when it is done". Permission is asked for on the click alone. */
export class RunTell {
  constructor(box, run) {
    this.box = box;
    this.run = run;
    if (!box || !("Notification" in window) || !window.isSecureContext) return;
    this.button = box.querySelector("button");
    this.note = box.querySelector("[role=status]");
    this.button.addEventListener("click", () => this.toggle());
    this.wanted = sessionStorage.getItem(KEY) === run && Notification.permission === "granted";
    box.hidden = false;
    this.show();
  }

  async toggle() {
    const allowed = this.wanted ? "granted" : await Notification.requestPermission();
    this.wanted = !this.wanted && allowed === "granted";
    if (this.wanted) sessionStorage.setItem(KEY, this.run);
    else sessionStorage.removeItem(KEY);
    this.show(allowed === "denied");
  }

  show(denied = false) {
    this.button.setAttribute("aria-pressed", String(this.wanted));
    this.note.textContent = this.wanted ? this.note.dataset.granted : denied ? this.note.dataset.denied : "";
  }

  /** It ended: said once, and the button goes. */
  end(title, body) {
    if (this.box) this.box.hidden = true;
    if (!this.wanted) return;
    this.wanted = false;
    sessionStorage.removeItem(KEY);
    try {
      new Notification(title, { body, tag: this.run, lang: document.documentElement.lang });
    } catch (error) {
      if (!(error instanceof TypeError)) throw error; // Android's Chrome knows them from service workers only
    }
  }
}
