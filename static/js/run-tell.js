// Tells of a training's end by the browser's own notification, if the person asked for that.

const KEY = "tell-me"; // holds the address of the run's events

/** The run whose end is to be told; null if none is, or if the browser was since told not to. */
export function wish() {
  const allowed = "Notification" in window && Notification.permission === "granted";
  return allowed ? localStorage.getItem(KEY) : null;
}

/** Forgets the wish, and shows the notification if there is a title. The tag keeps two open pages from telling twice. */
export function told(run, title, body) {
  localStorage.removeItem(KEY);
  if (!title) return;
  try {
    new Notification(title, { body, tag: run, lang: document.documentElement.lang });
  } catch (error) {
    if (!(error instanceof TypeError)) throw error; // Android's Chrome knows them from service workers only
  }
}

/** The button "Tell me when it is done". Permission is asked for on the click alone. */
export class RunTell {
  constructor(box, run) {
    this.box = box;
    this.run = run;
    if (!box || !("Notification" in window) || !window.isSecureContext) return;
    this.button = box.querySelector("button");
    this.note = box.querySelector("[role=status]");
    this.button.addEventListener("click", () => this.toggle());
    box.hidden = false;
    this.show();
  }

  get wanted() {
    return wish() === this.run;
  }

  async toggle() {
    if (this.wanted) told(this.run);
    else if ((await Notification.requestPermission()) === "granted") localStorage.setItem(KEY, this.run);
    this.show(Notification.permission === "denied");
  }

  show(denied = false) {
    this.button.setAttribute("aria-pressed", String(this.wanted));
    this.note.textContent = this.wanted ? this.note.dataset.granted : denied ? this.note.dataset.denied : "";
  }

  /** It ended: said once, and the button goes. */
  end(title, body) {
    if (this.box) this.box.hidden = true;
    if (this.wanted) told(this.run, title, body);
  }
}
