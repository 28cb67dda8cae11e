// What the browser's processes hold of the machine's memory.

import { readFileSync, readdirSync } from "node:fs";

/** All processes of a browser together, what they share counted once, bytes. @param {"chromium" | "firefox"} engine */
export function held(engine) {
  const program = { chromium: /\/chromium\0/, firefox: /\/firefox-esr\0/ }[engine];
  let bytes = 0;
  for (const id of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
    try {
      if (!program.test(readFileSync(`/proc/${id}/cmdline`, "latin1"))) continue;
      bytes += 1024 * Number(/^Pss:\s+(\d+)/m.exec(readFileSync(`/proc/${id}/smaps_rollup`, "latin1"))?.[1] ?? 0);
    } catch (error) {
      // It has ended meanwhile.
      if (!["ENOENT", "ESRCH"].includes(/** @type {NodeJS.ErrnoException} */ (error).code ?? "")) throw error;
    }
  }
  return bytes;
}

/** Looks again and again. @param {"chromium" | "firefox"} engine @param {number} every milliseconds @returns {{most: number, stop: () => void}} bytes */
export function watched(engine, every) {
  const watch = { most: held(engine), stop: () => clearInterval(timer) };
  const timer = setInterval(() => (watch.most = Math.max(watch.most, held(engine))), every);
  return watch;
}
