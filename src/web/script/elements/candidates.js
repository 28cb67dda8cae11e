// The list of candidates: opening one as a part of the page, finding as you type, moving by keys. One listener each for
// the whole document, so a list that is fetched afresh needs no wiring. All of it has an address that the server
// renders; here it is only quicker.

import { announce } from "../announce.js";
import { addPart } from "../fragment.js";
import { singleKeys, useSingleKeys } from "../keys.js";

/** Letters of their own, that nobody has a key for; the server finds names by the same. */
const LETTERS = { ł: "l", ø: "o", đ: "d", ß: "ss" };
/** Between the last key and asking the server, milliseconds. */
const PAUSE = 250;

/** @param {string} id */
const part = (id) => document.getElementById(id);
const opened = () => document.querySelector("tr.row.open");
/** @param {Element} row */
const number = (row) => row.id.slice(2);
/** @param {Element | null} row @returns {HTMLElement | null} */
const link = (row) => row?.querySelector("a.who") ?? null;
const input = () => /** @type {HTMLInputElement | null} */ (part("search"));
/** The rows that are not hidden. @returns {HTMLElement[]} */
const shown = () => Array.from(document.querySelectorAll("tr.row:not([hidden])"));

/** A name as it is looked for: lower case, without accents. @param {string} text */
function folded(text) {
  const plain = text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();
  return plain.replace(/[łøđß]/g, (letter) => LETTERS[/** @type {keyof typeof LETTERS} */ (letter)]);
}

/**
 * Whether the address is of this very list with another candidate open, or none. Then only those rows are fetched that
 * change: their address, and where it leads.
 * @param {string} to @param {string} from the address of the list as it is. @returns {{fetch: string, url: string} | null}
 */
export function turn(to, from) {
  const [url, here] = [new URL(to), new URL(from)];
  const open = url.searchParams.get("open");
  if (part("candidates") === null || url.pathname !== here.pathname || (open === null && !url.searchParams.has("closed"))) return null;
  const row = open === null ? null : part(`c-${open}`);
  if (open !== null && row === null) return null;
  // What was typed or chosen since the page came is not in its links.
  for (const name of ["search", "sort"]) {
    const said = /** @type {HTMLInputElement | HTMLSelectElement | null} */ (part(name))?.value.trim() ?? "";
    if (said === "") url.searchParams.delete(name);
    else url.searchParams.set(name, said);
  }
  for (const name of ["filter", "sort", "from"]) {
    if ((url.searchParams.get(name) ?? "") !== (here.searchParams.get(name) ?? "")) return null;
  }
  const rows = [opened(), row].flatMap((one) => (one === null ? [] : [number(one)]));
  const fetch = new URL(url);
  fetch.searchParams.set("rows", [...new Set(rows)].join(","));
  fetch.hash = "";
  return { fetch: fetch.href, url: url.href };
}

/** Puts what `turn` fetched into its place, and the focus into it. @param {Document} fresh @param {string} hash @returns {boolean} whether it is a part of this list. */
export function turned(fresh, hash) {
  if (fresh.querySelector("#candidates[data-part]") === null) return false;
  const before = opened();
  addPart(fresh);
  const now = opened();
  const goal = hash === "" || hash === "candidate" ? part("candidate-title") : part(hash);
  const heading = now === null ? link(before === null ? null : part(before.id)) : goal ?? part("candidate-title");
  heading?.focus({ preventScroll: true });
  const [panel, row] = [part("candidate"), now ?? before];
  const place = heading?.closest(".place");
  if (place instanceof HTMLElement) place.scrollIntoView({ block: "nearest" });
  else if (panel !== null && panel.getBoundingClientRect().bottom > innerHeight) part(row?.id ?? "")?.scrollIntoView({ block: "start" });
  else part(row?.id ?? "")?.scrollIntoView({ block: "nearest" });
  return true;
}

/** @type {WeakMap<Element, string>} */ const names = new WeakMap();

/** Number and name, as they are looked for. @param {Element} row */
function name(row) {
  let found = names.get(row);
  if (found === undefined) names.set(row, (found = folded(link(row)?.textContent ?? "")));
  return found;
}

/** Hides the rows that what is typed does not find. */
export function sift() {
  const field = input();
  if (field === null || field.dataset.here === undefined) return;
  const wanted = folded(field.value.trim());
  let found = 0;
  for (const row of /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll("tr.row"))) {
    const hide = wanted !== "" && !name(row).includes(wanted);
    if (!hide) found += 1;
    if (row.hidden === hide) continue;
    row.hidden = hide;
    if (row.classList.contains("open")) /** @type {HTMLElement} */ (part("panel-row")).hidden = hide;
  }
  const line = part("shown");
  if (line === null) return;
  line.hidden = wanted === "";
  /** @type {HTMLElement} */ (line.querySelector("b")).textContent = String(found);
  /** @type {HTMLElement} */ (part("nobody")).hidden = found > 0;
}

/** @param {() => void} look fetches the list of this address afresh. */
export function watchCandidates(look) {
  let timer = 0;
  /** The address becomes that of what the form asks for; during a move it would end that. @param {() => void} then */
  const note = (then) => {
    const moves = /** @type {any} */ (window).navigation?.transition?.finished;
    if (moves !== undefined) return void moves.catch(() => {}).then(() => note(then));
    if (part("find") === null) return;
    const url = new URL(location.href);
    const form = /** @type {HTMLFormElement} */ (part("find"));
    for (const [name, value] of new FormData(form)) {
      if (value === "") url.searchParams.delete(name);
      else url.searchParams.set(name, String(value).trim());
    }
    for (const name of ["from", "deleted", "moved", "kept", "at"]) url.searchParams.delete(name);
    history.replaceState(history.state, "", url);
    then();
  };
  document.addEventListener("input", (event) => {
    if (event.target !== input()) return;
    const here = input()?.dataset.here !== undefined;
    if (here) sift();
    clearTimeout(timer);
    timer = setTimeout(() => note(() => {
      if (here) announce(part("shown")?.hidden === false ? part("shown")?.textContent ?? "" : "", "polite", "shown");
      else look();
    }), PAUSE);
  });
  document.addEventListener("change", (event) => {
    if (!(event.target instanceof HTMLSelectElement) || event.target.id !== "sort") return;
    note(look);
  });
  document.addEventListener("click", (event) => {
    if (!(event.target instanceof Element) || event.target.closest("#keys") === null) return;
    useSingleKeys(!singleKeys());
    tell();
  });
  document.addEventListener("keydown", press);
}

/** Shows which keys there are. */
export function tell() {
  const line = /** @type {HTMLElement | null} */ (document.querySelector(".keys"));
  if (line === null) return;
  line.hidden = false;
  const on = singleKeys();
  /** @type {HTMLElement} */ (part("single")).hidden = !on;
  for (const [at, word] of [...(part("keys")?.children ?? [])].entries()) /** @type {HTMLElement} */ (word).hidden = (at === 0) !== on;
}

/** @param {KeyboardEvent} event */
function press(event) {
  const { target, key } = event;
  if (!(target instanceof Element) || event.ctrlKey || event.altKey || event.metaKey || event.defaultPrevented) return;
  if (part("candidates") === null || target.closest("dialog") !== null) return;
  const writing = target.closest("input, select, textarea") !== null;
  const inside = target.closest("#candidates") !== null;
  if (key === "/" && !writing && singleKeys()) input()?.select(), input()?.focus();
  else if (key === "ArrowDown" && target === input()) link(shown()[0] ?? null)?.focus();
  else if (!inside || writing) return;
  else if (key === "ArrowDown" || key === "ArrowUp") {
    const row = target.closest("tr.row");
    const rows = shown();
    const at = row === null ? -1 : rows.indexOf(/** @type {HTMLElement} */ (row));
    if (at < 0) return;
    // In the column where it was.
    const next = rows[at + (key === "ArrowDown" ? 1 : -1)];
    const column = target.closest("td, th");
    const cell = next?.children[Array.from(row?.children ?? []).indexOf(/** @type {Element} */ (column))];
    /** @type {HTMLElement | null} */ (cell?.querySelector("a") ?? link(next ?? null))?.focus();
  } else if (key === "Escape" && opened() !== null) link(opened())?.click();
  else if (!singleKeys()) return;
  else if (key === "n") part("turn-next")?.click();
  else if (key === "p") part("turn-previous")?.click();
  else if (key === "u") choose(target);
  else return;
  event.preventDefault();
}

/** Opens the file dialog of the section that has the focus, or of the first that takes files. @param {Element} target */
function choose(target) {
  const place = target.closest(".place");
  /** @type {HTMLElement | null} */ ((place ?? part("candidate"))?.querySelector(".choose") ?? null)?.click();
}
