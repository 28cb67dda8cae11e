// The tray: by candidate, problems first, beside the page.

import assert from "node:assert/strict";
import path from "node:path";
import { truncateSync, writeFileSync } from "node:fs";
import { signIn } from "../browser.mjs";
import { lineTo } from "../proxy.mjs";
import { BUSY } from "../pace.mjs";
import { folder, inTray, large, openUploads, teacherAt, write } from "./engine.mjs";
import { pdf } from "./files.mjs";
import { becomes, choose, openSample, proof } from "./steps.mjs";

/** @typedef {import("playwright-core").Page} Page */

/** @param {Page} page @param {string} who */
const group = (page, who) => page.locator(".tray-group", { has: page.getByRole("heading", { name: new RegExp(`^${who}`) }) });

/** Rows at most; the line of a group is one. Of them so many that change in a second. */
const [ROWS, CHANGES] = [200, 24];
/** Until the first row is there, and what the page does at once at most, milliseconds; pictures in a second. */
const [FIRST, TASK, FRAMES] = [1_000, 50, 50];
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

  const spoken = await page.evaluate(() => globalThis.spoken);
  const gaps = spoken.slice(1).map((/** @type {number} */ at, /** @type {number} */ one) => at - spoken[one]).filter((/** @type {number} */ gap) => gap > 1);
  assert.ok(gaps.every((/** @type {number} */ gap) => gap >= QUIET), `messages after ${gaps.map(Math.round)} ms`);
  await page.context().close();
}

/** Watches the tray from when files are chosen; in the page. */
function watches() {
  globalThis.tray = { chosen: 0, first: 0, rows: 0 };
  const seen = globalThis.tray;
  document.addEventListener("change", () => (seen.chosen = Date.now()), true);
  const changed = (/** @type {MutationRecord[]} */ records) => {
    if (seen.first === 0 && document.querySelector(".tray-row") !== null) seen.first = Date.now();
    const rows = records.map(({ target }) => (target instanceof Element ? target : target.parentElement)?.closest(".tray-row"));
    const added = records.flatMap(({ addedNodes }) => [...addedNodes]).filter((node) => node instanceof Element && node.matches(".tray-row"));
    seen.rows += new Set([...rows, ...added].filter(Boolean)).size;
  };
  const list = /** @type {Element} */ (document.querySelector(".tray-groups"));
  new MutationObserver(changed).observe(list, { childList: true, characterData: true, attributes: true, subtree: true });
}

/** Pictures and rows that change, a second. @param {Page} page */
const measured = (page) => page.evaluate(async () => {
  const [began, rows] = [performance.now(), globalThis.tray?.rows ?? 0];
  let frames = 0;
  while (performance.now() - began < 3_000) {
    await new Promise(requestAnimationFrame);
    frames += 1;
  }
  const seconds = (performance.now() - began) / 1_000;
  return { frames: Math.round(frames / seconds), changes: Math.round(((globalThis.tray?.rows ?? 0) - rows) / seconds) };
});

/** However many there are, the page has two hundred, and answers. @param {import("./engine.mjs").Given} given */
export async function fiveThousandInTheTray({ base, browser }) {
  const line = await lineTo(base);
  line.pace = 50_000;
  const page = await teacherAt({ base: line.base, browser }, "1008", "teacher.98765", false);
  const at = folder();
  const files = Array.from({ length: 5_000 }, (_, one) => {
    // By letters: a number might be somebody's.
    const file = path.join(at, `Page ${String(one).replace(/./g, (digit) => "abcdefghij"[Number(digit)])}.pdf`);
    // The smaller go first, and are what they say; the others are never begun.
    const goes = one < 3 || one % 500 === 0;
    writeFileSync(file, goes ? large(`Page ${one}`, 600_000) : "");
    if (!goes) truncateSync(file, 2_000_000);
    return file;
  });
  const before = await browser.pace.slower(page, 4, () => measured(page));
  await page.evaluate(watches);
  await choose(page, "Evidence", files);
  await page.locator(".tray-total", { hasText: "of 5000" }).waitFor({ timeout: 60_000 });
  line.pace = 250_000;
  await inTray(page, "Page", "Uploading").first().waitFor();
  await page.waitForTimeout(1_000);
  const one = await measured(page);
  const { chosen, first } = await page.evaluate(() => globalThis.tray);
  const long = browser.pace.tasks(chosen);
  // Other programs take pictures away, and give none: the best of three.
  let four = { frames: 0, changes: 0 };
  for (let time = 0; time < 3 && four.frames < FRAMES; time += 1) {
    const now = await browser.pace.slower(page, 4, () => measured(page));
    four = { frames: Math.max(four.frames, now.frames), changes: Math.max(four.changes, now.changes) };
  }
  const rows = await page.locator(".tray-row, .tray-group").count();
  console.log(`        5,000 in the tray: ${rows} rows, the first after ${Math.round(first - chosen)} ms, long tasks of ${JSON.stringify(long)} ms; `
    + `${one.changes} changes and ${one.frames} pictures a second; four times slower ${four.changes} and ${four.frames} (${before.frames} without)`);
  await browser.pace.aside(async () => {
    await page.locator('[data-all="pause"]').click();
    await page.locator(".tray-row", { hasText: "Uploading" }).first().waitFor({ state: "detached" });
  });
  await browser.look(page, "tray-thousands");
  const more = (await page.locator(".tray-more").textContent()) ?? "";
  assert.ok(rows <= ROWS, `${rows} rows`);
  assert.ok(more.startsWith(`${5_000 - (rows - 1)} `), `it says how many there are beside: ${more}`);
  assert.ok(first - chosen <= FIRST * BUSY && one.changes <= CHANGES && four.changes <= CHANGES, "soon there, and few changes");
  assert.ok(long.every((time) => time <= TASK * BUSY || time === Math.max(...long)), `tasks of ${long} ms`);
  assert.ok(four.frames * BUSY >= Math.min(FRAMES, before.frames), `${four.frames} pictures a second`);

  line.close();
  await page.context().close();
  const again = await browser.person(base, 1280);
  await signIn(again, "teacher.98765");
  await openSample(again, /R085/);
  const headers = { ...(await proof(again)), "tus-resumable": "1.0.0" };
  const sample = await again.locator("main").getAttribute("data-sample");
  for (const { id } of await openUploads(again)) assert.equal((await again.request.delete(`/files/${id}`, { headers })).status(), 204);
  for (const until = Date.now() + 60_000; ; await again.waitForTimeout(250)) {
    const { sections } = await (await again.request.get(`/api/v1/samples/${sample}/candidates/1008`)).json();
    /** @type {{id: string, state: string}[]} */ const arrived = sections.flatMap((/** @type {any} */ section) => section.files);
    if (arrived.every(({ state }) => ["accepted", "rejected", "deleted", "cancelled"].includes(state))) {
      for (const { id, state } of arrived) if (state === "accepted") await again.request.delete(`/files/${id}`, { headers });
      break;
    }
    assert.ok(Date.now() < until, JSON.stringify(arrived));
  }
  assert.deepEqual(await openUploads(again), []);
  await again.context().close();
}
