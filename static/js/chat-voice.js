// Voice, where the browser has it: the message is dictated, the reply is read aloud. Nothing is sent to this server.
const Recognition = globalThis.SpeechRecognition || globalThis.webkitSpeechRecognition;

export const canDictate = Boolean(Recognition);
export const canSpeak = "speechSynthesis" in globalThis;

let listening = null;

/** Starts or ends dictation into a field; words that are final are added to what stands there. */
export function dictate(button, field, language) {
  if (listening) return listening.stop();
  listening = new Recognition();
  listening.lang = language;
  listening.onresult = (event) => {
    const heard = [...event.results].slice(event.resultIndex).filter((result) => result.isFinal);
    field.value = [field.value.trim(), ...heard.map((result) => result[0].transcript.trim())].filter(Boolean).join(" ");
  };
  const label = button.ariaLabel;
  listening.onend = () => { listening = null; pressed(button, false, label); field.focus(); };
  pressed(button, true, button.dataset.on);
  listening.start();
}

/** Reads a text aloud, with a voice of this computer where there is one; pressed again, it ends. */
export function speak(button, text) {
  if (button.getAttribute("aria-pressed") === "true") return speechSynthesis.cancel();
  speechSynthesis.cancel();
  const utterance = new SpeechSynthesisUtterance(text);
  utterance.lang = button.dataset.lang;
  const fitting = speechSynthesis.getVoices().filter((voice) => voice.lang.startsWith(button.dataset.lang));
  utterance.voice = fitting.find((voice) => voice.localService) || fitting[0] || null;
  const label = button.textContent;
  utterance.onend = utterance.onerror = () => pressed(button, false, label);
  pressed(button, true, button.dataset.on);
  speechSynthesis.speak(utterance);
}

function pressed(button, on, label) {
  button.setAttribute("aria-pressed", on);
  if (button.ariaLabel) button.ariaLabel = label; // it shows a picture
  else button.textContent = label;
}
