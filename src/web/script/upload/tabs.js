// Tabs: the pages of one person in one browser show one tray. Each upload is driven by one tab, that tells the others
// how it stands and hands them its file; what is asked of it elsewhere is passed on to it. A tab that has uploads holds
// a lock of its own for as long as it lives: when it is gone, however it went, another gets the lock and goes on. A new
// tab knows by those locks who has to answer before it says that nobody has a file.
//
// Who is signed in is told to all tabs, whosever they are: what is not of that person stops.

/** Between two messages of how uploads stand, milliseconds. */
const TELL = 250;
/** Longest wait for the other tabs' answers, milliseconds. */
const PATIENCE = 2_000;
/** Uploads in one message. */
const SLICE = 200;
/** How long an heir keeps the lock of a tab that is gone, so that the next hears who it was, milliseconds. */
const HEIR = 250;

/** @typedef {import("./engine.js").Engine} Engine */
/** @typedef {import("./engine.js").Upload} Upload */
/** @typedef {import("./engine.js").Told} Told */
/**
 * `hello`: a tab is new, or seen or hidden now. `here`: its answer, after all that it has. `told`: how uploads stand
 * that the sender drives. `do`: something is asked of some of the receiver's. `bye`: the sender's page is left. `to`: the
 * receiver, where it is one.
 * @typedef {{from: string, to?: string} & ({kind: 'hello', seen: boolean | null, fresh: boolean} | {kind: 'here', seen: boolean | null}
 *   | {kind: 'told', uploads: Told[], gone: string[]} | {kind: 'do', what: string, keys: string[], file?: File}
 *   | {kind: 'out'} | {kind: 'bye'})} Message
 */

/** Who is signed in, for all tabs of this browser. */
const people = navigator.locks === undefined ? null : new BroadcastChannel("strongroom");

/** @param {(person: string) => void} heard with who is signed in, as another tab has just learnt; `""`: nobody. */
export function hearWho(heard) {
  if (people !== null) people.onmessage = ({ data }) => heard(String(data));
}

/** @param {string} person `""`: nobody. */
export function tellWho(person) {
  people?.postMessage(person);
}

export class Tabs {
  #engine;
  #channel;
  #name;
  /** Those that answered or asked: whether somebody sees them; null: no page. @type {Map<string, boolean | null>} */ #others = new Map();
  /** Those whose end is waited for. @type {Set<string>} */ #watched = new Set();
  /** What was told last, by key. @type {Map<string, {now: string, file: File | null}>} */ #told = new Map();
  /** Called when a tab has answered. @type {(tab: string) => void} */ #answered = () => {};
  #timer = 0;
  #last = 0;
  #telling = Promise.resolve();
  /** The lock that says that this tab has uploads. @type {Promise<void> | null} */ #alive = null;

  /** @param {Engine} engine @param {string} person */
  constructor(engine, person) {
    this.#engine = engine;
    this.#name = `strongroom:${encodeURIComponent(person)}:`;
    this.#channel = new BroadcastChannel(this.#name);
    this.#channel.onmessage = ({ data }) => this.#heard(data);
    engine.pass = (what, uploads, file) => this.#pass(what, uploads, file);
    engine.addEventListener("change", () => this.#soon());
    engine.addEventListener("out", () => this.#post({ kind: "out" }));
  }

  /** Asks the other tabs what they have; over when all have answered that have something. */
  async meet() {
    const { held = [] } = await navigator.locks.query();
    const names = held.map(({ name = "" }) => name).filter((name) => name.startsWith(this.#name));
    const missing = new Set(names.map((name) => name.slice(this.#name.length)).filter((tab) => tab !== this.#engine.tab));
    const met = new Promise((resolve) => {
      this.#answered = (tab) => {
        missing.delete(tab);
        if (missing.size === 0) resolve(undefined);
      };
      setTimeout(resolve, PATIENCE);
    });
    this.#hello(true);
    if (missing.size > 0) await met;
  }

  /** This one is there for good: a tab that is new waits for its answer, whatever it has. */
  stay() {
    this.#live();
  }

  /** This page goes, and comes back by a step back at most: what it has not told yet it tells. */
  leave() {
    this.#news().then(() => this.#post({ kind: "bye" }));
  }

  /** Whether there is no other page. */
  get alone() {
    return [...this.#others.values()].every((seen) => seen === null);
  }

  /** Whether somebody sees this tab has changed. */
  seen() {
    this.#hello(false);
    this.#watch();
  }

  /** @param {boolean} fresh */
  #hello(fresh) {
    this.#post({ kind: "hello", seen: this.#seen(), fresh });
  }

  /** Verdicts are asked for while somebody sees any of the tabs. */
  #watch() {
    const before = this.#engine.watched;
    this.#engine.watched = this.#seen() === true || [...this.#others.values()].includes(true);
    if (this.#engine.watched && !before) this.#engine.wake();
  }

  #seen() {
    return this.#engine.unseen ? null : document.visibilityState !== "hidden";
  }

  /** @param {any} message without its sender. */
  #post(message) {
    this.#channel.postMessage({ from: this.#engine.tab, ...message });
  }

  /** @param {Message} message */
  #heard(message) {
    const { from, to } = message;
    if (to !== undefined && to !== this.#engine.tab) return;
    if (message.kind === "hello" || message.kind === "here") {
      this.#others.set(from, message.seen);
      this.#watch();
    }
    if (message.kind === "hello" && message.fresh) this.#answer(from);
    if (message.kind === "here") this.#answered(from);
    if (message.kind === "bye") {
      this.#others.delete(from);
      this.#watch();
    }
    if (message.kind === "out") this.#engine.leave();
    if (message.kind === "told") {
      this.#engine.hear(from, message.uploads);
      if (message.gone.length > 0) this.#engine.gone(from, message.gone);
      this.#await(from);
    }
    if (message.kind === "do") this.#do(message.what, message.keys, message.file);
  }

  /** All that this tab has, for a new one. @param {string} to */
  async #answer(to) {
    const nothing = this.#told.size === 0;
    await this.#news();
    // Where nothing was told before, all of it was news just now.
    if (!nothing) await this.#slices(this.#mine().map((upload) => ({ upload, fresh: true })), to);
    this.#post({ kind: "here", seen: this.#seen(), to });
  }

  /** @param {{upload: Upload, fresh: boolean}[]} uploads @param {string} [to] */
  async #slices(uploads, to) {
    for (let at = 0; at < uploads.length; at += SLICE) {
      const some = uploads.slice(at, at + SLICE).map(({ upload, fresh }) => plain(upload, fresh));
      this.#post({ kind: "told", uploads: some, gone: [], to });
      if (uploads.length > SLICE) await new Promise((resolve) => setTimeout(resolve));
    }
  }

  /** Those that other tabs are to know of. */
  #mine() {
    return this.#engine.uploads.filter((upload) => upload.tab === "" && !upload.left);
  }

  #live() {
    this.#alive ??= new Promise((resolve) => {
      navigator.locks.request(this.#name + this.#engine.tab, () => {
        resolve();
        return new Promise(() => {});
      });
    });
    return this.#alive;
  }

  #soon() {
    if (this.#timer !== 0) return;
    this.#timer = setTimeout(() => {
      this.#timer = 0;
      this.#news();
    }, Math.max(0, this.#last + TELL - Date.now()));
  }

  /** Tells what has changed since it was told last; one after the other. */
  #news() {
    this.#telling = this.#telling.then(() => this.#changes());
    return this.#telling;
  }

  async #changes() {
    this.#last = Date.now();
    const mine = this.#mine();
    if (mine.length > 0) await this.#live();
    if (this.#others.size === 0) return;
    const keys = new Set(mine.map(({ key }) => key));
    const gone = [...this.#told.keys()].filter((key) => !keys.has(key));
    for (const key of gone) this.#told.delete(key);
    const uploads = [];
    for (const upload of mine) {
      const { key, state, confirmed, url, message, reason, final, asked, name } = upload;
      const now = [state, confirmed, url, message, reason, final, asked, name].join("\n");
      const before = this.#told.get(key);
      const fresh = before?.file !== upload.file;
      if (fresh || before?.now !== now) uploads.push({ upload, fresh });
      this.#told.set(key, { now, file: upload.file });
    }
    await this.#slices(uploads);
    if (gone.length > 0) this.#post({ kind: "told", uploads: [], gone });
  }

  /** @param {string} what @param {Upload[]} uploads @param {File} [file] */
  #pass(what, uploads, file) {
    for (const [to, theirs] of Map.groupBy(uploads, ({ tab }) => tab)) {
      this.#post({ kind: "do", to, what, keys: theirs.map(({ key }) => key), file });
    }
  }

  /** @param {string} what @param {string[]} keys @param {File} [file] */
  #do(what, keys, file) {
    const engine = this.#engine;
    const them = new Set(keys);
    const uploads = engine.uploads.filter(({ key, tab }) => tab === "" && them.has(key));
    if (what === "forget") return engine.forgetAll(uploads);
    for (const upload of uploads) {
      if (what === "again" && file !== undefined) engine.rechoose([[upload, file]]);
      if (what === "pause" || what === "resume" || what === "cancel" || what === "restart") engine[what](upload);
    }
  }

  /** Goes on with what a tab had, once it is gone. @param {string} tab */
  #await(tab) {
    if (this.#watched.has(tab)) return;
    this.#watched.add(tab);
    navigator.locks.request(this.#name + tab, async () => {
      this.#watched.delete(tab);
      this.#others.delete(tab);
      this.#watch();
      await this.#engine.inherit(tab);
      await this.#news();
      await new Promise((resolve) => setTimeout(resolve, HEIR));
    });
  }
}

/** What another tab has to know of it; its file, where it has none of it yet. @param {Upload} upload @param {boolean} fresh @returns {Told} */
function plain(upload, fresh) {
  const { key, name, size, place, path, target, state, confirmed, url, message, reason, final, asked, unwanted, held, kept } = upload;
  const told = { key, name, size, place, path, target, state, confirmed, url, message, reason, final, asked, unwanted, held, kept };
  return fresh ? { ...told, file: upload.file } : told;
}
