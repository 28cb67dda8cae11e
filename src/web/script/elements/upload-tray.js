// <upload-tray>: every upload of this person in this browser, by candidate, problems first, at most so many rows and so
// many updates a second. All its words were written by the server; here they are only chosen.

import { announce } from "../announce.js";
import { matched } from "../upload/guard.js";

const ROWS = 200;
/** Where the tray stands beside the page, as the style has it. */
const BESIDE = "(min-width: 79rem)";
const REDRAW = 250;
/** Groups that came to a good end fold to a line each when nothing has ended for this long, milliseconds: all at once. */
const FOLD = 10_000;
const ORDER = ["refused", "changed", "signed_out", "needs_file", "offline", "sending", "hashing", "cancelling", "held", "waiting", "paused", "checking", "kept", "accepted", "cancelled"];
/** Why an upload is refused or has to wait, where the page has words of its own for it. */
const FULL = ["quota", "no_room"];
const TONES = { refused: "bad", changed: "note", signed_out: "note", needs_file: "note", offline: "note", accepted: "good" };

/** Refused, and something for the person to do: what is here already is not. @param {Upload} upload */
const isBad = (upload) => upload.state === "refused" && upload.reason !== "duplicate";
/** @param {Upload} upload */
const isFull = (upload) => FULL.includes(upload.reason) && ["refused", "held"].includes(upload.state);
/** @param {Date} date */
const day = (date) => date.toLocaleDateString("en-GB", { day: "numeric", month: "long" });
/** @param {Upload} upload */
const canRetry = (upload) => upload.state === "refused" && !upload.final;
/** Something is for the person to do. @param {Upload} upload */
const needsHelp = (upload) => isBad(upload) || ["changed", "signed_out", "needs_file"].includes(upload.state);
/** Whose it is; a place in words begins with that. @param {Upload} upload */
const owner = ({ target, place }) => (target.candidate === "" ? "" : place.split(" · ", 1)[0] ?? "");
/** What of theirs. @param {Upload} upload */
const within = ({ target, place }) => (target.candidate === "" ? place : place.split(" · ").slice(1).join(" · "));
/** @param {Upload} upload */
const groupOf = ({ target }) => `${target.sample} ${target.candidate}`;
/** Where a group stands in the list. @param {Upload[]} uploads */
function rank(uploads) {
  if (uploads.some((upload) => needsHelp(upload) && !upload.left)) return 0;
  if (uploads.some((upload) => ["sending", "hashing", "cancelling"].includes(upload.state))) return 1;
  if (uploads.some((upload) => !upload.ended && !upload.left)) return 2;
  return uploads.some((upload) => upload.left) ? 3 : 4;
}
/** Puts it where it belongs, unless somebody is in it. @param {Element} list @param {number} at @param {Element} item */
function put(list, at, item) {
  const [there, active] = [list.children[at] ?? null, document.activeElement];
  if (there === item || item.contains(active)) return;
  // Who has left its place goes; the others stay in theirs.
  if (there?.nextElementSibling === item && !there.contains(active)) list.append(there);
  else list.insertBefore(item, there);
}

/** @typedef {import("../upload/engine.js").Upload} Upload */
/** The uploads of one candidate. `done`: one line is enough. @typedef {{item: HTMLElement, done: boolean, open: boolean}} Group */

export class UploadTray extends HTMLElement {
  /** @type {import("../upload/engine.js").Engine} */ #engine;
  /** @type {Map<string, HTMLElement>} */ #rows = new Map();
  /** What each of them shows. @type {WeakMap<HTMLElement, string>} */ #shown = new WeakMap();
  /** @type {Map<string, Group>} */ #groups = new Map();
  /** When one came to its end last. */ #settled = 0;
  /** The upload whose file is chosen again; null: any that needs its file. @type {Upload | null} */ #wanted = null;
  #drawing = 0;
  #folding = 0;
  /** One came to its end since it was last told of. */ #ended = false;
  #spoken = "";
  #bad = 0;
  /** Some wait for the person to sign in. */ #out = false;
  /** What came of the files that were chosen again, or is coming. */ #told = "";

  /** @param {import("../upload/engine.js").Engine} engine @param {Promise<void>} [met] when the other tabs have told what they have. */
  start(engine, met) {
    this.#engine = engine;
    engine.addEventListener("change", () => this.#soon());
    engine.addEventListener("settled", (event) => {
      this.#soon();
      if (!(/** @type {CustomEvent} */ (event).detail.ended)) return;
      this.#ended = true;
      this.#settled = Date.now();
      clearTimeout(this.#folding);
      this.#folding = setTimeout(() => this.#soon(), FOLD);
    });
    this.#part(".tray-toggle").addEventListener("click", () => this.#open(this.#part("#tray-body").hidden));
    this.addEventListener("click", (event) => this.#pressed(/** @type {Element} */ (event.target)));
    for (const input of this.querySelectorAll(".tray-kept input")) {
      input.addEventListener("change", () => this.#again(/** @type {HTMLInputElement} */ (input)));
    }
    this.#look(met);
  }

  /** A word of the server's. @param {string} key */
  word(key) {
    const words = /** @type {HTMLTemplateElement} */ (this.querySelector("#tray-words")).content;
    return words.querySelector(`[data-word="${CSS.escape(key)}"]`)?.textContent ?? "";
  }

  /** Those whose files are not here. */
  get #needy() {
    return this.#engine.uploads.filter((upload) => upload.state === "needs_file");
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

  /** Files were chosen: the tray says so once, and shows itself where it covers nothing. @param {number} number */
  started(number) {
    if (matchMedia(BESIDE).matches) this.#open(true);
    announce(`${this.word("started")} ${number} ${this.word(number === 1 ? "file" : "files")}`, "polite", "uploads");
  }

  /** Shows what nobody drives. @param {Promise<void>} [met] */
  async #look(met) {
    await met;
    await this.#engine.look();
    if (this.#needy.length === 0) return;
    if (matchMedia(BESIDE).matches) this.#open(true);
    announce(this.#keptWords());
  }

  #keptWords() {
    const needy = this.#needy;
    const begun = needy.flatMap((upload) => upload.kept?.begun ?? []).sort((a, b) => a.getTime() - b.getTime());
    const days = [...new Set([begun.at(0), begun.at(-1)].flatMap((date) => (date === undefined ? [] : day(date))))];
    return `${needy.length} ${this.word(needy.length === 1 ? "kept_one" : "kept")}`
      + (days.length === 0 ? "." : `, ${this.word("begun")} ${days.join(" – ")}.`);
  }

  /** @param {HTMLInputElement} input */
  async #again(input) {
    const files = Array.from(input.files ?? []);
    input.value = "";
    const wanted = this.#wanted;
    if (files[0] === undefined) return;
    if (wanted !== null) return this.#engine.rechoose([[wanted, files[0]]]);
    this.#told = this.word("hashing");
    this.#soon();
    const pairs = (await matched(this.#needy, files)).filter(([upload]) => upload.state === "needs_file");
    this.#told = pairs.length > 0 ? "" : this.word("no_match");
    if (pairs.length === 0) announce(this.#told);
    else this.#engine.rechoose(pairs), this.started(pairs.length);
    this.#soon();
  }

  /** @param {string} answer */
  async #discard(answer) {
    this.#part(".tray-sure").hidden = answer !== "ask";
    this.#part(answer === "ask" ? '[data-discard="no"]' : ".tray-toggle").focus();
    for (const upload of answer === "yes" ? this.#needy : []) {
      await this.#engine.cancel(upload);
      if (upload.state === "cancelled") this.#engine.forget(upload);
    }
  }

  /** @param {Element} target */
  #pressed(target) {
    const button = target.closest("button");
    if (button === null) return;
    const group = this.#groups.get(/** @type {HTMLElement | null} */ (button.closest(".tray-group"))?.dataset.group ?? "");
    if (button.dataset.fold !== undefined && group !== undefined) {
      group.open = !group.open;
      return this.#draw();
    }
    if (button.dataset.again !== undefined) return this.#choose(null, button.dataset.again);
    if (button.dataset.discard !== undefined) return void this.#discard(button.dataset.discard);
    const every = button.dataset.all;
    if (every !== undefined) return this.#all(every);
    const key = /** @type {HTMLElement | null} */ (button.closest(".tray-row"))?.dataset.key;
    const upload = this.#engine.uploads.find((one) => one.key === key);
    if (upload !== undefined) this.#do(button.dataset.do ?? "", upload);
  }

  /** @param {Upload | null} wanted @param {string} kind `files` or `folder`. */
  #choose(wanted, kind) {
    this.#wanted = wanted;
    const input = /** @type {HTMLInputElement} */ (this.#part(`.tray-kept [data-${kind}]`));
    input.multiple = wanted === null;
    input.click();
  }

  /** @param {string} what */
  #all(what) {
    if (what === "clear") {
      return this.#engine.forgetAll(this.#engine.uploads.filter((upload) => ["accepted", "cancelled"].includes(upload.state)));
    }
    for (const upload of [...this.#engine.uploads]) {
      if (what === "pause") this.#engine.pause(upload);
      if (what === "resume" && ["paused", "signed_out"].includes(upload.state)) this.#engine.resume(upload);
      if (what === "retry" && canRetry(upload)) this.#engine.resume(upload);
    }
  }

  /** @param {string} what @param {Upload} upload */
  #do(what, upload) {
    if (what === "pause") this.#engine.pause(upload);
    if (what === "resume" || what === "retry") this.#engine.resume(upload);
    if (what === "again") this.#choose(upload, "files");
    if (what === "restart") this.#engine.restart(upload);
    if (what === "cancel") this.#engine.cancel(upload);
    if (what === "dismiss") {
      const next = /** @type {HTMLElement} */ (this.#rows.get(upload.key))?.nextElementSibling?.querySelector("button:not([hidden])");
      this.#engine.forget(upload);
      (/** @type {HTMLElement | null} */ (next) ?? this.#part(".tray-toggle")).focus();
    }
  }

  /** Says when one more has a problem, and what came of them, once nothing moves any more. */
  #verdict() {
    const { uploads } = this.#engine;
    const bad = uploads.filter(isBad).length;
    if (bad > this.#bad) announce(`${bad} ${this.word(bad === 1 ? "attention_one" : "attention")}`, "polite", "uploads");
    this.#bad = bad;
    if (!this.#ended || uploads.some((one) => one.active || one.state === "checking")) return;
    this.#ended = false;
    const done = uploads.filter((one) => one.state === "accepted").length;
    const text = `${this.word("finished")} ${done} ${this.word(done === 1 ? "file" : "files")}`
      + (bad === 0 ? "" : `, ${bad} ${this.word(bad === 1 ? "attention_one" : "attention")}`);
    if (text !== this.#spoken) announce(text, "polite", "uploads");
    this.#spoken = text;
  }

  #soon() {
    if (this.#drawing !== 0) return;
    this.#drawing = setTimeout(() => {
      this.#drawing = 0;
      this.#draw();
      this.#verdict();
    }, REDRAW);
  }

  #draw() {
    const { uploads } = this.#engine;
    this.hidden = uploads.length === 0;
    this.#total(uploads);
    document.getElementById("to-uploads")?.toggleAttribute("hidden", uploads.length === 0);
    const groups = [...Map.groupBy(uploads, groupOf)].map(([key, some]) => ({ key, some, at: rank(some) }));
    // What has a problem moves up, and what is done with moves down. What is under way does where there is no room for all.
    const steady = uploads.length <= ROWS;
    const calm = Date.now() - this.#settled >= FOLD;
    const place = (/** @type {{key: string, at: number}} */ { key, at }) =>
      (steady && (at === 2 || (at === 4 && !this.#groups.get(key)?.done)) ? 1 : at);
    for (const { key, at } of groups) {
      const group = this.#groups.get(key);
      if (group === undefined) continue;
      group.done = at === 4 && (group.done || calm);
      group.open &&= group.done;
    }
    groups.sort((a, b) => place(a) - place(b));
    /** @type {Set<string>} */ const kept = new Set();
    /** @type {Element[]} */ const items = [];
    /** @type {Map<Element, Element[]>} */ const lists = new Map([[this.#part(".tray-groups"), items]]);
    let [room, more] = [ROWS, 0];
    for (const { key, some, at: stands } of groups) {
      // A line for itself, and one for a row at least.
      if (room < 2) {
        more += some.length;
        continue;
      }
      const group = this.#group(key);
      kept.add(key);
      const inside = /** @type {HTMLElement} */ (group.item.querySelector(".tray-rows"));
      const folded = group.done && !group.open && !inside.contains(document.activeElement);
      const by = Map.groupBy(some, (upload) => (upload.left ? "kept" : steady && !needsHelp(upload) ? "" : upload.state));
      const rows = folded ? [] : [...ORDER, ""].flatMap((state) => by.get(/** @type {any} */ (state)) ?? []).slice(0, room - 1);
      room -= rows.length + 1;
      more += folded ? 0 : some.length - rows.length;
      items.push(group.item);
      this.#head(group, some, stands, folded);
      inside.hidden = folded;
      for (const { key } of rows) kept.add(key);
      lists.set(inside, rows.map((upload) => this.#row(upload)));
    }
    for (const [key, row] of this.#rows) if (!kept.has(key)) row.remove(), this.#rows.delete(key);
    for (const [key, { item }] of this.#groups) if (!kept.has(key)) item.remove(), this.#groups.delete(key);
    // Those that stay move for nobody who has gone.
    for (const [list, items] of lists) items.forEach((item, at) => put(list, at, item));
    this.#part(".tray-more").hidden = more === 0;
    this.#part(".tray-more").textContent = `${more} ${this.word("and_more")}`;
  }

  /** @param {string} key @returns {Group} */
  #group(key) {
    let group = this.#groups.get(key);
    if (group === undefined) {
      group = { item: this.#copy("#tray-group"), done: false, open: false };
      group.item.dataset.group = key;
      this.#groups.set(key, group);
    }
    return group;
  }

  /** @param {string} id of a template. */
  #copy(id) {
    const template = /** @type {HTMLTemplateElement} */ (this.querySelector(id));
    return /** @type {HTMLElement} */ (/** @type {DocumentFragment} */ (template.content.cloneNode(true)).firstElementChild);
  }

  /** @param {Group} group @param {Upload[]} uploads @param {number} stands @param {boolean} folded */
  #head({ item, open }, uploads, stands, folded) {
    const part = (/** @type {string} */ selector) => /** @type {HTMLElement} */ (item.querySelector(selector));
    // One place may say more of the candidate than another.
    const who = uploads.map(owner).reduce((long, one) => (one.length > long.length ? one : long));
    part("[data-who]").textContent = who === "" ? this.word("documents") : who;
    const { sample, component = "" } = /** @type {Upload} */ (uploads[0]).target;
    part("[data-component]").hidden = component === "" || sample === document.getElementById("main")?.dataset.sample;
    part("[data-component]").textContent = component;
    const bad = uploads.filter((upload) => needsHelp(upload) && !upload.left).length;
    const done = uploads.filter((upload) => upload.state === "accepted").length;
    part("[data-count]").textContent = bad > 0 ? `${bad} ${this.word(bad === 1 ? "attention_one" : "attention")}`
      : stands === 3 ? "" : folded && done === uploads.length ? this.word("accepted") : `${done} ${this.word("of")} ${uploads.length}`;
    item.className = `tray-group ${uploads.some(isBad) ? "bad" : bad > 0 ? "note" : stands === 4 && done > 0 ? "good" : ""}`;
    const fold = part("[data-fold]");
    fold.hidden = !folded && !open;
    fold.setAttribute("aria-expanded", String(!folded));
    fold.setAttribute("aria-label", `${fold.textContent}: ${part("[data-who]").textContent}`);
  }

  /** @param {Upload[]} uploads */
  #total(uploads) {
    const live = uploads.filter((upload) => upload.state !== "cancelled" && !upload.left);
    const going = live.filter((upload) => upload.state !== "refused");
    const all = going.reduce((sum, upload) => sum + upload.size, 0);
    const have = going.reduce((sum, upload) => sum + upload.confirmed, 0);
    const done = live.filter((upload) => upload.ended).length;
    const bad = live.filter(needsHelp).length;
    const any = (/** @type {(upload: Upload) => boolean} */ test) => live.some(test);
    const bar = /** @type {HTMLProgressElement} */ (this.#part(".tray-all"));
    bar.max = Math.max(1, all);
    bar.value = have;
    const needy = this.#needy.length;
    const moving = any((upload) => upload.active);
    const title = document.title.replace(/^\(\d+%\) /, "");
    const percent = all === 0 ? 0 : Math.floor((100 * have) / all);
    if (moving || title !== document.title) document.title = moving ? `(${percent}%) ${title}` : title;
    this.#part(".tray-total").textContent = live.length === 0 ? `${needy} ${this.word("unfinished")}`
      : `${done} ${this.word("of")} ${live.length}`
      + (moving ? ` · ${percent}%` : "")
      + (bad === 0 ? "" : ` · ${bad} ${this.word(bad === 1 ? "attention_one" : "attention")}`);
    this.#part('[data-all="pause"]').hidden = !any((upload) => upload.active);
    this.#part('[data-all="resume"]').hidden = !any((upload) => ["paused", "signed_out"].includes(upload.state));
    this.#part('[data-all="retry"]').hidden = !any(canRetry);
    const out = any((upload) => upload.state === "signed_out");
    this.#part("[data-sign-in]").hidden = !out;
    // What is to be signed in for is seen in every tab.
    if (out && !this.#out && matchMedia(BESIDE).matches) this.#open(true);
    this.#out = out;
    this.#part('[data-all="clear"]').hidden = !uploads.some((upload) => ["accepted", "cancelled"].includes(upload.state));
    this.#part(".tray-kept").hidden = needy === 0;
    this.#part(".tray-kept p").textContent = this.#told === "" ? this.#keptWords() : this.#told;
  }

  /** @param {Upload} upload */
  #row(upload) {
    let row = this.#rows.get(upload.key);
    if (row === undefined) {
      row = this.#copy("#tray-row");
      row.dataset.key = upload.key;
      const set = (/** @type {string} */ part, /** @type {string} */ text) => {
        /** @type {HTMLElement} */ (row?.querySelector(part)).textContent = text;
      };
      set("[data-name]", upload.name);
      set("[data-place]", within(upload));
      for (const button of row.querySelectorAll("button")) {
        button.setAttribute("aria-label", `${button.textContent} ${upload.name}`);
      }
      row.querySelector("progress")?.setAttribute("aria-label", upload.name);
      this.#rows.set(upload.key, row);
    }
    const now = [upload.left, upload.state, upload.reason, upload.message, upload.final, upload.confirmed].join();
    if (this.#shown.get(row) !== now) this.#fill(row, upload);
    this.#shown.set(row, now);
    return row;
  }

  /** @param {HTMLElement} row @param {Upload} upload */
  #fill(row, upload) {
    const part = (/** @type {string} */ selector) => /** @type {HTMLElement} */ (row.querySelector(selector));
    const tone = upload.left || (upload.state === "refused" && !isBad(upload)) ? "" : TONES[/** @type {keyof typeof TONES} */ (upload.state)];
    row.className = `tray-row ${tone ?? ""}`;
    const bar = /** @type {HTMLProgressElement} */ (part("progress"));
    bar.max = Math.max(1, upload.size);
    bar.value = upload.confirmed;
    bar.hidden = upload.ended || ["checking", "cancelling"].includes(upload.state);
    part("[data-state]").textContent = upload.left && upload.kept !== null ? `${this.word("kept_until")} ${day(upload.kept.until)}`
      : isFull(upload) ? this.word(upload.reason)
      : upload.message !== "" && upload.state === "refused" ? upload.message : this.word(upload.state);
    const percent = upload.size === 0 ? 0 : Math.floor((100 * upload.confirmed) / upload.size);
    part("[data-amount]").textContent = bar.hidden || upload.confirmed === 0 ? "" : `${percent}%`;
    const active = document.activeElement;
    const show = (/** @type {string} */ what, /** @type {boolean} */ on) => (part(`[data-do="${what}"]`).hidden = !on);
    show("pause", upload.active);
    show("resume", upload.state === "paused" || upload.state === "signed_out");
    show("retry", canRetry(upload));
    show("again", ["needs_file", "changed"].includes(upload.state));
    show("restart", upload.state === "changed");
    show("cancel", upload.active || ["paused", "signed_out", "needs_file", "changed"].includes(upload.state));
    show("dismiss", upload.ended);
    if (active instanceof HTMLElement && active.hidden && row.contains(active)) {
      /** @type {HTMLElement | null} */ (row.querySelector("button:not([hidden])"))?.focus();
    }
  }
}
