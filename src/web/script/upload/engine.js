// The upload engine: a queue of files, three lanes, smallest first. It knows no page: it is told of files and tells
// of changes. The server is the memory; an upload that it still holds is gone on with, never started again.

import * as server from "./server.js";
import * as transport from "./transport.js";

/** Uploads that send at the same time. */
const LANES = 3;
/** Bytes a request carries: what a broken line can cost at most is under one such slice. */
const SLICE = 16 * 1024 * 1024;
/** First and longest wait after trouble, milliseconds. */
const FIRST_WAIT = 500;
const LONGEST_WAIT = 30_000;
/** How often a received file's verdict is asked for, milliseconds. */
const ASK_EVERY = 2_000;
/** The same while nobody sees the page. */
const ASK_HIDDEN = 60_000;
const RUNNING = ["created", "receiving", "paused", "received", "checking"];

/**
 * @typedef {'waiting'|'sending'|'paused'|'offline'|'held'|'signed_out'|'needs_file'|'checking'|'accepted'|'refused'
 *   |'cancelling'|'cancelled'} State
 * @typedef {import("./transport.js").Target} Target
 * @typedef {import("./server.js").Open} Open
 */

/** One file on its way. */
export class Upload {
  static #next = 1;
  key = Upload.#next++;
  /** @type {State} */ state = "waiting";
  /** Bytes the server has confirmed. */ confirmed = 0;
  /** @type {string | null} */ url = null;
  /** What the server said, in its words. */ message = "";
  /** Why it was refused or has to wait, as a stable word. */ reason = "";
  /** The same bytes would be refused again. */ final = false;
  /** The server was asked to begin it, and may know it. */ asked = false;
  /** @type {AbortController | null} */ control = null;

  /** @param {File} file @param {Target} target @param {string} place @param {string} path */
  constructor(file, target, place, path) {
    this.file = file;
    this.target = target;
    this.place = place;
    this.path = path;
  }

  /** The file's id, once the server has one. */
  get id() {
    return this.url === null ? null : (this.url.split("/").at(-1) ?? null);
  }

  get active() {
    return ["waiting", "sending", "offline", "held"].includes(this.state);
  }

  /** Leaving the page now would leave something undone. */
  get busy() {
    return this.active || this.state === "cancelling";
  }

  get ended() {
    return ["accepted", "refused", "cancelled"].includes(this.state);
  }
}

/** Tells `change` (an Upload's standing) and `settled` (one got its id or its verdict: the page should look again). */
export class Engine extends EventTarget {
  /** @type {Upload[]} */ uploads = [];
  /** Whether somebody sees the page. */ watched = true;
  /** @type {Set<() => void>} */ #sleepers = new Set();

  /** @param {Upload} upload */
  add(upload) {
    this.uploads.push(upload);
    this.#tell(upload);
    this.#fill();
  }

  /** @param {Upload} upload */
  pause(upload) {
    if (!upload.active) return;
    this.#become(upload, "paused");
    upload.control?.abort();
  }

  /** Goes on with what was paused, refused or signed out. @param {Upload} upload */
  resume(upload) {
    if (upload.active || upload.state === "checking" || upload.state === "accepted") return;
    if (upload.state === "refused" || upload.state === "cancelled") upload.url = null;
    upload.message = upload.reason = "";
    this.#become(upload, "waiting");
    this.#fill();
  }

  /** Goes on with the file as it was chosen again; another file begins afresh. @param {Upload} upload @param {File} file */
  async rechoose(upload, file) {
    const { target, place, path } = upload;
    const { name, size, lastModified } = upload.file;
    if (file.name === name && file.size === size && file.lastModified === lastModified) {
      upload.file = file;
      return this.resume(upload);
    }
    await this.cancel(upload);
    this.forget(upload);
    this.add(new Upload(file, target, place, path));
  }

  /** Stops it, and asks until the server has thrown away what it has. @param {Upload} upload */
  async cancel(upload) {
    this.#become(upload, "cancelling");
    upload.control?.abort();
    const answer = await this.#remove(upload);
    // Too late: all of it had arrived.
    if (answer === "refused") {
      this.#become(upload, "checking");
      this.#settled(upload);
      return this.#verdict(upload);
    }
    this.#become(upload, answer);
    this.#settled(upload);
    this.#fill();
  }

  /** @param {Upload} upload @returns {Promise<'cancelled' | 'refused' | 'signed_out'>} */
  async #remove(upload) {
    if (upload.url === null) {
      if (!upload.asked) return "cancelled";
      // A creation that was cut short a moment ago may still become one.
      await this.#sleep(FIRST_WAIT);
    }
    for (let failures = 1; ; failures += 1) {
      const found = upload.url === null ? await this.#adopt(upload) : "found";
      if (found === "none") return "cancelled";
      const answer = found === "found" && upload.url !== null
        ? await transport.remove(upload.url, AbortSignal.timeout(LONGEST_WAIT))
        : /** @type {import("./server.js").Nothing} */ (found);
      if (answer.kind === "ok" || answer.kind === "gone") return "cancelled";
      if (answer.kind === "refused" || answer.kind === "signed_out") return answer.kind;
      await this.#sleep((answer.kind === "later" ? answer.after : null) ?? wait(failures));
    }
  }

  /** Takes an ended one off the list. @param {Upload} upload */
  forget(upload) {
    this.uploads = this.uploads.filter((other) => other !== upload);
    this.#tell(upload);
  }

  /** The line may be back: nobody waits any longer. */
  wake() {
    for (const wake of [...this.#sleepers]) wake();
  }

  #fill() {
    const sending = this.uploads.filter((upload) => upload.control !== null).length;
    const next = this.uploads
      .filter((upload) => upload.state === "waiting" && upload.control === null)
      .sort((a, b) => a.file.size - b.file.size)
      .slice(0, Math.max(0, LANES - sending));
    for (const upload of next) this.#drive(upload);
  }

  /** @param {Upload} upload */
  async #drive(upload) {
    const control = new AbortController();
    upload.control = control;
    try {
      await this.#run(upload, control.signal);
    } finally {
      upload.control = null;
      this.#fill();
    }
    if (upload.state === "checking") await this.#verdict(upload);
  }

  /** Sends until everything is with the server, or something needs the person. @param {Upload} upload @param {AbortSignal} signal */
  async #run(upload, signal) {
    this.#become(upload, "sending");
    let look = upload.url !== null;
    let failures = 0;
    while (!signal.aborted) {
      const answer = await this.#step(upload, look, signal);
      if (signal.aborted || answer.kind === "stopped") return;
      if (answer.kind === "ok") {
        look = false;
        if (upload.url === null) {
          upload.url = new URL(answer.url ?? "", location.origin).pathname;
          this.#settled(upload);
        }
        // Only bytes that stay are progress: a server that answers and takes none must not be asked without pause.
        if (answer.offset > upload.confirmed) failures = 0;
        upload.confirmed = answer.offset;
        if (upload.confirmed >= upload.file.size) {
          this.#become(upload, "checking");
          return this.#settled(upload);
        }
        if (failures === 0) this.#become(upload, "sending");
        else this.#tell(upload);
      } else if (answer.kind === "later") {
        const there = await readable(upload.file, upload.confirmed);
        if (signal.aborted) return;
        if (!there) return this.#become(upload, "needs_file");
        failures += 1;
        upload.reason = answer.code ?? "";
        this.#become(upload, answer.busy ? "held" : failures > 1 ? "offline" : "sending");
        await this.#sleep(answer.after ?? wait(failures), signal);
        look = true;
      } else {
        return this.#give_up(upload, answer);
      }
    }
  }

  /** @param {Upload} upload @param {boolean} look @param {AbortSignal} signal @returns {Promise<import("./transport.js").Answer>} */
  async #step(upload, look, signal) {
    if (upload.url === null) {
      const found = await this.#adopt(upload);
      if (signal.aborted) return { kind: "stopped" };
      if (found === "none") {
        upload.asked = true;
        return transport.create(upload.file, upload.target, upload.path, signal);
      }
      if (found !== "found") return found;
      return { kind: "ok", offset: upload.confirmed };
    }
    if (look) return transport.head(upload.url, signal);
    const from = upload.confirmed;
    const moved = () => {
      if (upload.state === "offline" || upload.state === "held") this.#become(upload, "sending");
    };
    return transport.patch(upload.url, from, upload.file.slice(from, from + SLICE), signal, moved);
  }

  /** @param {Upload} upload @param {import("./transport.js").Answer} answer */
  #give_up(upload, answer) {
    if (answer.kind === "refused") {
      upload.message = [answer.title, answer.detail].filter(Boolean).join(". ");
      upload.reason = answer.code;
    }
    // No upload any more: what became of the file is asked, as of one that arrived.
    const states = { signed_out: "signed_out", gone: "checking" };
    this.#become(upload, /** @type {State} */ (states[/** @type {keyof typeof states} */ (answer.kind)] ?? "refused"));
    this.#settled(upload);
  }

  /**
   * Whether the server already holds an open upload of this very file for this place; then it is gone on with. A
   * creation whose answer was lost is found here too. Not to know is not "none": who then creates, sends twice.
   * @param {Upload} upload @returns {Promise<'found' | 'none' | import("./server.js").Nothing>}
   */
  async #adopt(upload) {
    const open = await server.openUploads();
    if (open.kind !== "ok") return open;
    const driven = new Set(this.uploads.map((other) => other.url));
    const { sample, candidate, section } = upload.target;
    const found = open.uploads.find((one) => !driven.has(one.url) && one.sample === sample
      && one.candidate === candidate && one.section === section && server.isSame(one, upload.file));
    if (found === undefined) return "none";
    upload.url = found.url;
    upload.confirmed = found.offset;
    return "found";
  }

  /** Asks until there is a verdict; seldom while nobody watches. @param {Upload} upload */
  async #verdict(upload) {
    while (upload.state === "checking" && upload.id !== null) {
      const found = await server.fileState(upload.id);
      if (found.kind === "signed_out" || found.kind === "gone") {
        this.#become(upload, found.kind === "gone" ? "cancelled" : "signed_out");
        return this.#settled(upload);
      }
      if (found.kind === "ok" && !RUNNING.includes(found.state)) {
        upload.message = found.message;
        upload.reason = found.reason;
        upload.final = found.state !== "expired";
        const end = { accepted: "accepted", cancelled: "cancelled" }[found.state] ?? "refused";
        this.#become(upload, /** @type {State} */ (end));
        return this.#settled(upload);
      }
      await this.#sleep(this.watched ? ASK_EVERY : ASK_HIDDEN);
    }
  }

  /** @param {number} time @param {AbortSignal} [signal] @returns {Promise<void>} */
  #sleep(time, signal) {
    return new Promise((resolve) => {
      const end = () => {
        clearTimeout(timer);
        this.#sleepers.delete(end);
        signal?.removeEventListener("abort", end);
        resolve();
      };
      const timer = setTimeout(end, time);
      this.#sleepers.add(end);
      signal?.addEventListener("abort", end);
    });
  }

  /** @param {Upload} upload @param {State} state */
  #become(upload, state) {
    if (upload.state === "cancelled" && state !== "waiting") return;
    if (upload.state === "cancelling" && !["cancelled", "checking", "signed_out"].includes(state)) return;
    if (upload.state === "paused" && state === "sending" && upload.control?.signal.aborted) return;
    upload.state = state;
    this.#tell(upload);
  }

  /** @param {Upload} upload */
  #tell(upload) {
    this.dispatchEvent(new CustomEvent("change", { detail: upload }));
  }

  /** @param {Upload} upload */
  #settled(upload) {
    this.dispatchEvent(new CustomEvent("settled", { detail: upload }));
  }
}

/** Whether the next byte can still be read: files are moved, changed, or were on a stick. @param {File} file @param {number} from */
async function readable(file, from) {
  try {
    await file.slice(from, from + 1).arrayBuffer();
    return true;
  } catch {
    return false;
  }
}

/** Doubling with jitter, milliseconds. @param {number} failures */
function wait(failures) {
  const full = Math.min(LONGEST_WAIT, FIRST_WAIT * 2 ** (failures - 1));
  return full / 2 + Math.random() * (full / 2);
}
