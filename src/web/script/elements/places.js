// The places files go to: the button that opens the file dialog, and the drop. One listener for the whole document, so
// a part that is fetched afresh needs no wiring.

import { Upload } from "../upload/engine.js";

/** @param {import("../upload/engine.js").Engine} engine @param {import("./upload-tray.js").UploadTray} tray */
export function watchPlaces(engine, tray) {
  // One for all places, and outside of what is fetched afresh.
  const input = /** @type {HTMLInputElement} */ (tray.querySelector("#chosen"));
  const place = (/** @type {EventTarget | null} */ target) =>
    target instanceof Element ? /** @type {HTMLElement | null} */ (target.closest("[data-place]")) : null;

  /** @type {Spot | null} */ let asked = null;

  document.addEventListener("click", (event) => {
    if (!(event.target instanceof Element) || event.target.closest(".choose") === null) return;
    const where = place(event.target);
    if (where === null) return;
    asked = spot(where);
    input.accept = asked.accept;
    input.multiple = asked.multiple;
    input.value = "";
    input.click();
  });
  input.addEventListener("change", () => {
    const files = Array.from(input.files ?? []);
    input.value = "";
    if (asked === null) return;
    take(files, asked);
    document.getElementById(`${asked.dom}-choose`)?.focus();
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
    if (where !== null && event.dataTransfer !== null) take(Array.from(event.dataTransfer.files), spot(where));
  });

  /** @param {HTMLElement | null} now */
  function mark(now) {
    for (const old of document.querySelectorAll(".dropping")) if (old !== now) old.classList.remove("dropping");
    now?.classList.add("dropping");
  }

  /** @param {File[]} files @param {Spot} spot */
  function take(files, { sample, candidate, section, named, mostBytes, accept }) {
    if (files.length === 0) return;
    for (const file of files) {
      const upload = new Upload(file, { sample, candidate, section }, named, "");
      const problem = refusal(file, mostBytes, accept);
      if (problem !== null) {
        upload.state = "refused";
        upload.message = tray.word(problem);
        upload.final = true;
      }
      engine.add(upload);
    }
    tray.started(files.length);
  }
}

/**
 * A place as it was when it was asked for: while the person chooses, the page may be fetched afresh around it.
 * @typedef {{dom: string, sample: string, candidate: string, section: string, named: string, mostBytes: number,
 *   accept: string, multiple: boolean}} Spot
 * @param {HTMLElement} where @returns {Spot}
 */
function spot(where) {
  const { candidate = "", section = "", title = "", maxBytes = "0", accept = "", multiple } = where.dataset;
  const heading = document.getElementById("candidate-title")?.textContent ?? "";
  return {
    dom: where.id,
    sample: document.getElementById("main")?.dataset.sample ?? "",
    candidate,
    section,
    named: candidate === "" ? title : `${candidate} ${heading} · ${title}`,
    mostBytes: Number(maxBytes),
    accept,
    multiple: multiple !== undefined,
  };
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
