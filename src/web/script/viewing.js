// Looking through a sample: from one file to the next only the files and the viewer are swapped, and a few keys lead on.

import { announce } from "./announce.js";
import { singleKeys, useSingleKeys } from "./keys.js";

/** What a key follows. @type {Record<string, string>} */
const KEYS = {
  j: "next-file", k: "previous-file", J: "next-candidate", K: "previous-candidate", d: "download-file",
};

/**
 * Swaps what is different between two pages of one sample. @param {Document} page
 * @returns {boolean} whether both are pages of one sample, as it was submitted once.
 */
export function swapViewing(page) {
  const [old, now] = [document.getElementById("viewing"), page.getElementById("viewing")];
  if (old === null || now === null || old.dataset.viewing !== now.dataset.viewing) return false;
  old.dataset.level = now.dataset.level;
  for (const row of old.querySelectorAll("#people [aria-current]")) row.removeAttribute("aria-current");
  for (const row of now.querySelectorAll("#people [aria-current]")) {
    const same = document.getElementById(row.id);
    same?.setAttribute("aria-current", "true");
    same?.scrollIntoView({ block: "nearest" });
  }
  for (const part of old.querySelectorAll("[data-part]")) {
    const fresh = now.querySelector(`#${part.id}`);
    if (fresh === null || part.isEqualNode(fresh)) continue;
    // A player that is only taken away goes on loading.
    for (const player of part.querySelectorAll("audio, video")) {
      const media = /** @type {HTMLMediaElement} */ (player);
      media.pause();
      media.removeAttribute("src");
      media.load();
    }
    part.replaceWith(document.adoptNode(fresh));
  }
  return true;
}

/** Listens for keys, and for what a browser cannot show. */
export function watchViewing() {
  document.addEventListener("keydown", (event) => {
    const target = event.target instanceof Element ? event.target : null;
    const from = target?.closest("#people, #files, #viewer") ?? null;
    const typing = target?.closest("input, select, textarea, audio, video") ?? null;
    if (from === null || typing !== null || event.ctrlKey || event.altKey || event.metaKey || !singleKeys()) return;
    if (event.key === "Escape") return back(from, event);
    const link = document.getElementById(KEYS[event.key] ?? "");
    if (link === null) return;
    event.preventDefault();
    link.click();
  });
  // Such an event does not rise; it is caught on its way down.
  document.addEventListener("error", (event) => {
    const shown = event.target;
    const media = shown instanceof HTMLMediaElement || shown instanceof HTMLImageElement;
    if (!media || !shown.hasAttribute("src") || !shown.classList.contains("shown")) return;
    const words = shown.parentElement?.querySelector("[data-broken]");
    if (!(words instanceof HTMLElement)) return;
    shown.hidden = true;
    words.hidden = false;
    announce(words.textContent ?? "");
  }, true);
  document.addEventListener("change", (event) => {
    if (!(event.target instanceof HTMLInputElement) || event.target.id !== "keys-on") return;
    useSingleKeys(event.target.checked);
  });
  offerKeys();
}

/**
 * What a page that was swapped in needs of the script. A player of it may have begun in the document that it was fetched
 * into, where nothing can be loaded; so it begins anew.
 */
export function viewingArrived() {
  for (const player of document.querySelectorAll("audio.shown, video.shown")) {
    const media = /** @type {HTMLMediaElement} */ (player);
    media.hidden = false;
    media.load();
  }
  for (const words of document.querySelectorAll("[data-broken]")) /** @type {HTMLElement} */ (words).hidden = true;
  offerKeys();
}

/** Keys need the script, so it is the script that offers them. */
function offerKeys() {
  const keys = document.getElementById("viewing-keys");
  const on = document.getElementById("keys-on");
  if (keys === null || !(on instanceof HTMLInputElement)) return;
  keys.hidden = false;
  on.checked = singleKeys();
}

/** From the viewer to the files, from the files to the candidates. @param {Element} from @param {Event} event */
function back(from, event) {
  const to = from.id === "viewer" ? "#files" : "#people";
  const row = document.querySelector(`${to} [aria-current]`) ?? document.querySelector(`${to} a.viewing-person, ${to} h2`);
  if (!(row instanceof HTMLElement)) return;
  event.preventDefault();
  if (row.checkVisibility()) row.focus();
  // On a phone there is one of the three at a time.
  else /** @type {HTMLElement | null} */ (from.querySelector(".up"))?.click();
}
