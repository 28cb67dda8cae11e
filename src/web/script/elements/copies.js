// "Check my copy" on a receipt: files of this computer are compared with what was submitted, and go nowhere.

import { announce } from "../announce.js";
import { beside } from "../beside.js";

/** @typedef {{name: string, size: number, sha256: string, place: string, met: boolean}} Submitted */

/** @type {Worker | null} */ let worker = null;

export function watchCopies() {
  document.addEventListener("click", (event) => {
    const button = /** @type {Element} */ (event.target).closest("#copy-folder, #copy-files, #copies-stop");
    if (button === null) return;
    if (button.id === "copies-stop") return stop();
    const kind = button.id === "copy-folder" ? "[data-copy-folder]" : "[data-copy-files]";
    const input = /** @type {HTMLInputElement | null} */ (document.querySelector(kind));
    if (input === null) return;
    input.value = "";
    input.click();
  });
  document.addEventListener("change", (event) => {
    const input = event.target;
    if (!(input instanceof HTMLInputElement) || !input.matches("[data-copy-folder], [data-copy-files]")) return;
    const files = Array.from(input.files ?? []);
    input.value = "";
    compare(files);
  });
}

/** A page is here: nothing is read for one that was left, and a receipt offers to compare. */
export function copiesLeft() {
  stop();
  const choose = document.getElementById("copies-choose");
  if (choose !== null) choose.hidden = false;
}

function stop() {
  worker?.terminate();
  worker?.dispatchEvent(new MessageEvent("message", { data: { stopped: true } }));
  worker = null;
}

/** @param {File[]} files */
async function compare(files) {
  stop();
  const part = document.getElementById("copies");
  if (part === null) return;
  const most = Number(part.dataset.most);
  clear(part);
  if (files.length === 0) return problem(part, part.dataset.none ?? "");
  if (files.length > most) return problem(part, `${part.dataset.many} ${most}.`);
  const rows = Array.from(document.querySelectorAll("tr[data-sha256]"), submitted);
  const counts = [0, 0, 0, 0];
  const total = files.reduce((sum, file) => sum + file.size, 0);
  const busy = progress(part, total);
  let stopped = false;
  for (const [at, file] of files.entries()) {
    busy.next(file, `${part.dataset.reading} ${at + 1} ${part.dataset.of} ${files.length}`);
    // A file of another size has another fingerprint; nobody needs to wait for it.
    const alike = rows.some((row) => row.size === file.size);
    const digest = alike ? await fingerprint(file, busy.read) : "";
    if (!part.isConnected) return;
    if (digest === null) {
      stopped = true;
      break;
    }
    counts[show(file, digest, rows)] += 1;
    if (!alike) busy.read(file.size);
  }
  stop();
  finish(part, rows, counts, stopped);
}

/** @param {Element} row @returns {Submitted} */
function submitted(row) {
  const { sha256 = "", bytes = "", name = "" } = /** @type {HTMLElement} */ (row).dataset;
  const place = Array.from(row.querySelectorAll("td"), (cell) => cell.textContent?.trim() ?? "").slice(0, 2).join(", ");
  return { name, size: Number(bytes), sha256, place, met: false };
}

/**
 * The fingerprint, `failed`, or null where it was stopped.
 * @param {File} file @param {(bytes: number) => void} read @returns {Promise<string | null>}
 */
function fingerprint(file, read) {
  worker ??= new Worker(beside("hasher"), { type: "module" });
  const one = worker;
  return new Promise((resolve) => {
    const end = (/** @type {string | null} */ what) => {
      one.onmessage = one.onerror = null;
      resolve(what);
    };
    one.onmessage = ({ data }) => {
      if (data.read !== undefined) read(data.read);
      else end(data.stopped ? null : (data.digest ?? "failed"));
    };
    one.onerror = () => end("failed");
    one.postMessage({ file });
  });
}

/** Says what became of a file; its place among the counts. @param {File} file @param {string} digest @param {Submitted[]} rows */
function show(file, digest, rows) {
  const path = file.webkitRelativePath || file.name;
  const named = (/** @type {Submitted} */ row) => row.name.normalize() === file.name.normalize();
  if (digest === "failed") return line("copy-unreadable", path, [], 3);
  const same = rows.filter((row) => row.sha256 === digest);
  for (const row of same) row.met = true;
  if (same.length > 0) return line("copy-same", path, same, 0);
  const alike = rows.filter(named);
  return alike.length > 0 ? line("copy-different", path, alike, 1) : line("copy-unknown", path, [], 2);
}

/** @param {string} kind @param {string} name @param {Submitted[]} rows @param {number} count */
function line(kind, name, rows, count) {
  const template = /** @type {HTMLTemplateElement | null} */ (document.getElementById(kind));
  const list = document.getElementById("copies-list");
  if (template === null || list === null) return count;
  const made = /** @type {DocumentFragment} */ (template.content.cloneNode(true));
  const into = (/** @type {string} */ part, /** @type {string} */ text) => {
    const place = made.querySelector(part);
    if (place !== null) place.textContent = text;
  };
  into("[data-name]", name);
  into("[data-place]", rows.map((row) => (row.name === name ? row.place : `${row.place}, ${row.name}`)).join("; "));
  // What is the same is below what is not.
  if (kind === "copy-same") list.append(made);
  else list.insertBefore(made, list.querySelector(".good"));
  return count;
}

/** @param {HTMLElement} part @param {number} total */
function progress(part, total) {
  const busy = /** @type {HTMLElement} */ (part.querySelector("#copies-busy"));
  const bar = /** @type {HTMLProgressElement} */ (busy.querySelector("progress"));
  let done = 0;
  busy.hidden = false;
  return {
    /** @param {File} file @param {string} how */
    next(file, how) {
      /** @type {HTMLElement} */ (busy.querySelector("[data-name]")).textContent = `${how}: ${file.name}`;
    },
    /** @param {number} bytes */
    read(bytes) {
      done += bytes;
      bar.value = total === 0 ? 1 : Math.min(done / total, 1);
    },
  };
}

/** @param {HTMLElement} part @param {Submitted[]} rows @param {number[]} counts @param {boolean} stopped */
function finish(part, rows, counts, stopped) {
  /** @type {HTMLElement} */ (part.querySelector("#copies-busy")).hidden = true;
  const words = (part.dataset.counts ?? "").split(", ");
  const said = counts.map((count, at) => (count > 0 ? `${count} ${words[at]}` : "")).filter((text) => text !== "");
  const heading = /** @type {HTMLElement} */ (part.querySelector("#copies-heading"));
  heading.textContent = said.join(", ");
  const rest = /** @type {HTMLElement} */ (part.querySelector("#copies-rest"));
  const left = rows.filter((row) => !row.met);
  rest.hidden = false;
  rest.textContent = (stopped ? part.dataset.stopped : left.length > 0 ? part.dataset.unread : part.dataset.all) ?? "";
  const list = /** @type {HTMLElement} */ (part.querySelector("#copies-left"));
  list.hidden = stopped || left.length === 0;
  for (const row of stopped ? [] : left) {
    const item = document.createElement("li");
    item.textContent = `${row.place}, ${row.name}`;
    list.append(item);
  }
  /** @type {HTMLElement} */ (part.querySelector("#copies-found")).hidden = false;
  heading.focus();
  announce(`${heading.textContent}. ${rest.textContent}`);
}

/** @param {HTMLElement} part */
function clear(part) {
  for (const id of ["copies-list", "copies-left"]) document.getElementById(id)?.replaceChildren();
  for (const id of ["copies-found", "copies-problem"]) /** @type {HTMLElement} */ (part.querySelector(`#${id}`)).hidden = true;
}

/** @param {HTMLElement} part @param {string} text */
function problem(part, text) {
  const banner = /** @type {HTMLElement} */ (part.querySelector("#copies-problem"));
  banner.textContent = text;
  banner.hidden = false;
}
