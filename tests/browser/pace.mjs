// How quick and how steady a page is, as somebody at it feels it: from each press to the next picture, what moves by
// itself, and how long the page cannot answer. Watched on every page of every walk. What the judges themselves cost a page
// is left out, and so is what a walk measures with a slower processor; and of a long task the time that other programs took.

import { readFileSync, readdirSync } from "node:fs";

/** As a person waits, milliseconds; and of the window, for what moves. */
export const GOALS = { answer: 200, shift: 0.02, room: Infinity, task: 100 };
/** A machine that is busy with other things is given so much more. */
export const BUSY = 3;
/** What a judge has left for the page to do takes a while yet, milliseconds. */
const AFTER = 150;
/** How often it is looked how long pages have waited for a processor, milliseconds. */
const LOOK = 50;
/** Shifts belong together: so far apart, and all together, at most, milliseconds (as in "cumulative layout shift"). */
const [GAP, SESSION] = [1_000, 5_000];

/**
 * What a page tells: `at`, milliseconds since 1970; `size`, milliseconds or a share of the window; `press`, by which its
 * events are one; `what` of the page it was. `room` is a shift by which the tray comes beside the page, as it does by
 * itself where something is to be seen in it, or what moves in the tray alone: it is told, and not judged.
 * @typedef {{kind: 'answer' | 'shift' | 'room' | 'task' | 'frame', at: number, size: number, press: number, page: string, document: number, what: string}} Seen
 */

/** @param {Seen} one */
const lasts = (one) => (one.kind === "shift" || one.kind === "room" ? 0 : one.size);

/** @param {number[]} sizes @param {number} share */
const quantile = (sizes, share) => [...sizes].sort((a, b) => a - b)[Math.ceil(sizes.length * share) - 1] ?? 0;

export class Pace {
  /** @type {Seen[]} */ #seen = [];
  #waits = new Waits();
  /** Since when, and until when, a page was not left to itself. @type {[number, number][]} */ #aside = [];
  /** Of all walks that have ended. @type {number[]} */ #answers = [];
  /** @type {{worst: Seen, walk: string}[]} */ #worst = [];

  /** Every page of these is watched, from its first moment. @param {import("playwright-core").BrowserContext} context */
  async watch(context) {
    await context.exposeBinding("tellPace", ({ context }, /** @type {Seen[]} */ some) => {
      // Of several tabs one is in front; for the others there is no next picture, and nobody sees what moves in them.
      const alone = context.pages().length === 1;
      this.#seen.push(...some.filter(({ kind }) => alone || !["answer", "shift"].includes(kind)));
    });
    await context.addInitScript(watches);
  }

  /** Does what is no part of any page's own. @template T @param {() => Promise<T>} work @returns {Promise<T>} */
  async aside(work) {
    const from = Date.now();
    try {
      return await work();
    } finally {
      this.#aside.push([from, Date.now() + AFTER]);
    }
  }

  /**
   * Does it on a processor that is so many times slower: by other goals, which are the walk's.
   * @template T @param {import("playwright-core").Page} page @param {number} times @param {() => Promise<T>} work @returns {Promise<T>}
   */
  async slower(page, times, work) {
    const tools = await page.context().newCDPSession(page);
    return this.aside(async () => {
      await tools.send("Emulation.setCPUThrottlingRate", { rate: times });
      try {
        return await work();
      } finally {
        await tools.send("Emulation.setCPUThrottlingRate", { rate: 1 });
        await tools.detach();
      }
    });
  }

  /** What pages did by themselves since it was last asked: the worst press, shift and task, and what is beyond all bounds. @param {string} walk */
  ended(walk) {
    const own = this.#seen.filter((one) => !this.#aside.some(([from, to]) => one.at < to && one.at + lasts(one) > from));
    this.#seen = [];
    this.#aside = [];
    const told = { answer: presses(own), shift: sessions(own, "shift"), room: sessions(own, "room"), task: own.filter(({ kind }) => kind === "task").map((one) => this.#task(one, own)) };
    this.#waits.forget();
    this.#answers.push(...told.answer.map(({ size }) => size));
    const complaints = [];
    const line = [];
    for (const [kind, all] of Object.entries(told)) {
      const worst = all.reduce((/** @type {Seen | null} */ most, one) => (one.size > (most?.size ?? 0) ? one : most), null);
      if (worst === null) continue;
      this.#worst.push({ worst, walk });
      line.push(`${words(worst)}`);
      const bound = GOALS[/** @type {Seen["kind"]} */ (kind)] * BUSY;
      for (const one of all) if (one.size > bound) complaints.push(`${words(one)}, at most ${bound}`);
    }
    return { line: `${told.answer.length} presses; ${line.join("; ")}`, complaints };
  }

  /** What a task took of a processor, and for what, as the frame that it held up says. @param {Seen} task @param {Seen[]} seen */
  #task(task, seen) {
    const until = task.at + task.size;
    const frame = seen.find((one) => one.kind === "frame" && one.document === task.document && one.at < until && one.at + one.size > task.at);
    return { ...task, size: Math.max(0, task.size - this.#waits.between(task.at, until)), what: `of ${task.size}, ${task.what} ${frame?.what ?? ""}` };
  }

  /** What long tasks took of a processor since then, milliseconds. @param {number} from milliseconds since 1970. */
  tasks(from) {
    return this.#seen.filter(({ kind, at }) => kind === "task" && at >= from).map((one) => Math.round(this.#task(one, []).size));
  }

  /** Nothing more is watched. */
  close() {
    this.#waits.close();
  }

  /** Of the whole run. */
  summary() {
    const most = (/** @type {Seen["kind"]} */ kind) => this.#worst.filter(({ worst }) => worst.kind === kind)
      .sort((a, b) => b.worst.size - a.worst.size).slice(0, 3).map(({ worst, walk }) => `${words(worst)} (${walk})`).join("; ");
    const goal = (/** @type {Seen["kind"]} */ kind) => (GOALS[kind] === Infinity ? "no goal" : `goal ${GOALS[kind]}`);
    const worst = (/** @type {const} */ (["answer", "shift", "room", "task"])).filter((kind) => most(kind) !== "");
    return [
      `${this.#answers.length} presses of 16 ms and more: half within ${quantile(this.#answers, 0.5)} ms, 98 % within ${quantile(this.#answers, 0.98)} ms (${goal("answer")})`,
      ...worst.map((kind) => `worst: ${most(kind)} (${goal(kind)})`),
    ];
  }
}

/** What the system tells of a process. @param {string} id @param {string} what */
const told = (id, what) => readFileSync(`/proc/${id}/${what}`, "latin1");

/** Whether this one began it, or what it began. @param {string} id @returns {boolean} */
function ours(id) {
  if (id === String(process.pid)) return true;
  const parent = told(id, "stat").replace(/.*\) /s, "").split(" ")[1];
  return Number(parent) > 1 && ours(parent);
}

/** How long the pages' main threads were ready to run and did not. */
class Waits {
  /** @type {{at: number, waited: Map<string, number>}[]} Milliseconds, by process. */ #looks = [];
  /** Whether it is of a browser of ours. @type {Map<string, boolean>} */ #known = new Map();
  #timer = setInterval(() => this.#look(), LOOK);

  #look() {
    const waited = new Map();
    for (const id of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
      try {
        const known = this.#known.get(id) ?? ours(id);
        this.#known.set(id, known);
        // One that is begun says later what it is for.
        if (known && told(id, "cmdline").includes("--type=renderer")) waited.set(id, Number(told(id, "schedstat").split(" ")[1]) / 1e6);
      } catch (error) {
        // It has ended meanwhile.
        if (!["ENOENT", "ESRCH"].includes(/** @type {NodeJS.ErrnoException} */ (error).code ?? "")) throw error;
      }
    }
    this.#looks.push({ at: Date.now(), waited });
  }

  /** Of the one that waited most. @param {number} from @param {number} to */
  between(from, to) {
    const [first, last] = [this.#looks.findLast(({ at }) => at <= from), this.#looks.find(({ at }) => at >= to)];
    if (first === undefined || last === undefined) return 0;
    const waits = [...last.waited].map(([id, now]) => now - (first.waited.get(id) ?? now));
    return Math.max(0, ...waits);
  }

  forget() {
    this.#looks = [];
  }

  close() {
    clearInterval(this.#timer);
  }
}

/** @param {Seen} one */
function words({ kind, size, page, what }) {
  const told = { frame: "", room: `the tray moves ${Math.round(size * 1e4) / 1e4}`, answer: `press ${Math.round(size)} ms`, shift: `shift ${Math.round(size * 1e4) / 1e4}`, task: `task ${Math.round(size)} ms` };
  return `${told[kind]} ${what} at ${page}`;
}

/** A press is as slow as the slowest of its events. @param {Seen[]} seen */
function presses(seen) {
  /** @type {Map<string, Seen>} */ const all = new Map();
  for (const one of seen) {
    const key = `${one.document} ${one.press}`;
    if (one.kind === "answer" && one.size > (all.get(key)?.size ?? 0)) all.set(key, one);
  }
  return [...all.values()];
}

/** What moved, page by page, of what belongs together. @param {Seen[]} seen @param {Seen["kind"]} what */
function sessions(seen, what) {
  /** @type {Map<string, {sum: Seen, last: number}>} By page. */ const open = new Map();
  /** @type {Seen[]} */ const all = [];
  for (const one of seen.filter(({ kind }) => kind === what).sort((a, b) => a.at - b.at)) {
    const key = `${one.document} ${one.page}`;
    let now = open.get(key);
    if (now === undefined || one.at - now.last > GAP || one.at - now.sum.at > SESSION) {
      open.set(key, (now = { sum: { ...one, size: 0, what: "" }, last: 0 }));
      all.push(now.sum);
    }
    now.sum.size += one.size;
    now.sum.what += ` ${one.what}`;
    now.last = one.at;
  }
  return all;
}

/** In the page. */
function watches() {
  if (globalThis !== globalThis.top) return;
  /** When something was asked for, or another page came, of the last: walks do it without a key or a pointer too. @type {number[]} */
  const asked = [];
  const note = () => (asked.length = Math.min(asked.unshift(performance.now()), 99));
  for (const type of ["click", "input", "change"]) addEventListener(type, note, true);
  /** @type {any} */ (globalThis).navigation?.addEventListener("navigatesuccess", note);
  /** When the tray came beside the page, or went. @type {number[]} */
  const trays = [];
  new MutationObserver((records) => {
    const tray = records.some(({ target }) => target instanceof Element && target.matches("upload-tray, .tray-toggle"));
    if (tray) trays.length = Math.min(trays.unshift(performance.now()), 99);
  }).observe(document, { subtree: true, attributes: true, attributeFilter: ["aria-expanded", "hidden"] });
  const page = () => location.pathname.replace(/[0-9a-f-]{20,}|[0-9A-Z]{20,}/g, "…");
  const element = (/** @type {any} */ node) => (node === null || node === undefined ? "" : `${node.nodeName ?? ""}${node.id ? `#${node.id}` : node.className ? `.${String(node.className).split(" ")[0]}` : ""}`.toLowerCase());
  /** Of the tray alone: rows come and fold there by themselves. */
  const within = (/** @type {any} */ { node }) => (node instanceof Element ? node : node?.parentElement)?.closest("upload-tray") != null;
  const tells = {
    event: (/** @type {any} */ one) => one.interactionId > 0 && { kind: "answer", size: one.duration, press: one.interactionId, what: `${one.name} ${element(one.target)}` },
    "layout-shift": (/** @type {any} */ one) => !one.hadRecentInput && !asked.some((at) => one.startTime >= at && one.startTime <= at + 500)
      && { kind: trays.some((at) => Math.abs(one.startTime - at) < 500) || one.sources.every(within) ? "room" : "shift", size: one.value, what: one.sources.slice(0, 3).map((/** @type {any} */ { node }) => element(node)).join(" ") },
    longtask: (/** @type {any} */ one) => ({ kind: "task", size: one.duration, what: `after ${Math.round(one.startTime)}` }),
    "long-animation-frame": (/** @type {any} */ one) => ({ kind: "frame", size: one.duration, what: one.scripts
      .map((/** @type {any} */ { invoker, duration, forcedStyleAndLayoutDuration: layout }) => `${invoker.replace(/.*[/]/, "")} ${Math.round(duration)}, of it layout ${Math.round(layout)}`)
      .concat(one.styleAndLayoutStart === 0 ? [] : `style and layout ${Math.round(one.startTime + one.duration - one.styleAndLayoutStart)}`).join(", ") }),
  };
  const tell = (/** @type {PerformanceEntry[]} */ entries) => {
    const told = entries.flatMap((one) => {
      const said = tells[/** @type {keyof typeof tells} */ (one.entryType)](one);
      return said === false ? [] : { press: 0, ...said, at: performance.timeOrigin + one.startTime, page: page(), document: performance.timeOrigin };
    });
    if (told.length > 0) /** @type {any} */ (globalThis).tellPace(told);
  };
  const watchers = Object.keys(tells).map((type) => {
    const watcher = new PerformanceObserver((list) => tell(list.getEntries()));
    watcher.observe(/** @type {any} */ ({ type, buffered: true, durationThreshold: 16 }));
    return watcher;
  });
  addEventListener("pagehide", () => watchers.forEach((watcher) => tell(watcher.takeRecords())));
}
