// The chat room: sends a message, shows the reply while it comes, stops it. Without this file the form posts the page.
import { csrfToken, operationId } from "./page.js";
import { sent, talkOf } from "./chat-swap.js";
import { canDictate, canSpeak, dictate, speak } from "./chat-voice.js";

const LOOK_MS = 5000; // between two looks for what was said elsewhere, in Telegram for one

class ChatRoom extends HTMLElement {
  connectedCallback() {
    this.form = this.part("composer");
    this.field = this.form.elements.text;
    this.form.addEventListener("submit", (event) => { event.preventDefault(); this.send(); });
    this.field.addEventListener("keydown", (event) => this.key(event));
    this.part("stop").addEventListener("click", () => this.stop());
    addEventListener("keydown", (event) => {
      if (event.key === "Escape" && this.reply && !event.isComposing) { event.preventDefault(); this.stop(); }
    });
    this.addEventListener("submit", (event) => this.swap(event));
    this.addEventListener("click", (event) => this.tool(event));
    this.addEventListener("toggle", ({ target }) => { if (target.open) target.querySelector("form")?.scrollIntoView({ block: "nearest" }); }, true);
    this.toggleAttribute("data-dictates", canDictate);
    this.toggleAttribute("data-speaks", canSpeak);
    addEventListener("pagehide", () => this.leave());
    if (!this.followRunning() && this.dataset.warm) fetch(this.dataset.warm, { method: "POST", headers: { "X-CSRFToken": csrfToken() } }).catch(() => {}); // the message will tell
    if (this.dataset.newest) this.looking = setInterval(() => this.look(), LOOK_MS);
    if (matchMedia("(min-width: 48rem)").matches) this.field.focus({ preventScroll: true });
    if (this.querySelector(".said") && !location.hash) this.down();
  }

  disconnectedCallback() { this.source?.close(); clearInterval(this.looking); }

  part(name) { return this.querySelector(`[data-part="${name}"]`); }

  followRunning() {
    const running = [...this.querySelectorAll(".reply[aria-busy]")].pop();
    if (running) this.follow(running);
    return running;
  }

  /** A form inside the talk: the talk that comes back takes the place of this one. */
  async swap(event) {
    if (!event.target.matches("[data-swap]")) return;
    event.preventDefault();
    if (this.reply || this.sending || this.swapping) return;
    this.swapping = sent(event.target, event.submitter, this.dataset, this.chosen());
    const { talk, fault } = await this.swapping;
    this.swapping = null;
    this.fault(fault || "");
    if (fault) return this.part("fault").focus();
    const place = event.target.closest("article")?.id;
    this.part("talk").replaceWith(document.adoptNode(talk));
    if (this.followRunning()) return this.down();
    const article = (place && document.getElementById(place)) || [...this.querySelectorAll(".reply")].pop();
    article?.querySelector("summary, button")?.focus({ preventScroll: true });
    this.part("announce").textContent = article?.querySelector(".kept, .words")?.textContent || "";
  }

  /** Takes over what was said in this conversation from elsewhere, unless the person is busy in the talk. */
  async look() {
    const isBusy = () => document.hidden || this.reply || this.sending || this.swapping || this.part("talk").querySelector("details[open], :focus-visible");
    const shown = [...this.querySelectorAll(".said, .reply")].pop()?.id;
    if (!shown || isBusy()) return;
    const answer = await fetch(this.dataset.newest).then((response) => (response.ok ? response.json() : {}), () => ({}));
    if (!answer.newest || `m${answer.newest}` === shown || isBusy()) return;
    const { talk } = await talkOf(fetch(this.dataset.page)).catch(() => ({}));
    if (!talk || isBusy()) return;
    this.keepDown(() => this.part("talk").replaceWith(document.adoptNode(talk)));
    if (!this.followRunning()) this.part("announce").textContent = [...this.querySelectorAll(".reply .words")].pop()?.textContent || "";
  }

  chosen() {
    const { version, manner } = this.form.elements;
    return version ? { version: version.value, manner: manner.value } : {}; // a visitor chooses nothing
  }

  tool(event) {
    const button = event.target.closest("[data-tool]");
    const said = () => button.closest("article").querySelector('[data-part="said"]').textContent;
    const copied = () => [said().trim(), this.dataset.label].filter(Boolean).join("\n\n— "); // a visitor's copy says what it is
    if (button?.dataset.tool === "copy") navigator.clipboard.writeText(copied()).then(() => this.done(button), () => {});
    if (button?.dataset.tool === "speak") speak(button, said());
    if (button?.dataset.tool === "dictate") dictate(button, this.field, document.documentElement.lang);
  }

  done(button) {
    const label = button.textContent;
    button.textContent = this.part("announce").textContent = button.dataset.done;
    setTimeout(() => { button.textContent = label; }, 1500);
  }

  /** A temporary conversation goes when its page is left; loaded again within a minute, it stays. */
  leave() {
    if (!this.dataset.close || !this.querySelector(".said")) return;
    navigator.sendBeacon(this.dataset.close, new URLSearchParams({ csrfmiddlewaretoken: csrfToken() }));
  }

  key(event) {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return; // Shift+Enter: a new line
    event.preventDefault();
    this.form.requestSubmit();
  }

  async send() {
    await this.swapping; // a correction on its way, say: the message goes right behind it
    const text = this.field.value.trim();
    if (!text || this.reply || this.sending) return;
    this.sending = true;
    const answer = await this.post(text);
    this.sending = false;
    if (!answer) return;
    this.field.value = "";
    this.form.elements.operation.value = operationId();
    this.part("talk").querySelectorAll(".beginning, [data-part='line-next']").forEach((part) => part.remove());
    this.part("talk").append(fragment(answer.html));
    history.replaceState(null, "", new URL("../", this.form.action)); // the new conversation's own address
    for (const part of this.querySelectorAll('[data-part="begun"]')) part.hidden = false;
    this.part("not-begun")?.remove();
    this.follow(this.part("talk").lastElementChild);
    this.down();
  }

  /** The server's answer to the message, or null after a sentence about what went wrong. */
  async post(text) {
    const fields = this.form.elements;
    let response;
    try {
      response = await fetch(this.form.action, {
        method: "POST", redirect: "manual", signal: AbortSignal.timeout(15000),
        headers: { "Content-Type": "application/json", "X-CSRFToken": csrfToken() },
        // The operation's id stays the same until the server has it, so a lost reply does not ask twice.
        body: JSON.stringify({
          text, operation: fields.operation.value, ...this.chosen(), temporary: fields.temporary?.value || "",
        }),
      });
    } catch { return this.fault(this.dataset.offline); }
    if (response.type === "opaqueredirect" || response.status === 403) return this.fault(this.dataset.locked);
    const answer = await response.json().catch(() => ({}));
    return response.ok ? (this.fault(""), answer) : this.fault(answer.error || this.dataset.offline);
  }

  fault(sentence) {
    this.part("fault").hidden = !sentence;
    this.part("fault").textContent = sentence;
    return null;
  }

  /** Shows a reply as it comes. EventSource comes back by itself, and then gets all that is stored so far. */
  follow(article) {
    this.reply = article;
    this.busy(true);
    const words = article.querySelector('[data-part="words"]');
    const wait = article.querySelector('[data-part="wait"]');
    const show = (change) => { wait.hidden = true; this.keepDown(change); };
    const source = this.source = new EventSource(article.dataset.stream);
    source.addEventListener("text", (event) => show(() => words.append(JSON.parse(event.data).text)));
    source.addEventListener("full", (event) => show(() => { words.textContent = JSON.parse(event.data).text; }));
    source.addEventListener("again", () => show(() => { words.textContent = ""; }));
    source.addEventListener("waiting", () => { wait.hidden = false; });
    source.addEventListener("done", (event) => this.finish(JSON.parse(event.data)));
    source.addEventListener("error", () => {
      if (source.readyState !== EventSource.CLOSED) return this.fault(this.dataset.broke); // it tries again by itself
      this.fault(this.dataset.locked);
      this.reply = null;
      this.busy(false);
    });
    source.addEventListener("open", () => this.fault(""));
  }

  finish({ html }) {
    this.source.close();
    const finished = fragment(html);
    const words = [...finished.querySelectorAll(".words, .fault")].map((part) => part.textContent).join(" ");
    this.keepDown(() => this.reply.replaceWith(finished));
    this.part("announce").textContent = words; // once, and whole: tokens are never announced
    this.reply = null;
    this.busy(false);
  }

  async stop() {
    if (!this.reply) return;
    this.part("stop").disabled = true;
    try {
      await fetch(this.reply.dataset.stop, { method: "POST", headers: { Accept: "application/json", "X-CSRFToken": csrfToken() } });
    } catch { this.fault(this.dataset.offline); }
    this.part("stop").disabled = false;
  }

  busy(on) {
    this.part("send").hidden = on;
    this.part("stop").hidden = !on;
    this.part("stop").disabled = false;
  }

  /** Changes the talk and stays at its end, unless the person has scrolled up to read. */
  keepDown(change) {
    const page = document.documentElement;
    const atEnd = page.scrollHeight - page.scrollTop - page.clientHeight < 80;
    change();
    if (atEnd) this.down();
  }

  down() { scrollTo({ top: document.documentElement.scrollHeight }); }
}

/** Elements of HTML that this server made: its templates escape every word of a person or a model. */
function fragment(html) {
  const template = document.createElement("template");
  template.innerHTML = html;
  return template.content;
}

customElements.define("chat-room", ChatRoom);
