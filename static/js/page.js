// Loaded on every page: the CSRF token for the other modules, and forms that are sent once.

/** The CSRF token that Django set as a cookie. */
export function csrfToken() {
  const found = document.cookie.split("; ").find((part) => /^(__Host-csrf=|csrf_)/.test(part));
  return found ? decodeURIComponent(found.split("=").slice(1).join("=")) : "";
}

/** A random id for an operation: the server recognises a repeated one. */
export const operationId = () => crypto.randomUUID();

if (localStorage.getItem("tell-me")) import("./run-elsewhere.js"); // a training's end is waited for

try {
  if (Object.keys(localStorage).some((key) => key.startsWith("draft/"))) import("./draft-sender.js"); // texts that wait here
} catch { /* a browser that keeps nothing */ }

document.addEventListener("submit", (event) => {
  const button = event.submitter;
  if (button?.dataset.once === undefined || event.defaultPrevented) return;
  setTimeout(() => { button.disabled = true; }); // after the browser has taken the button's value
});

document.addEventListener("keydown", (event) => {
  if (!(event.ctrlKey || event.metaKey) || event.altKey || event.shiftKey || event.key.toLowerCase() !== "k") return;
  const find = document.querySelector("[data-find]");
  if (!find) return;
  event.preventDefault();
  find.click();
});
