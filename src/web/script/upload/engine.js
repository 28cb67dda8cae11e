// The upload engine: a queue of files, three lanes, smallest first. It knows no page: it is told of files and tells
// of changes. The server is the memory; an upload that it still holds is gone on with, never started again, by whoever
// has its file. What other tabs drive stands in its list too (`tabs.js`): it is shown as its own, and what is asked of
// it is passed on. Nothing is sent but in the session of the person whose uploads they are.

import { guardOf, isSame } from "./guard.js";
import * as server from "./server.js";
import * as transport from "./transport.js";

/** Uploads that send at the same time. */
const LANES = 3;
/** Bytes a request carries: what a broken line can cost at most is under one such slice. */
const SLICE = 16 * 1024 * 1024;
/** First and longest wait after trouble, milliseconds. */
const FIRST_WAIT = 500;
const LONGEST_WAIT = 30_000;
/** Longest where no answer came: the line is asked, and no server has work by it. */
const LINE_WAIT = 3_000;
/** How often a received file's verdict is asked for, milliseconds; and for all of them together, a second. */
const ASK_EVERY = 2_000;
const ASKS = 10;
/** The same while nobody sees the page. */
const ASK_HIDDEN = 60_000;
/** How long it is known which uploads the server holds, milliseconds. */
const KNOWN_FOR = 60_000;
/** How long after another tab was found to drive an upload it is looked at again, milliseconds. */
const PARKED = 1_000;
/** The session is asked after at most this often, milliseconds. */
const BACK_EVERY = 5_000;
/** What tells this document's uploads from those of other tabs. */
const TAB = Math.random().toString(36).slice(2, 12);
const RUNNING = ["created", "receiving", "paused", "received", "checking"];
/** In place of a tab: it is on no list any more. */
const GONE = "gone";
/** A tab that says so of an upload drives it. */
const DRIVEN = ["hashing", "sending", "offline", "cancelling", "checking"];

/**
 * @typedef {'waiting'|'hashing'|'sending'|'paused'|'offline'|'held'|'signed_out'|'needs_file'|'changed'|'checking'
 *   |'accepted'|'refused'|'cancelling'|'cancelled'} State
 * @typedef {import("./transport.js").Target} Target
 * @typedef {import("./server.js").Open} Open
 * @typedef {Pick<Upload, "key" | "name" | "size" | "place" | "path" | "target" | "state" | "confirmed" | "url" | "message" | "reason"
 *   | "final" | "asked" | "unwanted" | "held" | "kept"> & {file?: File | null}} Told what one tab tells another of an upload.
 */

/** One file on its way. */
export class Upload {
  static #next = 1;
  key = `${TAB}-${Upload.#next++}`;
  /** The tab that drives it; empty: this one. */ tab = "";
  /** @type {State} */ state = "waiting";
  /** Bytes the server has confirmed. */ confirmed = 0;
  /** @type {string | null} */ url = null;
  /** What the server said, in its words. */ message = "";
  /** Why it was refused or has to wait, as a stable word. */ reason = "";
  /** The same bytes would be refused again. */ final = false;
  /** The server was asked to begin it, and may know it. */ asked = false;
  /** The person cancelled it: it is not gone on with. */ unwanted = false;
  /** Lets go of the lock by which no other tab drives it. @type {(() => void) | null} */ release = null;
  /** @type {AbortController | null} */ control = null;
  /** What the bytes at the server are of, once there is an upload. @type {import("./guard.js").Held | null} */ held = null;
  /** When it began and until when it is kept, of one that was left unfinished. @type {{begun: Date, until: Date} | null} */ kept = null;

  /** @param {File | null} file null: not here any more. @param {Target} target @param {string} place @param {string} path */
  constructor(file, target, place, path) {
    this.file = file;
    this.target = target;
    this.place = place;
    this.path = path;
    this.name = file?.name ?? "";
    this.size = file?.size ?? 0;
  }

  /** One that the server still holds, and nobody sends. @param {Open} open */
  static kept(open) {
    const { sample, candidate, section, replaces, sharedWith } = open;
    const whose = [candidate, ...sharedWith.split("+")].filter(Boolean).join(", ");
    const place = [whose, section].filter(Boolean).join(" · ");
    const upload = new Upload(null, { sample, candidate, section, replaces, sharedWith }, place, open.path);
    upload.state = "needs_file";
    upload.name = open.name;
    upload.size = open.size;
    upload.kept = open;
    upload.take(open);
    return upload;
  }

  /** The server has it, so far. @param {Open} open */
  take(open) {
    this.url = open.url;
    this.confirmed = open.offset;
    this.held = open;
  }

  /** The file's id, once the server has one. */
  get id() {
    return this.url === null ? null : (this.url.split("/").at(-1) ?? null);
  }

  get active() {
    return ["waiting", "hashing", "sending", "offline", "held"].includes(this.state);
  }

  /** Leaving the page now would leave something undone. */
  get busy() {
    return this.tab === "" && (this.active || this.state === "cancelling");
  }

  /** The server's alone: nobody drives it, and its file is not here. */
  get left() {
    return this.tab === "" && this.state === "needs_file" && this.file === null && this.kept !== null;
  }

  get ended() {
    return ["accepted", "refused", "cancelled"].includes(this.state);
  }
}

/**
 * Tells `change` (an Upload's standing), `settled` (one got its id or its verdict: the page should look again), `out`
 * (the session is over) and `back` (the person has signed in again).
 */
export class Engine extends EventTarget {
  /** @type {Upload[]} */ uploads = [];
  tab = TAB;
  /** Whether somebody sees the page. */ watched = true;
  /** Nobody ever sees this list: what has ended well is none of its business. */ unseen = false;
  /** The session is over, or another person's. */ out = false;
  /** Tells the tab that drives them. @type {(what: string, uploads: Upload[], file?: File) => void} */ pass = () => {};
  #person;
  /** When the session was asked after last, and whether it is. */ #asked_after = 0;
  #asking = false;
  /** Somebody may have signed in since. */ #ask_again = false;
  /** @type {Set<() => void>} */ #sleepers = new Set();
  /** Those that wait, the smallest last. One may stand here that does not wait any more. @type {Upload[]} */ #queue = [];
  #sending = 0;
  #checking = 0;
  /** @param {string} person whose uploads they are. @param {string} proof of their session. */
  constructor(person, proof) {
    super();
    this.#person = person;
    transport.provedBy(proof);
  }

  /** What the server held when it was asked last, by name. @type {{at: number, uploads: Map<string, Open[]>} | null} */ #held = null;

  /** @param {Upload} upload */
  add(upload) {
    this.addAll([upload]);
  }

  /** @param {Upload[]} uploads */
  addAll(uploads) {
    for (const upload of uploads) {
      if (this.out && upload.state === "waiting") upload.state = "signed_out";
      this.uploads.push(upload);
    }
    this.#held = null;
    this.#enqueue(uploads);
    if (uploads[0] !== undefined) this.#tell(uploads[0]);
    this.#fill();
  }

  /** @param {Upload[]} uploads */
  #enqueue(uploads) {
    for (const upload of uploads) if (upload.state === "waiting") this.#queue.push(upload);
    this.#queue.sort((a, b) => b.size - a.size);
  }

  /** @param {Upload} upload */
  pause(upload) {
    if (!upload.active) return;
    if (upload.tab !== "") return this.pass("pause", [upload]);
    this.#become(upload, "paused");
    upload.control?.abort();
  }

  /** Goes on with what was paused, refused or signed out. @param {Upload} upload */
  resume(upload) {
    if (upload.active || upload.state === "checking" || upload.state === "accepted") return;
    if (upload.tab !== "") return this.pass("resume", [upload]);
    if (upload.state === "refused" || upload.state === "cancelled") {
      upload.url = upload.held = upload.kept = null;
      upload.confirmed = 0;
      upload.unwanted = false;
    }
    upload.message = upload.reason = "";
    if (this.out) {
      this.#become(upload, "signed_out");
      return void this.back();
    }
    if (upload.unwanted) return void this.cancel(upload);
    if (upload.url !== null && upload.confirmed >= upload.size) {
      this.#become(upload, "checking");
      return void this.#verdict(upload);
    }
    this.#become(upload, "waiting");
    this.#enqueue([upload]);
    this.#fill();
  }

  /** Goes on with files that were chosen again, where they are those that were begun. @param {[Upload, File][]} pairs */
  rechoose(pairs) {
    for (const [upload, file] of pairs) {
      if (upload.tab !== "") {
        this.pass("again", [upload], file);
        continue;
      }
      upload.file = file;
      if (upload.held === null) [upload.name, upload.size] = [file.name, file.size];
      this.#become(upload, this.out ? "signed_out" : "waiting");
    }
    this.#enqueue(pairs.map(([upload]) => upload).filter((upload) => upload.tab === ""));
    this.#fill();
  }

  /** Throws away what the server has of another file, and begins afresh with this one. @param {Upload} upload */
  async restart(upload) {
    if (upload.tab !== "") return this.pass("restart", [upload]);
    const { file, target, place, path } = upload;
    await this.cancel(upload);
    // Too late to be cancelled, or not signed in any more: then it is as it is.
    if (upload.state !== "cancelled") return;
    this.forget(upload);
    this.add(new Upload(file, target, place, path));
  }

  /** Asks what the server still holds: what nobody sends is kept here until its file is chosen again. */
  async look() {
    const open = await this.#ask();
    if (open.kind !== "ok" || this.out) return;
    const there = new Map(open.uploads.map((one) => [one.url, one]));
    this.uploads = this.uploads.filter((upload) => !upload.left || there.has(upload.url ?? ""));
    for (const upload of this.uploads) there.delete(upload.url ?? "");
    for (const one of there.values()) this.uploads.push(Upload.kept(one));
    this.dispatchEvent(new CustomEvent("change"));
  }

  /** Stops it, and asks until the server has thrown away what it has. @param {Upload} upload */
  async cancel(upload) {
    if (upload.tab !== "") return this.pass("cancel", [upload]);
    upload.unwanted = true;
    this.#become(upload, "cancelling");
    this.#held = null;
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
    if (answer === "signed_out") return this.#lost();
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
    this.forgetAll([upload]);
  }

  /** @param {Upload[]} uploads */
  forgetAll(uploads) {
    const gone = new Set(uploads);
    this.uploads = this.uploads.filter((upload) => !gone.has(upload));
    for (const theirs of Map.groupBy(uploads, (upload) => upload.tab)) if (theirs[0] !== "") this.pass("forget", theirs[1]);
    if (uploads[0] !== undefined) this.#tell(uploads[0]);
  }

  /** The line may be back: nobody waits any longer. */
  wake() {
    for (const wake of [...this.#sleepers]) wake();
  }

  #fill() {
    if (this.out) return;
    // A browser has six connections for all its tabs.
    const theirs = this.uploads.filter((upload) => upload.tab !== "" && ["hashing", "sending"].includes(upload.state)).length;
    while (this.#sending < Math.max(1, LANES - theirs)) {
      const next = this.#queue.pop();
      if (next === undefined) return;
      if (next.state === "waiting" && next.control === null && next.tab === "") this.#drive(next);
    }
  }

  /** @param {Upload} upload */
  async #drive(upload) {
    const control = new AbortController();
    upload.control = control;
    this.#sending += 1;
    try {
      await this.#run(upload, control.signal);
    } finally {
      upload.control = null;
      upload.release?.();
      upload.release = null;
      this.#sending -= 1;
      // It was stopped and is to go on, before it had ended.
      if (upload.state === "waiting" && upload.tab === "") this.#enqueue([upload]);
      this.#fill();
    }
    if (upload.state === "checking") await this.#verdict(upload);
  }

  /** Whether no other tab drives what the server holds of it; then none does until this one has ended. @param {Upload} upload */
  async #alone(upload) {
    if (upload.id === null || upload.release !== null) return true;
    upload.release = await lock(upload.id);
    return upload.release !== null;
  }

  /** Another tab drives it, and is about to say so: it has a look later. @param {Upload} upload */
  async #park(upload) {
    this.#become(upload, "held");
    await this.#sleep(PARKED);
    if (upload.state !== "held" || upload.tab !== "" || upload.control !== null || !this.uploads.includes(upload)) return;
    this.#become(upload, "waiting");
    this.#enqueue([upload]);
    this.#fill();
  }

  /**
   * Whether its file can be read, and is the one that the server has bytes of.
   * @param {Upload} upload @param {AbortSignal} signal
   */
  async #reads(upload, signal) {
    this.#become(upload, "hashing");
    const { file, held } = upload;
    const guard = file === null ? null : await guardOf(file);
    if (signal.aborted) return false;
    if (file === null || guard === null) this.#become(upload, "needs_file");
    else if (held !== null && !isSame(held, file, guard)) this.#become(upload, "changed");
    else return true;
    return false;
  }

  /** Sends until everything is with the server, or something needs the person. @param {Upload} upload @param {AbortSignal} signal */
  async #run(upload, signal) {
    if (!(await this.#alone(upload))) return void this.#park(upload);
    if (!(await this.#reads(upload, signal))) return;
    this.#become(upload, "sending");
    let look = upload.url !== null;
    let failures = 0;
    while (!signal.aborted) {
      const still = look || upload.url === null || (await isStill(upload));
      if (signal.aborted) return;
      if (!still) return this.#become(upload, "needs_file");
      const answer = await this.#step(upload, look, signal);
      if (signal.aborted || answer.kind === "stopped") return;
      if (answer.kind === "ok") {
        look = false;
        if (upload.url === null) {
          upload.url = new URL(answer.url ?? "", location.origin).pathname;
          this.#only(upload);
          this.#settled(upload);
        }
        if (!(await this.#alone(upload))) return void this.#park(upload);
        // Only bytes that stay are progress: a server that answers and takes none must not be asked without pause.
        if (answer.offset > upload.confirmed) failures = 0;
        upload.confirmed = answer.offset;
        if (upload.confirmed >= upload.size) {
          this.#become(upload, "checking");
          return this.#settled(upload);
        }
        if (failures === 0) this.#become(upload, "sending");
        else this.#tell(upload);
      } else if (answer.kind === "later") {
        failures += 1;
        upload.reason = answer.code ?? "";
        this.#become(upload, answer.busy ? "held" : failures > 1 ? "offline" : "sending");
        await this.#sleep(answer.after ?? wait(failures, answer.unheard), signal, answer.after !== null);
        look = true;
      } else {
        return this.#give_up(upload, answer);
      }
    }
  }

  /** @param {Upload} upload @param {boolean} look @param {AbortSignal} signal @returns {Promise<import("./transport.js").Answer>} */
  async #step(upload, look, signal) {
    const file = /** @type {File} */ (upload.file);
    if (upload.url === null) {
      const found = await this.#adopt(upload);
      if (signal.aborted) return { kind: "stopped" };
      if (found === "none") {
        upload.asked = true;
        this.#tell(upload);
        const guard = (await guardOf(file)) ?? "";
        upload.held = { name: file.name, size: file.size, modified: new Date(file.lastModified).toISOString(), guard };
        return transport.create(file, upload.target, upload.path, guard, signal);
      }
      if (found !== "found") return found;
      return { kind: "ok", offset: upload.confirmed };
    }
    if (look) return transport.head(upload.url, signal);
    const from = upload.confirmed;
    const moved = () => {
      if (upload.state === "offline" || upload.state === "held") this.#become(upload, "sending");
    };
    return transport.patch(upload.url, from, file.slice(from, from + SLICE), signal, moved);
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
    if (answer.kind === "signed_out") this.#lost();
  }

  /** The server knows the session no more. It may be there again, begun in another tab. */
  async #lost() {
    if (this.out) return;
    this.leave();
    const since = Date.now() - this.#asked_after;
    if (since < BACK_EVERY) await this.#sleep(BACK_EVERY - since);
    await this.back();
  }

  /** The session is over, or another person's: nothing more is sent. */
  leave() {
    if (this.out) return;
    this.out = true;
    for (const upload of this.uploads) {
      if (upload.tab !== "" || !upload.active) continue;
      this.#become(upload, "signed_out");
      upload.control?.abort();
    }
    this.dispatchEvent(new Event("out"));
  }

  /** Somebody has signed in: where it is the person whose uploads they are, they go on. */
  async back() {
    if (this.#asking) {
      this.#ask_again = true;
      return this.wake();
    }
    if (Date.now() - this.#asked_after < BACK_EVERY && !this.out) return;
    this.#asking = true;
    let me = await server.me();
    // Who waits for the person does not give up for want of an answer.
    while (this.#ask_again || (this.out && me.kind === "later")) {
      if (!this.#ask_again) await this.#sleep(BACK_EVERY);
      this.#ask_again = false;
      me = await server.me();
    }
    this.#asking = false;
    this.#asked_after = Date.now();
    if (me.kind === "signed_out" || (me.kind === "ok" && me.id !== this.#person)) return this.leave();
    if (me.kind === "ok") this.renew(me.proof);
  }

  /** The person is signed in: by this session nothing is refused. @param {string} proof */
  renew(proof) {
    transport.provedBy(proof);
    if (!this.out) return;
    this.out = false;
    this.dispatchEvent(new Event("back"));
    for (const upload of this.uploads) if (upload.tab === "" && upload.state === "signed_out") this.resume(upload);
  }

  /** Another tab says how uploads that it drives stand. @param {string} tab @param {Told[]} news */
  hear(tab, news) {
    const known = new Map(this.uploads.map((upload) => [upload.key, upload]));
    const urls = new Map(this.uploads.map((upload) => [upload.url, upload]));
    for (const { file, ...told } of news) {
      let upload = known.get(told.key);
      const before = upload?.url ?? null;
      const rival = told.url === null || told.url === before ? undefined : urls.get(told.url);
      const mine = upload?.tab === "" ? upload : rival?.tab === "" ? rival : undefined;
      // Both have it, as it may be for a moment: it is that tab's that drives it, or whose name comes first.
      if (mine !== undefined && !mine.left && (mine.control !== null || (!DRIVEN.includes(told.state) && this.tab < tab))) continue;
      if (upload === undefined) {
        upload = new Upload(file ?? rival?.file ?? null, told.target, told.place, told.path);
        this.uploads.push(upload);
      }
      const [id, ended] = [upload.id, upload.ended];
      Object.assign(upload, told, { tab, file: file ?? upload.file });
      if (upload.url !== before) this.#only(upload);
      if (upload.id !== id || upload.ended !== ended) this.#settled(upload);
    }
    this.dispatchEvent(new CustomEvent("change"));
    this.#fill();
  }

  /** That tab has them no more. @param {string} tab @param {string[]} keys */
  gone(tab, keys) {
    const them = new Set(keys);
    this.uploads = this.uploads.filter((upload) => upload.tab !== tab || !them.has(upload.key));
    this.dispatchEvent(new CustomEvent("change"));
  }

  /** The tab that drove them is gone: this one goes on with what it left. @param {string} tab */
  async inherit(tab) {
    const heirs = this.uploads.filter((upload) => upload.tab === tab);
    if (heirs.length === 0) return;
    /** @type {Set<Upload>} */ const dropped = new Set();
    for (const upload of heirs) {
      upload.tab = "";
      if (upload.ended) {
        if (this.unseen && upload.state !== "refused") dropped.add(upload);
        continue;
      }
      if (upload.state === "checking") this.#verdict(upload);
      else if (upload.state === "cancelling") this.cancel(upload);
      // The server has it, and lists it with all that nobody has the file of.
      else if (upload.file === null && upload.url !== null) dropped.add(upload);
      else if (upload.file === null) this.#become(upload, "needs_file");
      else if (upload.active || upload.state === "signed_out") this.#become(upload, this.out ? "signed_out" : "waiting");
    }
    this.uploads = this.uploads.filter((upload) => !dropped.has(upload));
    this.#held = null;
    this.#enqueue(heirs);
    this.dispatchEvent(new CustomEvent("change"));
    this.#fill();
    if (dropped.size > 0 && !this.unseen) await this.look();
  }

  /**
   * Whether the server already holds an open upload of this very file for this place; then it is gone on with. A
   * creation whose answer was lost is found here too. Not to know is not "none": who then creates, sends twice.
   * @param {Upload} upload @returns {Promise<'found' | 'none' | import("./server.js").Nothing>}
   */
  async #adopt(upload) {
    const open = await this.#holds(upload);
    if (!(open instanceof Map)) return open;
    const { sample, candidate, section, sharedWith = "" } = upload.target;
    // One that is not shared with all of them would leave somebody without a copy.
    const forAll = (/** @type {Open} */ one) => sharedWith.split("+").every((number) => one.sharedWith.split("+").includes(number));
    const file = /** @type {File} */ (upload.file);
    const guard = await guardOf(file);
    const driven = new Set(this.uploads.map((other) => (other.state === "needs_file" ? null : other.url)));
    const found = open.get(file.name)?.find((one) => one.sample === sample && one.candidate === candidate
      && one.section === section && (sharedWith === "" || forAll(one)) && !driven.has(one.url) && isSame(one, file, guard));
    if (found === undefined) return "none";
    upload.take(found);
    this.#only(upload);
    return "found";
  }

  /** Nobody else stands for this upload of the server's. @param {Upload} upload */
  #only(upload) {
    this.uploads = this.uploads.filter((other) => {
      if (other === upload || other.url !== upload.url) return true;
      other.control?.abort();
      other.tab = GONE;
      return false;
    });
  }

  /**
   * What the server holds, by name. One that it was asked to begin is looked for afresh; of many that are new, once.
   * @param {Upload} upload @returns {Promise<Map<string, Open[]> | import("./server.js").Nothing>}
   */
  async #holds(upload) {
    const known = this.#held;
    if (!upload.asked && known !== null && Date.now() - known.at < KNOWN_FOR) return known.uploads;
    const open = await this.#ask();
    return open.kind === "ok" ? Map.groupBy(open.uploads, (one) => one.name) : open;
  }

  async #ask() {
    const at = Date.now();
    const open = await server.openUploads();
    if (open.kind === "ok") this.#held = { at, uploads: Map.groupBy(open.uploads, (one) => one.name) };
    return open;
  }

  /** Asks until there is a verdict; seldom while nobody watches. @param {Upload} upload */
  async #verdict(upload) {
    this.#checking += 1;
    try {
      await this.#asked(upload);
    } finally {
      this.#checking -= 1;
    }
  }

  /** @param {Upload} upload */
  async #asked(upload) {
    while (upload.state === "checking" && upload.id !== null) {
      if (this.out) return this.#become(upload, "signed_out");
      const found = await server.fileState(upload.id);
      // What is another's is not there either: only its own person is told that it is gone.
      const me = found.kind === "gone" ? await server.me() : null;
      const theirs = me?.kind === "signed_out" || (me?.kind === "ok" && me.id !== this.#person);
      if (found.kind === "signed_out" || theirs) {
        this.#become(upload, "signed_out");
        this.#settled(upload);
        return this.#lost();
      }
      if (me?.kind === "ok") {
        this.#become(upload, "cancelled");
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
      const share = (this.#checking / ASKS) * 1_000;
      await this.#sleep(Math.max(share, this.watched ? ASK_EVERY : ASK_HIDDEN));
    }
  }

  /** @param {number} time @param {AbortSignal} [signal] @param {boolean} [whole] whatever happens meanwhile: the server asked for it. @returns {Promise<void>} */
  #sleep(time, signal, whole = false) {
    return new Promise((resolve) => {
      const end = () => {
        clearTimeout(timer);
        this.#sleepers.delete(end);
        signal?.removeEventListener("abort", end);
        resolve();
      };
      const timer = setTimeout(end, time);
      if (!whole) this.#sleepers.add(end);
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

/**
 * Takes the lock of an upload of the server's, if no other tab has it. Where a browser has no locks (a page that came
 * without TLS), its tabs know nothing of each other.
 * @param {string} id @returns {Promise<(() => void) | null>} how to let go of it.
 */
function lock(id) {
  const { locks } = navigator;
  if (locks === undefined) return Promise.resolve(() => {});
  return new Promise((resolve, reject) => {
    locks.request(`upload:${id}`, { ifAvailable: true }, (held) => {
      if (held === null) return resolve(null);
      return new Promise((release) => resolve(() => release(undefined)));
    }).catch(reject);
  });
}

/**
 * Whether the next byte can be read: files are moved, or were on a stick. Before the last bytes, whether it is what it
 * was: Chromium reads no file that was changed since it was chosen, Firefox reads what there is now.
 * @param {Upload} upload
 */
async function isStill({ file, confirmed, held }) {
  if (file === null) return false;
  try {
    await file.slice(confirmed, confirmed + 1).arrayBuffer();
  } catch {
    return false;
  }
  return confirmed + SLICE < file.size || !held?.guard || ["", held.guard].includes((await guardOf(file, true)) ?? "gone");
}

/** Doubling with jitter, milliseconds. @param {number} failures @param {boolean} [unheard] */
function wait(failures, unheard = false) {
  const full = Math.min(unheard ? LINE_WAIT : LONGEST_WAIT, FIRST_WAIT * 2 ** (failures - 1));
  return full / 2 + Math.random() * (full / 2);
}
