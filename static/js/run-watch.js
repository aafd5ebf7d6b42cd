// Keeps the watch page of a training fresh: looks again and again, redraws curves, swaps the parts that changed.

import { RunChart } from "./run-chart.js";
import { RunTell } from "./run-tell.js";

const SECOND = 1000;
const LONGEST_WAIT = 30 * SECOND;
const SMOOTHING = "smoothing";

class RunWatch extends HTMLElement {
  connectedCallback() {
    this.last = 0;
    this.shown = new Map();
    this.wait = SECOND;
    this.seenAt = new Date();
    this.active = this.hasAttribute("data-active");
    this.teller = new RunTell(this.querySelector("[data-tell]"), this.dataset.url);
    const box = this.querySelector("[data-chart]"); // none where a training ended before its first step
    if (box) this.chart = new RunChart(box, this.querySelector(".legend"));
    if (box) this.controls();
    this.poll();
  }

  disconnectedCallback() {
    clearTimeout(this.timer);
  }

  /** The switch between the two curves, and the smoothing, which this browser remembers. */
  controls() {
    this.range = this.querySelector(`#${SMOOTHING}`);
    this.range.value = localStorage.getItem(SMOOTHING) ?? this.range.value;
    for (const part of this.querySelectorAll("[data-js]")) part.hidden = false;
    this.querySelector(".curves").addEventListener("input", () => this.redraw());
    this.redraw();
  }

  redraw() {
    const kind = this.querySelector("[name=curve]:checked").value;
    const weight = Number(this.range.value);
    localStorage.setItem(SMOOTHING, this.range.value);
    this.querySelector("output[for]").textContent = weight.toLocaleString(document.documentElement.lang);
    for (const part of this.querySelectorAll("[data-of]")) part.hidden = part.dataset.of !== kind;
    this.chart.show(kind, weight);
  }

  async poll() {
    let goesOn = true;
    try {
      goesOn = await this.look();
    } catch { // offline, or the server restarts: what is shown stays
      this.wait = Math.min(LONGEST_WAIT, this.wait * 2);
      this.say(this.dataset.lostText.replace("%s", this.seenAt.toLocaleTimeString(document.documentElement.lang, { hour12: false })));
    }
    if (goesOn) this.timer = setTimeout(() => this.poll(), this.wait);
  }

  /** One look at the server; whether there will be more to see. */
  async look() {
    const query = new URLSearchParams({ after: this.last, state: this.dataset.state });
    const options = { headers: { Accept: "application/json" }, redirect: "manual" };
    const response = await fetch(`${this.dataset.url}?${query}`, options);
    if (response.type === "opaqueredirect" || response.status === 403 || response.status === 404) {
      this.say(this.dataset.closedText);
      return false;
    }
    if (!response.ok) throw new Error(String(response.status));
    this.take(await response.json());
    return this.active || this.more;
  }

  take(news) {
    this.say("");
    this.seenAt = new Date();
    this.more = news.more;
    this.wait = news.more ? 0 : news.pace * SECOND;
    this.chart?.add(news);
    this.last = news.last;
    for (const [name, html] of Object.entries(news.parts)) this.swap(name, html);
    document.title = news.title;
    if (news.state !== this.dataset.state) this.querySelector("[data-announce]").textContent = news.state_label;
    this.dataset.state = news.state;
    if (this.active && !news.active) this.teller.end(news.title, this.dataset.toldBody);
    this.active = news.active;
  }

  /** A sentence about the connection to the server; none while all is well. */
  say(text) {
    const box = this.querySelector("[data-lost]");
    if (box.textContent === text) return;
    const line = Object.assign(document.createElement("p"), { className: "fault", textContent: text });
    box.replaceChildren(...(text ? [line] : []));
  }

  /** Replaces a part of the page if it changed; the server escaped it. What was folded out stays so. */
  swap(name, html) {
    const part = this.querySelector(`[data-part="${name}"]`);
    if (!part || this.shown.get(name) === html) return;
    const open = part.querySelector("details")?.open;
    const focused = part.contains(document.activeElement) ? document.activeElement.textContent : null;
    part.innerHTML = html;
    this.shown.set(name, html);
    if (open) part.querySelector("details")?.setAttribute("open", "");
    if (focused !== null) this.refocus(part, focused);
  }

  /** Focus goes to what has the same words now, else to the heading. */
  refocus(part, words) {
    const places = [...part.querySelectorAll("a, button, summary, pre")];
    (places.find((place) => place.textContent === words) ?? part.querySelector("h1") ?? part).focus();
  }
}

customElements.define("run-watch", RunWatch);
