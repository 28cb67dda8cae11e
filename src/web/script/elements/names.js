// Names that are tried are read while they are written: the form's answer is fetched, and its result put in place.

import { announce } from "../announce.js";
import { fetchPage } from "../fragment.js";

/** From the last key to the question, milliseconds. */
const PAUSE = 400;

/** @type {ReturnType<typeof setTimeout> | undefined} */ let timer;
/** @type {AbortController | null} */ let asking = null;

export function watchNames() {
  for (const kind of ["input", "change"]) {
    document.addEventListener(kind, (event) => {
      const form = /** @type {Element} */ (event.target).closest("form[data-names]");
      if (!(form instanceof HTMLFormElement)) return;
      clearTimeout(timer);
      timer = setTimeout(() => read(form), PAUSE);
    });
  }
}

/** @param {HTMLFormElement} form */
async function read(form) {
  if (!form.isConnected) return;
  asking?.abort();
  asking = new AbortController();
  const { signal } = asking;
  const fields = new URLSearchParams();
  for (const [name, value] of new FormData(form)) if (typeof value === "string") fields.append(name, value);
  const came = await fetchPage(form.action, { form: fields, signal });
  if (signal.aborted || came?.page === undefined || came.page === null) return;
  for (const id of ["names-problem", "tried"]) {
    const [old, now] = [document.getElementById(id), came.page.getElementById(id)];
    if (old !== null && now !== null && !old.isEqualNode(now)) old.replaceWith(document.adoptNode(now));
  }
  announce(document.getElementById("tried-summary")?.textContent ?? "");
}
