// A text that is there to be copied gets a button that does it.

import { announce } from "../announce.js";

export function watchClipboard() {
  document.addEventListener("click", async (event) => {
    const button = /** @type {Element} */ (event.target).closest("button[data-copies]");
    if (!(button instanceof HTMLElement)) return;
    const field = document.getElementById(button.dataset.copies ?? "");
    if (!(field instanceof HTMLTextAreaElement)) return;
    // Whatever the browser says, the text is chosen, and a key copies it.
    field.select();
    const done = await navigator.clipboard.writeText(field.value).then(() => true, () => false);
    const words = done ? button.dataset.done : button.dataset.chosen;
    const told = document.getElementById(`${field.id}-copied`);
    if (told !== null) told.textContent = words ?? "";
    announce(words ?? "");
  });
}

/** A page is here: its buttons work. */
export function clipboardArrived() {
  for (const button of document.querySelectorAll("button[data-copies]")) {
    /** @type {HTMLElement} */ (button).hidden = false;
  }
}
