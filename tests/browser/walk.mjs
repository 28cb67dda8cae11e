// The walks, one after the other on one service: what one does, the next one finds. Those that are walked in Firefox too
// have another service. A word given on the command line chooses those in whose name it stands.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { Browser, shots } from "./browser.mjs";
import { start } from "./service.mjs";
import { walks, walksInFirefox } from "./walks/index.mjs";

// What a walk waits for and no longer hears of is told with the walk.
process.on("unhandledRejection", (error) => console.log(`        unheard: ${error}`.slice(0, 300)));

// What walks write of their own goes with them.
const written = mkdtempSync(path.join(tmpdir(), "strongroom-walks-"));
process.env.TMPDIR = written;
const [chosen, told] = [process.argv[2] ?? "", /** @type {string[]} */ ([])];
let passed = 0;
let failed = 0;

/** @typedef {import("./walks/engine.mjs").Given & {service: import("./service.mjs").Service}} Given what a walk is given. */

/** Those that were chosen, on a service of their own. @param {"chromium" | "firefox"} engine @param {Record<string, (given: Given) => Promise<void>>} all */
async function walked(engine, all) {
  const those = Object.entries(all).filter(([name]) => name.includes(chosen));
  if (those.length === 0) return;
  const service = await start();
  const browser = await Browser.open(engine);
  try {
    for (const [name, walk] of those) {
      const before = browser.complaints.length;
      try {
        await walk({ base: service.base, browser, service });
        const pace = browser.pace.ended(name);
        console.log(`        ${pace.line}`);
        const complaints = browser.complaints.slice(before).concat(pace.complaints);
        if (complaints.length > 0) throw new Error(complaints.join("\n    "));
        passed += 1;
        console.log(`ok      ${name}`);
      } catch (error) {
        browser.pace.ended(name);
        failed += 1;
        console.log(`FAILED  ${name}\n    ${error instanceof Error ? error.message : error}`);
        await browser.leave(`failed-${failed}`);
      }
    }
  } finally {
    await browser.close();
    await service.stop();
  }
  told.push(...browser.pace.summary().map((line) => `${engine}: ${line}`));
}

try {
  await walked("chromium", walks);
  await walked("firefox", walksInFirefox);
} finally {
  rmSync(written, { recursive: true, force: true });
}
for (const line of told) console.log(line);
console.log(`screenshots in ${shots}`);
console.log(`${passed} passed, ${failed} failed`);
// A walk that failed may have left a line open.
process.exit(failed === 0 ? 0 : 1);
