// One large file over a line that breaks again and again. `STRONGROOM_WALK_MIB` says how large; 96 MiB when absent, and
// 1024 is the walk as the research has it (R1 to R3), with cuts every 5 s and a silence of 30.

import assert from "node:assert/strict";
import { createHash, randomFillSync } from "node:crypto";
import { closeSync, openSync, rmSync, writeSync } from "node:fs";
import path from "node:path";
import { held, watched } from "../memory.mjs";
import { lineTo } from "../proxy.mjs";
import { folder, inTray, openUploads, teacherAt } from "./engine.mjs";
import { open } from "./tabs.mjs";

const MIB = 1024 * 1024;
const mib = Number(process.env.STRONGROOM_WALK_MIB ?? 96);
/** Milliseconds between cuts and of the silence, and bytes a second. */
const [EVERY, SILENCE, RATE] = mib > 100 ? [5000, 30_000, 16 * MIB] : [400, 3000, 8 * MIB];

/** @param {number} time */
const pause = (time) => new Promise((resolve) => setTimeout(resolve, time));

/** A recording of noise, as WAV. Its digest and size. @param {string} file @param {number} mib */
export function recording(file, mib) {
  const [sha, to, second] = [createHash("sha256"), openSync(file, "w"), Buffer.alloc(MIB)];
  const head = Buffer.alloc(44);
  for (const [at, text] of [[0, "RIFF"], [8, "WAVEfmt "], [36, "data"]]) head.write(text, at, "latin1");
  for (const [at, value] of [[4, mib * MIB + 36], [16, 16], [24, 48_000], [28, 192_000], [40, mib * MIB]]) head.writeUInt32LE(value, at);
  // PCM, two channels, four bytes for both.
  for (const [at, value] of [[20, 1], [22, 2], [32, 4], [34, 16]]) head.writeUInt16LE(value, at);
  for (let at = -1; at < mib; at += 1) {
    const piece = at < 0 ? head : randomFillSync(second);
    sha.update(piece);
    writeSync(to, piece);
  }
  closeSync(to);
  return { digest: sha.digest("hex"), size: mib * MIB + head.length };
}

/** @param {import("./engine.mjs").Given} given */
export async function aLineThatBreaks({ base, browser }) {
  const line = await lineTo(base);
  const dir = folder();
  const file = path.join(dir, "noise.wav");
  const { digest, size } = recording(file, mib);
  let page = await teacherAt({ base: line.base, browser }, "1004");
  page.on("dialog", (dialog) => dialog.accept());
  line.pace = RATE;
  const idle = held(browser.engine);
  assert.ok(idle > 32 * MIB, "the browser is among the processes");
  const memory = watched(browser.engine, 500);
  const chooser = page.waitForEvent("filechooser");
  await page.locator("#section-Evidence-choose").click();
  await (await chooser).setFiles(file);
  /** The server has so much of it. @returns {Promise<number>} */
  const kept = async () => (await openUploads(page)).find((/** @type {any} */ one) => one.original_name === "noise.wav")?.offset ?? size;
  const grows = async (/** @type {number} */ from) => {
    const until = Date.now() + 60_000;
    while ((await kept()) <= from) {
      assert.ok(Date.now() < until, `no byte after ${from} of ${size} arrives`);
      await pause(50);
    }
  };
  /** Bytes come again. @returns {Promise<number>} milliseconds until then. */
  const flows = async () => {
    const [began, from] = [Date.now(), line.bytes];
    while (line.bytes === from) {
      assert.ok(Date.now() < began + 60_000, `nothing comes after ${from} of ${size}`);
      await pause(10);
    }
    return Date.now() - began;
  };
  await grows(0);

  // Cuts.
  const back = [];
  let cuts = 0;
  while (cuts < 10) {
    await pause(EVERY);
    line.cut();
    cuts += 1;
    back.push(await flows());
    if (line.bytes > size * 0.4) break;
  }
  // Nothing at all, for long.
  line.down = true;
  line.cut();
  await inTray(page, "noise.wav", "No connection").waitFor();
  await pause(SILENCE);
  line.down = false;
  const afterSilence = await flows();
  assert.ok(afterSilence < 5000, `back after ${afterSilence} ms`);

  const chosenAgain = async () => {
    const again = page.waitForEvent("filechooser");
    await page.locator(".tray-row", { hasText: "noise.wav" }).getByRole("button", { name: /^Choose again/ }).click();
    await (await again).setFiles(file);
  };

  // The page is loaded afresh: it goes on by itself, where a browser lets a worker outlive its page.
  line.pace = RATE / 8;
  await page.reload();
  await open(page);
  if (!browser.keeps) await chosenAgain();
  await inTray(page, "noise.wav", "Uploading").waitFor();
  await grows(await kept());

  // The browser is closed, and the file chosen again.
  await page.context().close();
  page = await teacherAt({ base: line.base, browser }, "1004");
  await chosenAgain();
  line.pace = RATE;
  await grows(await kept());

  // Signed out; signed in again in another tab.
  await page.context().clearCookies();
  line.cut();
  await page.locator("upload-tray [data-sign-in]").waitFor({ timeout: 60_000 });
  const had = page.context().waitForEvent("page");
  await page.locator("upload-tray [data-sign-in]").click();
  const other = await had;
  await other.locator('[id="person-teacher.98765"]').click();
  await other.waitForURL((url) => !url.pathname.startsWith("/sign-in"));
  await other.close();
  line.pace = 0;
  const until = Date.now() + 600_000;
  for (;;) {
    const candidate = `/api/v1/samples/${await page.locator("main").getAttribute("data-sample")}/candidates/1004`;
    const { sections } = await (await page.request.get(candidate)).json();
    const files = sections.flatMap((/** @type {any} */ one) => one.files);
    const known = files.find((/** @type {any} */ one) => one.original_name === "noise.wav");
    // More than 2 GiB cannot be virus checked, and this section takes only what was.
    if (known?.state === (mib < 2048 ? "accepted" : "unscannable")) {
      assert.equal(known.sha256, digest, "it is what was chosen, to the byte");
      break;
    }
    assert.ok(["created", "receiving", "received", "checking"].includes(known?.state) && Date.now() < until, JSON.stringify(known));
    await pause(500);
  }
  memory.stop();
  const grown = (memory.most - idle) / MIB;
  const twice = line.bytes - size;
  back.sort((one, two) => one - two);
  console.log(
    `        ${mib} MiB, ${cuts} cuts: back after ${back[back.length >> 1]} ms (median), ${back.at(-1)} at most; after ` +
    `the silence ${afterSilence} ms; sent twice ${twice} bytes, ${((100 * twice) / size).toFixed(2)} %; the browser held ` +
    `${Math.round(grown)} MiB more than before`);
  assert.ok(twice < size / 4, `${twice} of ${size} bytes came twice`);
  await page.context().close();
  line.close();
  rmSync(dir, { recursive: true });
}
