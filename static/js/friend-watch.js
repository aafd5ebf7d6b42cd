// Looks again until the replies for friends are made. Without it the page is loaded by hand.

const LOOK_AGAIN = 3000; // ms

class FriendWatch extends HTMLElement {
  connectedCallback() { this.timer = setTimeout(() => location.reload(), LOOK_AGAIN); }

  disconnectedCallback() { clearTimeout(this.timer); }
}

customElements.define("friend-watch", FriendWatch);
