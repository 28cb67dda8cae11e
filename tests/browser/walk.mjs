// The walks, one after the other on one service: what one does, the next one finds. A word given on the command line
// chooses those in whose name it stands.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { Browser, shots } from "./browser.mjs";
import { start } from "./service.mjs";
import { walks } from "./walks/index.mjs";

// What a walk waits for and no longer hears of is told with the walk.
process.on("unhandledRejection", (error) => console.log(`        unheard: ${error}`.slice(0, 300)));

const service = await start();
// What walks write of their own goes with them.
const written = mkdtempSync(path.join(tmpdir(), "strongroom-walks-"));
process.env.TMPDIR = written;
const browser = await Browser.open();
let passed = 0;
let failed = 0;
try {
  const chosen = process.argv[2] ?? "";
  for (const [name, walk] of Object.entries(walks).filter(([name]) => name.includes(chosen))) {
    const before = browser.complaints.length;
    try {
      await walk({ base: service.base, browser });
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
  rmSync(written, { recursive: true, force: true });
}
for (const line of browser.pace.summary()) console.log(line);
console.log(`screenshots in ${shots}`);
console.log(`${passed} passed, ${failed} failed`);
// A walk that failed may have left a line open.
process.exit(failed === 0 ? 0 : 1);
