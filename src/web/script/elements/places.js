// The places files go to: the button that opens the file dialog, and the drop. One listener for the whole document, so
// a part that is fetched afresh needs no wiring.

import { Upload } from "../upload/engine.js";

/** @param {import("../upload/engine.js").Engine} engine @param {import("./upload-tray.js").UploadTray} tray */
export function watchPlaces(engine, tray) {
  const place = (/** @type {EventTarget | null} */ target) =>
    target instanceof Element ? /** @type {HTMLElement | null} */ (target.closest("[data-place]")) : null;

  document.addEventListener("click", (event) => {
    if (!(event.target instanceof Element) || event.target.closest(".choose") === null) return;
    /** @type {HTMLInputElement | null | undefined} */ (place(event.target)?.querySelector('input[type="file"]'))?.click();
  });
  document.addEventListener("change", (event) => {
    const input = event.target;
    const where = place(input);
    if (where === null || !(input instanceof HTMLInputElement) || input.type !== "file") return;
    take(Array.from(input.files ?? []), where);
    input.value = "";
    /** @type {HTMLElement | null} */ (where.querySelector(".choose"))?.focus();
  });
  for (const kind of ["dragenter", "dragover"]) {
    document.addEventListener(kind, (event) => {
      event.preventDefault();
      mark(place(event.target));
    });
  }
  document.addEventListener("dragleave", (event) => {
    if (/** @type {DragEvent} */ (event).relatedTarget === null) mark(null);
  });
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    mark(null);
    const where = place(event.target);
    if (where !== null && event.dataTransfer !== null) take(Array.from(event.dataTransfer.files), where);
  });

  /** @param {HTMLElement | null} now */
  function mark(now) {
    for (const old of document.querySelectorAll(".dropping")) if (old !== now) old.classList.remove("dropping");
    now?.classList.add("dropping");
  }

  /** @param {File[]} files @param {HTMLElement} where */
  function take(files, where) {
    if (files.length === 0) return;
    const { candidate = "", section = "", title = "", maxBytes = "0", accept = "" } = where.dataset;
    const sample = document.getElementById("main")?.dataset.sample ?? "";
    const heading = document.getElementById("candidate-title")?.textContent ?? "";
    const named = candidate === "" ? title : `${candidate} ${heading} · ${title}`;
    for (const file of files) {
      const upload = new Upload(file, { sample, candidate, section }, named, "");
      const problem = refusal(file, Number(maxBytes), accept);
      if (problem !== null) {
        upload.state = "refused";
        upload.message = tray.word(problem);
      }
      engine.add(upload);
    }
    tray.started(files.length);
  }
}

/**
 * What the server would refuse anyway, said before a byte moves.
 * @param {File} file @param {number} most @param {string} accept
 */
function refusal(file, most, accept) {
  const name = file.name.toLowerCase();
  if (file.size === 0) return "empty";
  if (!accept.split(",").some((ending) => name.endsWith(ending))) return "wrong_type";
  return file.size > most ? "too_large" : null;
}
