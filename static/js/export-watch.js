// Looks whether files that are being made are ready, and shows them. Without it the page is loaded again by hand.

const LOOK_AGAIN = 2000; // ms

class ExportWatch extends HTMLElement {
  connectedCallback() { this.wait(); }

  disconnectedCallback() { clearTimeout(this.timer); }

  wait() {
    if (this.dataset.making !== undefined) this.timer = setTimeout(() => this.look(), LOOK_AGAIN);
  }

  async look() {
    try {
      const reply = await fetch(location.href, { headers: { Accept: "text/html" } });
      if (reply.ok) this.show(new DOMParser().parseFromString(await reply.text(), "text/html"));
    } catch {
      // the server is away: what is shown stays, and the next look may find it
    }
    this.wait();
  }

  show(page) {
    const fresh = page.querySelector("export-watch");
    if (!fresh || fresh.innerHTML.replace(/value="\w+"/g, "") === this.innerHTML.replace(/value="\w+"/g, "")) return;
    if (fresh.dataset.making === undefined) delete this.dataset.making;
    this.replaceChildren(...fresh.childNodes);
  }
}

customElements.define("export-watch", ExportWatch);
