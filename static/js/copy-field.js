// A field whose text is copied by a button. Without this file the text can be marked by hand.

class CopyField extends HTMLElement {
  connectedCallback() {
    const field = this.querySelector("input"), button = this.querySelector("button");
    if (!navigator.clipboard) return; // plain HTTP from another computer
    button.hidden = false;
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(field.value).catch(() => field.select());
      button.textContent = this.dataset.done;
    });
  }
}

customElements.define("copy-field", CopyField);
