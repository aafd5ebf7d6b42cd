// A form that a passkey answers (WebAuthn). The element stays hidden where the browser has none.
//   data-ask      address that hands out a challenge; or
//   data-options  id of the JSON in the page that holds one
//   data-make     a new passkey is made instead of an old one being used

const KNOWS_PASSKEYS = Boolean(window.PublicKeyCredential?.parseRequestOptionsFromJSON);

class PassKey extends HTMLElement {
  connectedCallback() {
    if (!KNOWS_PASSKEYS) return;
    this.hidden = false;
    this.querySelector("form").addEventListener("submit", (event) => this.submit(event));
  }

  async submit(event) {
    event.preventDefault();
    const form = event.target, fault = this.querySelector("[data-fault]");
    if (this.busy) return;
    this.busy = true;
    fault.hidden = true;
    try {
      form.elements.credential.value = JSON.stringify(await this.credential(form));
      form.submit();
    } catch {
      fault.hidden = false;
    } finally {
      this.busy = false;
    }
  }

  async credential(form) {
    const { publicKey } = await this.options();
    if (this.dataset.make === undefined) {
      return navigator.credentials.get({ publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(publicKey) });
    }
    const discoverable = form.elements.passwordless?.checked ?? false;
    const selection = { ...publicKey.authenticatorSelection };
    if (discoverable) Object.assign(selection, { residentKey: "required", requireResidentKey: true, userVerification: "required" });
    const wanted = { ...publicKey, authenticatorSelection: selection };
    return navigator.credentials.create({ publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(wanted) });
  }

  async options() {
    if (this.dataset.options) {
      const data = JSON.parse(document.getElementById(this.dataset.options).textContent);
      return data.creation_options ?? data.request_options;
    }
    const reply = await fetch(this.dataset.ask, { headers: { Accept: "application/json" } });
    if (!reply.ok) throw new Error(`status ${reply.status}`);
    return (await reply.json()).request_options;
  }
}

customElements.define("pass-key", PassKey);
