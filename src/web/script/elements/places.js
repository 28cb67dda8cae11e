// The places files go to: the button that opens the file dialog, and the drop on a section or a candidate's row. One
// listener for the whole document, so a part that is fetched afresh needs no wiring. Whose files they are the server
// judges by their names; where it asks, the person answers before anything is sent.

import { fetchPage } from "../fragment.js";

/** Names that the server is asked about at once; what it looks at, and what fits in an address. */
const NAMES = 20;

/** @param {(files: File[], spot: Spot) => void} take */
export function watchPlaces(take) {
  // One for all places, and outside of what is fetched afresh.
  const input = /** @type {HTMLInputElement | null} */ (document.getElementById("chosen"));
  if (input === null) return;
  const within = (/** @type {EventTarget | null} */ target, /** @type {string} */ what) =>
    target instanceof Element ? /** @type {HTMLElement | null} */ (target.closest(what)) : null;

  /** @type {Spot | null} */ let asked = null;

  document.addEventListener("click", (event) => {
    const where = within(event.target, "[data-place]");
    if (where === null || within(event.target, ".choose") === null) return;
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
    document.getElementById(`${asked.dom}-choose`)?.focus();
    send(files, asked, false);
  });
  for (const kind of ["dragenter", "dragover"]) {
    document.addEventListener(kind, (event) => {
      event.preventDefault();
      mark(within(event.target, "[data-place], tr.row, [data-many-drop]"));
    });
  }
  document.addEventListener("dragleave", (event) => {
    if (/** @type {DragEvent} */ (event).relatedTarget === null) mark(null);
  });
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    mark(null);
    const where = within(event.target, "[data-place], tr.row");
    if (where !== null && event.dataTransfer !== null) send(Array.from(event.dataTransfer.files), spot(where), true);
  });

  /** @param {HTMLElement | null} now */
  function mark(now) {
    for (const old of document.querySelectorAll(".dropping")) if (old !== now) old.classList.remove("dropping");
    now?.classList.add("dropping");
  }

  /** Sends the files, once it is settled where to. @param {File[]} files @param {Spot} where @param {boolean} dropped */
  async function send(files, where, dropped) {
    if (where.candidate === "" && files.length > 0) return take(files, where);
    for (let at = 0; at < files.length; at += NAMES) {
      const some = files.slice(at, at + NAMES);
      const came = await filing(some, where, dropped);
      for (const group of groups(some, came)) {
        const answer = await settle(group, where, group === some ? came : await filing(group, where, dropped));
        if (answer !== null) take(group, answer);
        // Who has said into which section of the candidate is not asked again.
        if (answer !== null && where.section === "" && answer.candidate === where.candidate) where = answer;
      }
    }
  }
}

/**
 * A place as it was when it was asked for: while the person chooses, the page may be fetched afresh around it. A row
 * has no section.
 * @typedef {{dom: string, sample: string, component: string, candidate: string, section: string, replaces: string, named: string,
 *   mostBytes: number, accept: string, multiple: boolean}} Spot
 * @param {HTMLElement} where @returns {Spot}
 */
function spot(where) {
  const { candidate = where.id.slice(2), section = "", title = "", maxBytes = "0", accept = "", replaces = "", multiple } = where.dataset;
  const heading = document.getElementById("candidate-title")?.textContent ?? "";
  return {
    dom: where.dataset.dom ?? where.id,
    sample: document.getElementById("main")?.dataset.sample ?? "",
    component: document.getElementById("main")?.dataset.component ?? "",
    candidate,
    section,
    replaces,
    named: where.dataset.named ?? (candidate === "" ? title : `${candidate} ${heading} · ${title}`),
    mostBytes: Number(maxBytes),
    accept,
    multiple: multiple !== undefined,
  };
}

/** @param {File[]} files @param {Spot} where @param {boolean} dropped */
function filing(files, where, dropped) {
  const query = new URLSearchParams({
    names: files.map((file) => file.name).join("/"),
    section: where.section,
    ...(dropped ? { dropped: "true" } : {}),
  });
  return fetchPage(`/samples/${where.sample}/candidates/${where.candidate}/filing?${query}`);
}

/**
 * The files by whom their names speak of: what is asked of one is no answer for the others.
 * @param {File[]} files @param {Awaited<ReturnType<typeof filing>>} came what the server says of them. @returns {File[][]}
 */
function groups(files, came) {
  const apart = came?.page?.getElementById("filing")?.dataset.apart;
  if (apart === undefined) return [files];
  return apart.split(";").map((group) => group.split(" ").flatMap((at) => files[Number(at)] ?? []));
}

/**
 * Where the files go: as the server has it, or as the person answers what it asks; null when nowhere. Without an answer
 * of the server they go where they were meant to; it looks at each again as its upload begins.
 * @param {File[]} files @param {Spot} where @param {Awaited<ReturnType<typeof filing>>} came what the server says of them.
 * @returns {Promise<Spot | null>}
 */
async function settle(files, where, came) {
  const asking = came?.page?.getElementById("filing") ?? null;
  if (asking === null) return where.section === "" ? null : where;
  const places = asking.querySelectorAll("button[data-section]");
  if (asking.dataset.go !== undefined && places[0] instanceof Element) return spot(/** @type {HTMLElement} */ (places[0]));
  // What no place of the candidate takes is refused as ever, with the reason.
  if (places.length === 0 && where.section !== "") return where;
  const dialog = /** @type {HTMLDialogElement} */ (document.getElementById("question"));
  dialog.replaceChildren(document.adoptNode(asking));
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((resolve) => {
    /** @type {Spot | null} */ let answer = null;
    const pressed = (/** @type {Event} */ event) => {
      const button = /** @type {HTMLElement | null} */ (/** @type {Element} */ (event.target).closest("button"));
      if (button === null) return;
      if (button.dataset.section !== undefined) answer = spot(button);
      dialog.close();
    };
    dialog.addEventListener("click", pressed);
    dialog.addEventListener("close", () => {
      dialog.removeEventListener("click", pressed);
      dialog.replaceChildren();
      resolve(answer);
    }, { once: true });
  });
}

/**
 * What the server would refuse anyway, said before a byte moves.
 * @param {File} file @param {number} most @param {string} accept
 */
export function refusal(file, most, accept) {
  const name = file.name.toLowerCase();
  if (file.size === 0) return "empty";
  if (!accept.split(",").some((ending) => name.endsWith(ending))) return "wrong_type";
  return file.size > most ? "too_large" : null;
}
