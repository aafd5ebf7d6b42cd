// Keeps the progress of a report fresh, and opens the report when it is there. Without it the page is loaded by hand.

const SECOND = 1000;
const LONGEST_WAIT = 30 * SECOND;

class ReportWatch extends HTMLElement {
  connectedCallback() {
    this.wait = 2 * SECOND;
    this.next();
  }

  disconnectedCallback() { clearTimeout(this.timer); }

  next() { this.timer = setTimeout(() => this.look(), this.wait); }

  async look() {
    try {
      const reply = await fetch(this.dataset.url, { headers: { Accept: "application/json" }, redirect: "manual" });
      if (reply.type === "opaqueredirect" || reply.status === 403 || reply.status === 404) return this.say(this.dataset.closedText);
      if (!reply.ok) throw new Error(String(reply.status));
      this.take(await reply.json());
    } catch { // offline, or the server restarts: what is shown stays
      this.wait = Math.min(LONGEST_WAIT, this.wait * 2);
      this.say(this.dataset.lostText);
      this.next();
    }
  }

  take({ active, html, title, address }) {
    if (!active) return location.assign(address);
    this.wait = 2 * SECOND;
    this.say("");
    document.title = title;
    this.querySelector('[data-part="status"]').innerHTML = html; // the server's own template, which escapes
    this.next();
  }

  say(text) {
    const line = this.querySelector("[data-lost]");
    line.textContent = text;
    line.hidden = !text;
  }
}

customElements.define("report-watch", ReportWatch);
