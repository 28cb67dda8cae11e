// The tray: by candidate, problems first, beside the page.

import assert from "node:assert/strict";
import path from "node:path";
import { folder, inTray, teacherAt, write } from "./engine.mjs";
import { pdf } from "./files.mjs";
import { becomes, choose } from "./steps.mjs";

/** @typedef {import("playwright-core").Page} Page */

/** @param {Page} page @param {string} who */
const group = (page, who) => page.locator(".tray-group", { has: page.getByRole("heading", { name: new RegExp(`^${who}`) }) });

/** Rows at most; the line of a group is one. */
const ROWS = 200;
/** Between two messages, milliseconds. */
const QUIET = 4_900;

/** @param {Page} page @param {string} number */
async function candidate(page, number) {
  await page.locator(`#row-${number}`).click();
  await page.locator(`#candidate[data-number="${number}"]`).waitFor();
}

/** @param {import("./engine.mjs").Given} given */
export async function byCandidate(given) {
  const { browser } = given;
  const page = await teacherAt(given, "1004");
  await page.evaluate(() => {
    globalThis.spoken = [];
    const told = () => globalThis.spoken.push(performance.now());
    for (const id of ["polite", "assertive"]) {
      new MutationObserver(told).observe(/** @type {Node} */ (document.getElementById(id)), { childList: true, characterData: true, subtree: true });
    }
  });
  await choose(page, "Evidence", write(path.join(folder(), "In good order.pdf"), pdf("in good order")));
  await becomes(page, "Evidence", "In good order.pdf", "Accepted");
  await candidate(page, "1006");
  await choose(page, "Evidence", ["wrong.exe", "Right.pdf"].map((name) => write(path.join(folder(), name), pdf(name))));
  await inTray(page, "Right.pdf", "Accepted").waitFor();

  // What has a problem comes first, and stays when what has none is one line.
  await page.getByRole("complementary", { name: "Uploads", exact: true }).waitFor();
  await group(page, "1006").getByText("1 needs attention").waitFor();
  await browser.look(page, "tray-groups");
  await group(page, "1004").getByText("Accepted", { exact: true }).and(page.locator("[data-count]")).waitFor();
  assert.deepEqual(await page.locator(".tray-group h3").evaluateAll((all) => all.map((one) => (one.textContent ?? "").slice(0, 4))), ["1006", "1004"]);
  assert.equal(await group(page, "1004").locator(".tray-row").count(), 0);
  assert.ok(await inTray(page, "wrong.exe", "does not take files of this type").isVisible(), "nothing with a problem folds");
  assert.ok(await inTray(page, "Right.pdf", "Accepted").isVisible());
  await browser.look(page, "tray-folded");
  await group(page, "1004").getByRole("button", { name: /^Files/ }).press("Enter");
  await group(page, "1004").locator(".tray-row", { hasText: "In good order.pdf" }).waitFor();
  await group(page, "1004").getByRole("button", { name: /^Files/ }).press("Enter");
  await group(page, "1004").locator(".tray-row").waitFor({ state: "detached" });

  // It covers nothing: beside the page, or a bar below all of it.
  const edges = () => page.evaluate(() => {
    scrollTo(0, document.documentElement.scrollHeight);
    const box = (/** @type {string} */ part) => /** @type {Element} */ (document.querySelector(part)).getBoundingClientRect();
    return { page: box("#page").right, foot: box(".foot").bottom, left: box("upload-tray").left, top: box("upload-tray").top };
  });
  const beside = await edges();
  assert.ok(beside.page <= beside.left, `the page ends at ${beside.page}, the tray begins at ${beside.left}`);
  await page.locator(".tray-toggle").click();
  const below = await edges();
  assert.ok(below.foot <= below.top + 1, `the page ends at ${below.foot}, the tray begins at ${below.top}`);
  await browser.look(page, "tray-bar");
  await page.setViewportSize({ width: 390, height: 844 });
  const phone = await edges();
  assert.ok(phone.foot <= phone.top + 1, `on a phone, the page ends at ${phone.foot}, the tray begins at ${phone.top}`);
  await browser.look(page, "tray-bar");
  // All of the bar opens it, what it says too.
  const said = await page.locator(".tray-total").boundingBox();
  assert.ok(said !== null);
  await page.mouse.click(said.x + said.width - 20, said.y + said.height / 2);
  await page.locator('.tray-toggle[aria-expanded="true"]').waitFor();
  await browser.look(page, "tray-open");
  // What has the focus is above it, however much of the page it covers.
  await page.locator(".turn a").first().focus();
  for (let step = 0; step < 20; step += 1) {
    const hidden = await page.evaluate(() => {
      const tray = /** @type {Element} */ (document.querySelector("upload-tray"));
      const one = document.activeElement;
      const apart = one === null || one === document.body || tray.contains(one);
      return !apart && one.getBoundingClientRect().bottom > tray.getBoundingClientRect().top ? one.outerHTML : "";
    });
    assert.equal(hidden, "", "what has the focus is covered");
    await page.keyboard.press("Tab");
  }
  await page.setViewportSize({ width: 1280, height: 900 });

  // However many there are, the page has two hundred.
  const many = Array.from({ length: 250 }, (_, at) => ({ name: `Empty ${at}.pdf`, mimeType: "application/pdf", buffer: Buffer.alloc(0) }));
  await choose(page, "Evidence", many);
  await page.locator(".tray-total", { hasText: "of 253" }).waitFor();
  await page.locator(".tray-more", { hasText: "and more" }).waitFor();
  const shown = await page.locator(".tray-row, .tray-group").count();
  assert.ok(shown <= ROWS, `${shown} rows`);
  assert.ok((await page.locator(".tray-more").textContent())?.startsWith(`${252 + 1 - (shown - 1)} `), "and says how many there are beside");

  const spoken = await page.evaluate(() => globalThis.spoken);
  const gaps = spoken.slice(1).map((/** @type {number} */ at, /** @type {number} */ one) => at - spoken[one]).filter((/** @type {number} */ gap) => gap > 1);
  assert.ok(gaps.every((/** @type {number} */ gap) => gap >= QUIET), `messages after ${gaps.map(Math.round)} ms`);
  await page.context().close();
}
