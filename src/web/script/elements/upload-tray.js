// <upload-tray>: every upload of this browser, problems first, at most so many rows and so many updates a second. All
// its words were written by the server; here they are only chosen.

import { announce } from "../announce.js";
import { isSame, openUploads } from "../upload/server.js";
import { Upload } from "../upload/engine.js";

const ROWS = 200;
const REDRAW = 250;
/** Unfinished uploads that are named. */
const NAMES = 5;
const ORDER = ["refused", "signed_out", "needs_file", "offline", "sending", "cancelling", "held", "waiting", "paused", "checking", "accepted", "cancelled"];
/** Why an upload is refused or has to wait, where the page has words of its own for it. */
const FULL = ["quota", "no_room"];
const TONES = { refused: "bad", signed_out: "note", needs_file: "note", offline: "note", accepted: "good" };

/** Refused, and something for the person to do: what is here already is not. @param {Upload} upload */
const isBad = (upload) => upload.state === "refused" && upload.reason !== "duplicate";
/** @param {Upload} upload */
const isFull = (upload) => FULL.includes(upload.reason) && ["refused", "held"].includes(upload.state);
/** @param {Upload} upload */
const canRetry = (upload) => upload.state === "refused" && !upload.final;

export class UploadTray extends HTMLElement {
  /** @type {import("../upload/engine.js").Engine} */ #engine;
  /** @type {Map<number, HTMLElement>} */ #rows = new Map();
  /** @type {import("../upload/server.js").Open[]} */ #kept = [];
  /** The upload whose file is chosen again; null: any of those kept. @type {Upload | null} */ #wanted = null;
  #drawing = 0;
  #spoken = "";
  /** Why what was chosen goes on with nothing. */ #notFound = "";

  /** @param {import("../upload/engine.js").Engine} engine */
  start(engine) {
    this.#engine = engine;
    engine.addEventListener("change", () => this.#soon());
    engine.addEventListener("settled", (event) => this.#verdict(/** @type {CustomEvent} */ (event).detail));
    this.#part(".tray-toggle").addEventListener("click", () => this.#open(this.#part("#tray-body").hidden));
    this.addEventListener("click", (event) => this.#pressed(/** @type {Element} */ (event.target)));
    this.#input.addEventListener("change", () => this.#again());
    this.#look();
  }

  /** A word of the server's. @param {string} key */
  word(key) {
    const words = /** @type {HTMLTemplateElement} */ (this.querySelector("#tray-words")).content;
    return words.querySelector(`[data-word="${CSS.escape(key)}"]`)?.textContent ?? "";
  }

  get #input() {
    return /** @type {HTMLInputElement} */ (this.#part(".tray-kept input"));
  }

  /** @param {string} selector */
  #part(selector) {
    return /** @type {HTMLElement} */ (this.querySelector(selector));
  }

  /** @param {boolean} open */
  #open(open) {
    this.#part("#tray-body").hidden = !open;
    this.#part(".tray-toggle").setAttribute("aria-expanded", String(open));
  }

  /** Files were chosen: the tray shows itself and says so once. @param {number} number */
  started(number) {
    this.#open(true);
    announce(`${this.word("started")} ${number} ${this.word(number === 1 ? "file" : "files")}`);
  }

  async #look() {
    const driven = new Set(this.#engine.uploads.map((upload) => upload.url));
    const open = await openUploads();
    this.#kept = open.kind === "ok" ? open.uploads.filter((one) => !driven.has(one.url)) : [];
    if (this.#kept.length > 0) this.#open(true);
    this.#soon();
  }

  #again() {
    const files = Array.from(this.#input.files ?? []);
    this.#input.value = "";
    const wanted = this.#wanted;
    this.#wanted = null;
    if (wanted !== null) {
      if (files[0] !== undefined) this.#engine.rechoose(wanted, files[0]);
      return;
    }
    let found = 0;
    for (const file of files) {
      const open = this.#kept.find((one) => isSame(one, file));
      if (open === undefined) continue;
      found += 1;
      this.#kept = this.#kept.filter((one) => one !== open);
      const target = { sample: open.sample, candidate: open.candidate, section: open.section };
      this.#engine.add(new Upload(file, target, [open.candidate, open.section].filter(Boolean).join(" · "), ""));
    }
    const like = files.some((file) => this.#kept.some((one) => one.name === file.name && one.size === file.size));
    this.#notFound = found > 0 || files.length === 0 ? "" : this.word(like ? "changed" : "no_match");
    if (this.#notFound !== "") announce(this.#notFound);
    if (found > 0) this.started(found);
    this.#soon();
  }

  /** @param {Element} target */
  #pressed(target) {
    const button = target.closest("button");
    if (button === null) return;
    if (button.dataset.again !== undefined) return this.#choose(null);
    const every = button.dataset.all;
    if (every !== undefined) return this.#all(every);
    const key = Number(/** @type {HTMLElement | null} */ (button.closest(".tray-row"))?.dataset.key);
    const upload = this.#engine.uploads.find((one) => one.key === key);
    if (upload !== undefined) this.#do(button.dataset.do ?? "", upload);
  }

  /** @param {Upload | null} wanted */
  #choose(wanted) {
    this.#wanted = wanted;
    this.#input.multiple = wanted === null;
    this.#input.click();
  }

  /** @param {string} what */
  #all(what) {
    for (const upload of [...this.#engine.uploads]) {
      if (what === "pause") this.#engine.pause(upload);
      if (what === "resume" && ["paused", "signed_out"].includes(upload.state)) this.#engine.resume(upload);
      if (what === "retry" && canRetry(upload)) this.#engine.resume(upload);
      if (what === "clear" && ["accepted", "cancelled"].includes(upload.state)) this.#engine.forget(upload);
    }
  }

  /** @param {string} what @param {Upload} upload */
  #do(what, upload) {
    if (what === "pause") this.#engine.pause(upload);
    if (what === "resume" || what === "retry") this.#engine.resume(upload);
    if (what === "again") this.#choose(upload);
    if (what === "cancel") this.#engine.cancel(upload);
    if (what === "dismiss") {
      const next = /** @type {HTMLElement} */ (this.#rows.get(upload.key))?.nextElementSibling?.querySelector("button:not([hidden])");
      this.#engine.forget(upload);
      (/** @type {HTMLElement | null} */ (next) ?? this.#part(".tray-toggle")).focus();
    }
  }

  /** @param {Upload} upload */
  #verdict(upload) {
    if (!upload.ended) return;
    const { uploads } = this.#engine;
    if (uploads.some((one) => one.active || one.state === "checking")) return;
    const done = uploads.filter((one) => one.state === "accepted").length;
    const bad = uploads.filter(isBad).length;
    const text = `${this.word("finished")} ${done} ${this.word(done === 1 ? "file" : "files")}`
      + (bad === 0 ? "" : `, ${bad} ${this.word(bad === 1 ? "attention_one" : "attention")}`);
    if (text !== this.#spoken) announce(text);
    this.#spoken = text;
  }

  #soon() {
    if (this.#drawing !== 0) return;
    this.#drawing = setTimeout(() => {
      this.#drawing = 0;
      this.#draw();
    }, REDRAW);
  }

  #draw() {
    const uploads = [...this.#engine.uploads].sort((a, b) => ORDER.indexOf(a.state) - ORDER.indexOf(b.state) || a.key - b.key);
    this.hidden = uploads.length === 0 && this.#kept.length === 0;
    this.#total(uploads);
    const list = this.#part(".tray-rows");
    const shown = uploads.slice(0, ROWS);
    const keys = new Set(shown.map((upload) => upload.key));
    for (const [key, row] of this.#rows) {
      if (!keys.has(key)) row.remove(), this.#rows.delete(key);
    }
    shown.forEach((upload, at) => {
      const row = this.#row(upload);
      if (list.children[at] !== row && !row.contains(document.activeElement)) list.insertBefore(row, list.children[at] ?? null);
    });
    const more = this.#part(".tray-more");
    more.hidden = uploads.length <= ROWS;
    more.textContent = `${uploads.length - ROWS} ${this.word("and_more")}`;
  }

  /** @param {Upload[]} uploads */
  #total(uploads) {
    const live = uploads.filter((upload) => upload.state !== "cancelled");
    const going = live.filter((upload) => upload.state !== "refused");
    const all = going.reduce((sum, upload) => sum + upload.file.size, 0);
    const have = going.reduce((sum, upload) => sum + upload.confirmed, 0);
    const done = live.filter((upload) => upload.ended).length;
    const bad = live.filter(isBad).length;
    const bar = /** @type {HTMLProgressElement} */ (this.#part(".tray-all"));
    bar.max = Math.max(1, all);
    bar.value = have;
    const kept = this.#kept.length;
    this.#part(".tray-total").textContent = live.length === 0 ? `${kept} ${this.word("unfinished")}`
      : `${done} ${this.word("of")} ${live.length}`
      + (bad === 0 ? "" : ` · ${bad} ${this.word(bad === 1 ? "attention_one" : "attention")}`);
    const any = (/** @type {(upload: Upload) => boolean} */ test) => live.some(test);
    this.#part('[data-all="pause"]').hidden = !any((upload) => upload.active);
    this.#part('[data-all="resume"]').hidden = !any((upload) => ["paused", "signed_out"].includes(upload.state));
    this.#part('[data-all="retry"]').hidden = !any(canRetry);
    this.#part("[data-sign-in]").hidden = !any((upload) => upload.state === "signed_out");
    this.#part('[data-all="clear"]').hidden = !uploads.some((upload) => ["accepted", "cancelled"].includes(upload.state));
    this.#part(".tray-kept").hidden = kept === 0;
    const names = this.#kept.slice(0, NAMES).map((one) => one.name).join(", ");
    this.#part(".tray-kept span").textContent = this.#notFound !== "" ? this.#notFound
      : `${kept} ${this.word(kept === 1 ? "kept_one" : "kept")} ${names}${kept > NAMES ? ", …" : ""}`;
  }

  /** @param {Upload} upload */
  #row(upload) {
    let row = this.#rows.get(upload.key);
    if (row === undefined) {
      const template = /** @type {HTMLTemplateElement} */ (this.querySelector("#tray-row"));
      row = /** @type {HTMLElement} */ (/** @type {DocumentFragment} */ (template.content.cloneNode(true)).firstElementChild);
      row.dataset.key = String(upload.key);
      const set = (/** @type {string} */ part, /** @type {string} */ text) => {
        /** @type {HTMLElement} */ (row?.querySelector(part)).textContent = text;
      };
      set("[data-name]", upload.file.name);
      set("[data-place]", upload.place);
      for (const button of row.querySelectorAll("button")) {
        button.setAttribute("aria-label", `${button.textContent} ${upload.file.name}`);
      }
      row.querySelector("progress")?.setAttribute("aria-label", upload.file.name);
      this.#rows.set(upload.key, row);
    }
    this.#fill(row, upload);
    return row;
  }

  /** @param {HTMLElement} row @param {Upload} upload */
  #fill(row, upload) {
    const part = (/** @type {string} */ selector) => /** @type {HTMLElement} */ (row.querySelector(selector));
    const tone = upload.state === "refused" && !isBad(upload) ? "" : TONES[/** @type {keyof typeof TONES} */ (upload.state)];
    row.className = `tray-row ${tone ?? ""}`;
    const bar = /** @type {HTMLProgressElement} */ (part("progress"));
    bar.max = Math.max(1, upload.file.size);
    bar.value = upload.confirmed;
    bar.hidden = upload.ended || ["checking", "cancelling"].includes(upload.state);
    part("[data-state]").textContent = isFull(upload) ? this.word(upload.reason)
      : upload.message !== "" && upload.state === "refused" ? upload.message : this.word(upload.state);
    const percent = upload.file.size === 0 ? 0 : Math.floor((100 * upload.confirmed) / upload.file.size);
    part("[data-amount]").textContent = bar.hidden || upload.confirmed === 0 ? "" : `${percent}%`;
    const active = document.activeElement;
    const show = (/** @type {string} */ what, /** @type {boolean} */ on) => (part(`[data-do="${what}"]`).hidden = !on);
    show("pause", upload.active);
    show("resume", upload.state === "paused" || upload.state === "signed_out");
    show("retry", canRetry(upload));
    show("again", upload.state === "needs_file");
    show("cancel", upload.active || ["paused", "signed_out", "needs_file"].includes(upload.state));
    show("dismiss", upload.ended);
    if (active instanceof HTMLElement && active.hidden && row.contains(active)) {
      /** @type {HTMLElement | null} */ (row.querySelector("button:not([hidden])"))?.focus();
    }
  }
}
