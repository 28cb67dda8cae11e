// The walks of the line and of the keyboard in Firefox.

import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import path from "node:path";
import { shots } from "../browser.mjs";
import { Firefox } from "../firefox.mjs";
import { lineTo } from "../proxy.mjs";
import { recording } from "./cuts.mjs";
import { folder } from "./engine.mjs";
import { pdf } from "./files.mjs";

/** @typedef {{base: string, browser: import("../browser.mjs").Browser}} Given */

/** @param {Given} given @param {string} base @param {(firefox: Firefox) => Promise<void>} walk */
async function inFirefox(given, base, walk) {
  const firefox = await Firefox.open(1280);
  try {
    await firefox.page.goto(`${base}/sign-in`);
    await walk(firefox);
  } catch (error) {
    await firefox.page.screenshot({ path: path.join(shots, "failed-firefox.png"), fullPage: true }).catch(() => {});
    throw error;
  } finally {
    given.browser.complaints.push(...(await firefox.close()).map((one) => `Firefox: ${one}`));
  }
}

/** From the sign-in to an accepted file, deleted, brought back and deleted for good, by keys alone. @param {Given} given */
export async function firefoxByKeys(given) {
  await inFirefox(given, given.base, async (firefox) => {
    const { page } = firefox;
    await firefox.tabTo("person-teacher.98765");
    await page.keyboard.press("Enter");
    await firefox.says("a.cover", "R085");
    const sample = await page.evaluate(() => {
      const link = [...document.querySelectorAll("a.cover")].find((one) => one.textContent?.includes("R091"));
      return link?.getAttribute("href") ?? "";
    });
    const number = await page.evaluate(
      async (address) => (await (await fetch(address)).json()).items.find((/** @type {any} */ one) => one.in_sample).number,
      `/api/v1${sample}/candidates?limit=200`,
    );
    await page.goto(`${given.base}${sample}?open=${number}`);
    await firefox.says("#section-Brief-choose");
    await firefox.tabTo("section-Brief-choose", 200);
    const file = path.join(folder(), "by keys.pdf");
    writeFileSync(file, pdf("by keys in Firefox"));
    const [chooser] = await Promise.all([page.waitForFileChooser(), page.keyboard.press("Enter")]);
    await chooser.accept([file]);
    await firefox.says("#section-Brief .file", "Accepted");
    const id = await page.$eval("#section-Brief .file", (one) => one.getAttribute("data-file") ?? "");
    await firefox.tabTo(`del-${id}`, 200);
    await firefox.front();
    await page.keyboard.press("Enter");
    await firefox.says("#undo");
    await firefox.tabTo("undo", 200);
    await page.keyboard.press("Enter");
    await firefox.says("#section-Brief .file", "Accepted");
    assert.notEqual(await page.evaluate(() => document.activeElement?.tagName), "BODY", "the focus is somewhere");
    await firefox.tabTo(`del-${id}`, 200);
    await page.keyboard.press("Enter");
    await firefox.says("#undo");
  });
}

/** A line that is cut, gone, and a page that is loaded anew. @param {Given} given */
export async function firefoxOverABadLine(given) {
  const line = await lineTo(given.base);
  const file = path.join(folder(), "firefox.wav");
  const { digest, size } = recording(file, 64);
  await inFirefox(given, line.base, async (firefox) => {
    const { page } = firefox;
    page.on("dialog", (dialog) => dialog.accept().catch(() => {}));
    await page.click('[id="person-teacher.98765"]');
    await firefox.says("a.cover", "R085");
    const sample = await page.evaluate(() => {
      const link = [...document.querySelectorAll("a.cover")].find((one) => one.textContent?.includes("R085"));
      return link?.getAttribute("href") ?? "";
    });
    await page.goto(`${line.base}${sample}?open=1006`);
    await firefox.says("#section-Evidence-choose");
    const know = () =>
      page.evaluate(async (address) => (await fetch(address)).json(), `/api/v1${sample}/candidates/1006`);
    const known = async () =>
      (await know()).sections.flatMap((/** @type {any} */ one) => one.files).find((/** @type {any} */ one) => one.original_name === "firefox.wav");
    const kept = async () =>
      (await page.evaluate(async () => (await fetch("/api/v1/uploads?state=open&limit=200")).json())).items
        .find((/** @type {any} */ one) => one.original_name === "firefox.wav")?.offset ?? size;
    const grows = async (/** @type {number} */ from) => {
      const until = Date.now() + 60_000;
      while ((await kept()) <= from) {
        assert.ok(Date.now() < until, `no byte after ${from} arrives`);
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    };
    line.pace = 6 * 1024 * 1024;
    const [chooser] = await Promise.all([page.waitForFileChooser(), page.click("#section-Evidence-choose")]);
    await chooser.accept([file]);
    await firefox.says(".tray-row", "firefox.wav");
    for (let cut = 0; cut < 2; cut += 1) {
      await new Promise((resolve) => setTimeout(resolve, 500));
      line.cut();
      await grows(await kept());
    }
    line.down = true;
    line.cut();
    await firefox.says(".tray-row", "No connection");
    line.down = false;
    await grows(await kept());
    line.pace /= 8;
    await page.reload();
    await firefox.says(".tray-row", "firefox.wav");
    line.pace = 0;
    const again = await page.waitForSelector(".tray-row [data-do=again]:not([hidden])");
    const [second] = await Promise.all([page.waitForFileChooser(), again?.click()]);
    await second.accept([file]);
    const until = Date.now() + 180_000;
    for (;;) {
      const one = await known();
      if (one?.state === "accepted") {
        assert.equal(one.sha256, digest, "it is what was chosen");
        break;
      }
      assert.ok(Date.now() < until, JSON.stringify(one));
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
    console.log(`        Firefox: sent twice ${line.bytes - size} bytes of ${size}`);
  });
  line.close();
}
