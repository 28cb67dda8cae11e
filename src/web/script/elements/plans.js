// Many files at once: their names make a plan on the server; the files stay here until it is started, and are handed to
// the engine then. After a reload the plan is still there, and the files are chosen again.

import { announce } from "../announce.js";
import { fetchPage } from "../fragment.js";
import { begun, post } from "../upload/server.js";
import { Upload } from "../upload/engine.js";

/** How long the page may be kept from answering, milliseconds. */
const SLICE = 12;
/** What systems put into every folder, and nobody made. */
const LITTER = [".DS_Store", "Thumbs.db", "desktop.ini"];

/** @typedef {{file: File, path: string}} Found */

export class Plans {
  /** The files of plans that this document knows. @type {Map<string, Map<string, Found>>} */ #files = new Map();
  #starting = false;
  /** Dropped on a page that leads to a plan. @type {FileSystemEntry[]} */ #brought = [];
  #engine;
  #tray;

  /** @param {import("../upload/engine.js").Engine} engine @param {import("./upload-tray.js").UploadTray} tray */
  constructor(engine, tray) {
    this.#engine = engine;
    this.#tray = tray;
    document.addEventListener("click", (event) => this.#pressed(/** @type {Element} */ (event.target)));
    document.addEventListener("change", (event) => this.#chosen(/** @type {Element} */ (event.target)));
    document.addEventListener("submit", (event) => this.#submitted(event));
    document.addEventListener("drop", (event) => this.#dropped(event));
  }

  /** A page is here: one of a plan asks for its files when they are not. */
  arrived() {
    const brought = this.#brought;
    this.#brought = [];
    if (brought.length > 0 && document.querySelector("[data-many]") !== null) this.#take(walked(brought));
    const plan = document.getElementById("plan");
    if (plan === null) return;
    const asks = document.getElementById("plan-files");
    // What a tab or the keeper has the files of goes on without a choice.
    const driven = this.#engine.uploads.filter(({ target, left, ended }) => target.plan !== undefined && !left && !ended).length;
    const left = document.querySelector("[data-plan-start]") !== null || Number(plan.dataset.open) > driven;
    if (asks !== null) asks.hidden = this.#files.has(plan.dataset.plan ?? "") || !left;
  }

  /** @param {Element} target */
  #pressed(target) {
    const button = target.closest("#choose-folder, #choose-files, #again-folder, #again-files");
    if (button === null) return;
    const kind = button.id.endsWith("folder") ? "[data-many-folder]" : "[data-many-files]";
    const input = /** @type {HTMLInputElement | null} */ (document.querySelector(kind));
    if (input === null) return;
    input.value = "";
    input.click();
  }

  /** @param {Element} target */
  #chosen(target) {
    if (!(target instanceof HTMLInputElement) || !target.matches("[data-many-folder], [data-many-files]")) return;
    // A page that is left keeps what its fields hold, and thousands of files are much to keep.
    const files = Array.from(target.files ?? []);
    target.value = "";
    this.#take(listed(files));
  }

  /** @param {DragEvent} event */
  #dropped(event) {
    const on = event.target;
    if (!(on instanceof Element) || document.querySelector("dialog[open]") !== null) return;
    const zone = on.closest("[data-many-drop]");
    // Beside all places of a sample's page: it takes a plan to say where they go.
    const many = on.closest("[data-place], tr.row") === null ? /** @type {HTMLAnchorElement | null} */ (document.getElementById("to-many")) : null;
    if (event.dataTransfer === null) return;
    // To be asked for before the event is over.
    const entries = Array.from(event.dataTransfer.items, (item) => item.webkitGetAsEntry()).filter((entry) => entry !== null);
    if (zone !== null) return void this.#take(walked(entries));
    if (entries.length === 0 || many === null) return;
    const brought = (this.#brought = [...this.#brought, ...entries]);
    // Who does not get there has brought nothing.
    visit(many.href).then(() => {
      if (this.#brought === brought) this.#brought = [];
    });
  }

  /** Files for a new plan, or for the one on the page. @param {AsyncIterable<Found>} some */
  async #take(some) {
    const form = /** @type {HTMLElement | null} */ (document.querySelector("[data-many]"));
    const most = form === null ? Number.POSITIVE_INFINITY : Number(form.dataset.mostFiles);
    say("");
    /** @type {Found[]} */
    const found = [];
    try {
      for await (const one of some) {
        found.push(one);
        if (found.length % 250 === 0) busy("reading", found.length);
        if (found.length > most) return this.#problem("many", ` ${most}.`);
      }
    } catch {
      return this.#problem("unreadable");
    }
    if (form === null) return this.#again(found);
    if (found.length === 0) return this.#problem("none");
    await this.#plan(form, found);
  }

  /** @param {string} word @param {string} [more] */
  #problem(word, more = "") {
    busy("");
    say(wordOf(word) + more);
  }

  /** @param {HTMLElement} form @param {Found[]} found */
  async #plan(form, found) {
    busy("planning", found.length);
    const sample = form.dataset.sample ?? "";
    const fields = new FormData(/** @type {HTMLFormElement} */ (form));
    const preset = fields.get("preset") || undefined;
    const section = preset === "candidate_prefix" ? { section: String(fields.get("section") ?? "") } : {};
    const files = [];
    const pause = sliced();
    for (const { file, path } of found) {
      await pause();
      files.push({ name: file.name, path, size: file.size, modified: new Date(file.lastModified).toISOString() });
    }
    const answer = await post(`/api/v1/samples/${sample}/bulk_plans`, { files, preset, ...section });
    busy("");
    if (answer.kind === "refused") return say(answer.detail);
    if (answer.kind !== "ok") return this.#problem("failed");
    const plan = String(answer.body.id);
    this.#files.set(plan, await known(found));
    visit(`/samples/${sample}/plans/${plan}`);
  }

  /** The files of the plan on the page, chosen again. @param {Found[]} found */
  async #again(found) {
    const page = document.getElementById("plan");
    const plan = page?.dataset.plan ?? "";
    if (page === null || plan === "" || found.length === 0) return;
    this.#files.set(plan, await known(found));
    const said = /** @type {HTMLElement | null} */ (document.querySelector("#plan-files [data-said]"));
    if (said !== null) said.hidden = true;
    this.arrived();
    if (page.dataset.started === undefined) return document.getElementById("start")?.focus();
    // What was begun and is not whole goes on; then what was not begun.
    const open = await begun(plan);
    await this.#engine.look();
    if (open.kind === "ok") this.#send(page, plan, open.files, true);
    if (document.querySelector("[data-plan-start]") !== null) await this.#start(page, plan);
  }

  /** @param {SubmitEvent} event */
  #submitted(event) {
    const form = event.target;
    if (!(form instanceof HTMLFormElement)) return;
    // Choosing makes the plan, and nothing else does.
    if (form.matches("[data-many]")) return event.preventDefault();
    if (event.submitter === null || !event.submitter.matches("[data-plan-start]")) return;
    event.preventDefault();
    const page = document.getElementById("plan");
    const plan = page?.dataset.plan ?? "";
    if (page === null) return;
    if (!this.#files.has(plan)) {
      this.arrived();
      return document.getElementById("again-folder")?.focus();
    }
    this.#start(page, plan);
  }

  /** Confirms the plan and sends what is ready; once at a time. @param {HTMLElement} page @param {string} plan */
  async #start(page, plan) {
    if (this.#starting) return;
    this.#starting = true;
    try {
      await this.#confirm(page, plan);
    } finally {
      this.#starting = false;
    }
  }

  /** @param {HTMLElement} page @param {string} plan */
  async #confirm(page, plan) {
    const asks = document.getElementById("plan-files");
    const kept = await keep(plan);
    if (kept === "wrong") return;
    const answer = kept === "kept" ? await post(`/api/v1/bulk_plans/${plan}/start`, {}) : null;
    if (answer?.kind !== "ok") {
      return told(asks, answer?.kind === "refused" ? answer.detail : asks?.dataset.failed ?? "");
    }
    page.dataset.started = "";
    const lost = this.#send(page, plan, answer.body.files, false);
    if (lost > 0) return told(asks, `${lost} ${asks?.dataset.lost ?? ""}`);
    visit(`/samples/${page.dataset.planSample}/plans/${plan}?show=begun`);
  }

  /**
   * Hands files to the engine; how many are not here. `open`: their uploads were begun.
   * @param {HTMLElement} page @param {string} plan @param {any[]} files @param {boolean} open
   */
  #send(page, plan, files, open) {
    const here = this.#files.get(plan) ?? new Map();
    let lost = 0;
    const engine = this.#engine;
    const driven = new Map(engine.uploads.map((upload) => [(open ? upload.url : upload.target.plan) ?? "", upload]));
    const uploads = [];
    /** @type {[Upload, File][]} */
    const again = [];
    for (const one of files) {
      const known = driven.get(open ? `/files/${one.upload.file}` : one.id);
      // What is open and not known here came to its end, or another begins it at this moment.
      if (known === undefined ? open : known.state !== "needs_file") continue;
      const found = here.get(key(one.path, one.name, one.size));
      if (found === undefined) {
        lost += 1;
        continue;
      }
      if (known !== undefined) {
        again.push([known, found.file]);
        continue;
      }
      const target = {
        sample: page.dataset.planSample ?? "",
        candidate: String(one.candidates[0]),
        section: String(one.section),
        plan: String(one.id),
        replaces: String(one.replaces ?? ""),
        sharedWith: one.candidates.slice(1).join("+"),
      };
      uploads.push(new Upload(found.file, target, `${one.candidates.join(", ")} · ${one.section}`, String(one.folder)));
    }
    engine.addAll(uploads);
    engine.rechoose(again);
    if (uploads.length + again.length > 0) this.#tray.started(uploads.length + again.length);
    return lost;
  }
}

/**
 * Keeps what is filled in on the page of a plan. The page is then as it is without it; or says what is wrong with it.
 * @param {string} plan @returns {Promise<"kept" | "wrong" | "failed">}
 */
async function keep(plan) {
  const form = document.getElementById("choices");
  if (!(form instanceof HTMLFormElement) || form.querySelector('[name="file"]') === null) return "kept";
  const fields = new URLSearchParams();
  for (const [name, value] of new FormData(form)) if (typeof value === "string") fields.append(name, value);
  const came = await fetchPage(form.action, { form: fields });
  const fresh = came?.page ?? null;
  if (fresh === null || fresh.getElementById("plan")?.dataset.plan !== plan) return "failed";
  // Another page is here by now: what was kept is kept, and nothing starts behind it.
  if (document.getElementById("plan")?.dataset.plan !== plan) return "wrong";
  for (const id of ["plan-problem", "plan-tabs", "plan-start", "plan-shown"]) {
    const [old, now] = [document.getElementById(id), fresh.getElementById(id)];
    if (old !== null && now !== null) old.replaceWith(document.adoptNode(now));
  }
  const problem = document.getElementById("problem");
  (problem ?? document.getElementById("start"))?.focus();
  return problem === null ? "kept" : "wrong";
}

/** @param {string} path @param {string} name @param {number} size */
const key = (path, name, size) => `${path}\n${name}\n${size}`;

/** @param {Found[]} found @returns {Promise<Map<string, Found>>} */
async function known(found) {
  const files = new Map();
  const pause = sliced();
  for (const one of found) {
    await pause();
    files.set(key(one.path, one.file.name, one.file.size), one);
  }
  return files;
}

/** A pause for the page, whenever a slice of time is over. */
function sliced() {
  let until = performance.now() + SLICE;
  return async () => {
    if (performance.now() < until) return;
    await new Promise((resolve) => setTimeout(resolve));
    until = performance.now() + SLICE;
  };
}

/** Of a file dialog. @param {File[]} files @returns {AsyncGenerator<Found>} */
async function* listed(files) {
  const pause = sliced();
  for (const file of files) {
    await pause();
    const path = file.webkitRelativePath.split("/").slice(0, -1).join("/");
    if (!LITTER.includes(file.name)) yield { file, path };
  }
}

/** Of what was dropped, folder by folder. @param {FileSystemEntry[]} entries @returns {AsyncGenerator<Found>} */
async function* walked(entries) {
  const pause = sliced();
  const left = entries.reverse();
  for (let entry = left.pop(); entry !== undefined; entry = left.pop()) {
    await pause();
    if (entry.isFile) {
      const one = /** @type {FileSystemFileEntry} */ (entry);
      /** @type {File} */
      const file = await new Promise((resolve, reject) => one.file(resolve, reject));
      const path = entry.fullPath.split("/").slice(1, -1).join("/");
      if (!LITTER.includes(file.name)) yield { file, path };
      continue;
    }
    const reader = /** @type {FileSystemDirectoryEntry} */ (entry).createReader();
    // A reader gives some at a time, and none at its end.
    for (;;) {
      /** @type {FileSystemEntry[]} */
      const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
      if (some.length === 0) break;
      left.push(...some.reverse());
    }
  }
}

/** A word of the page's. @param {string} word */
function wordOf(word) {
  return document.getElementById("many-busy")?.dataset[word] ?? "";
}

/** How far it is. @param {string} word @param {number} [count] */
function busy(word, count = 0) {
  const line = document.getElementById("many-busy");
  if (line !== null) line.textContent = word === "" ? "" : `${wordOf(word)} ${count} ${wordOf("files")}`;
}

/** @param {string} text */
function say(text) {
  const banner = document.getElementById("many-problem");
  if (banner === null) return;
  banner.hidden = text === "";
  /** @type {HTMLElement} */ (banner.querySelector("p")).textContent = text;
}

/** Says on the page of a plan what went wrong. @param {HTMLElement | null} asks @param {string} text */
function told(asks, text) {
  const line = /** @type {HTMLElement | null} */ (asks?.querySelector("[data-said]") ?? null);
  if (asks === null || line === null) return;
  asks.hidden = false;
  line.hidden = false;
  line.textContent = text;
  announce(text, "assertive");
}

/** Another page of ours, without leaving the document where that can be. @param {string} url */
async function visit(url) {
  const { navigation } = /** @type {any} */ (window);
  if (navigation === undefined) location.assign(url);
  else await navigation.navigate(url).finished.catch(() => {});
}
