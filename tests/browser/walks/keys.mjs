// What is done by keys alone (Tab, Enter, Space, arrows), and without script: a sample is declared and submitted, many
// files are planned. After each page that came the focus is on something that is seen, and so is every stop of Tab.

import assert from "node:assert/strict";
import { signIn } from "../browser.mjs";
import { pdf, sha256 } from "./files.mjs";
import { nothingElse, openSample, uploadTo } from "./steps.mjs";

/** @typedef {import("./engine.mjs").Given} Given */
/** @typedef {import("playwright-core").Page} Page */

/** Stops of Tab until something must have been reached. */
const STOPS = 120;
/** Until what was begun must have come to its end, milliseconds. */
const LONG = 60_000;

/** What is wrong with where the focus is: not seen, or behind something else; null where nothing has it. In the page. @param {boolean} ringed */
function unseen(ringed) {
  const one = document.activeElement;
  if (one === null || one === document.body) return null;
  const name = one.outerHTML.slice(0, 120);
  const label = one.matches("[type=radio], [type=checkbox]") ? one.closest("label") : null;
  const box = (label ?? one).getClientRects()[0];
  if (box === undefined || !one.checkVisibility({ visibilityProperty: true, opacityProperty: true })) return `not seen: ${name}`;
  const [top, bottom] = [Math.max(box.top, 0), Math.min(box.bottom, innerHeight)];
  if (bottom <= top || box.right <= 0 || box.left >= innerWidth) return `outside of the window: ${name}`;
  const over = document.elementFromPoint((Math.max(box.left, 0) + Math.min(box.right, innerWidth)) / 2, (top + bottom) / 2);
  if (over === null || !((label ?? one).contains(over) || over.contains(one))) return `behind ${over?.outerHTML.slice(0, 80)}: ${name}`;
  const ring = [getComputedStyle(one), getComputedStyle(one, "::after")].some((style) => style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2);
  return ringed && !ring ? `has no ring: ${name}` : "";
}

/** A browser may scroll there a little later. What is wrong still. @param {Page} page @param {boolean} ringed @param {number} time milliseconds. */
async function seen(page, ringed, time) {
  const until = Date.now() + time;
  for (;;) {
    const wrong = await page.evaluate(unseen, ringed);
    if (!wrong || Date.now() > until) return wrong;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** By Tab, or back by Shift and Tab, to what is to be pressed. How many stops. @param {Page} page @param {string} what @param {string} [key] */
async function tabTo(page, what, key = "Tab") {
  for (let stops = 0; stops < STOPS; stops += 1) {
    if (await page.evaluate((part) => document.activeElement?.matches(part) ?? false, what)) return stops;
    await page.keyboard.press(key);
    const wrong = await seen(page, true, 1_000);
    // Past a page's end is the browser's own.
    assert.ok(!wrong, wrong ?? "");
  }
  throw new Error(`${what} is not reached by keys`);
}

/** Goes there and presses. @param {Page} page @param {string} what @param {"Enter" | "Space"} [key] */
async function press(page, what, key = "Enter") {
  const stops = await tabTo(page, what);
  await page.keyboard.press(key);
  return stops;
}

/**
 * A page has come, and the focus is on it. A browser that loads it as another document begins at its top by itself.
 * @param {Page} page @param {string} heading
 */
async function came(page, heading) {
  await page.locator("h1", { hasText: heading }).waitFor();
  if (!(await page.evaluate(() => "navigation" in globalThis))) return;
  const until = Date.now() + 5_000;
  for (;;) {
    const wrong = await page.evaluate(unseen, false);
    if (wrong === "") return;
    assert.ok(Date.now() < until, `${heading}: ${wrong ?? "nothing has the focus"}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Both widths. @param {Given} given @param {Page} page @param {string} name */
async function looks({ browser }, page, name) {
  for (const width of [390, 1280]) {
    await page.setViewportSize({ width, height: width < 600 ? 844 : 900 });
    await browser.look(page, name);
  }
}

/** What the server says of it. @param {Page} page @param {string} sample */
const state = async (page, sample) => (await (await page.request.get(`/api/v1/samples/${sample}`)).json()).state;

/** From the check to the receipt. @param {Given} given */
export async function submittedByKeys(given) {
  const page = await given.browser.person(given.base, 1280);
  await signIn(page, "officer.20461");
  await openSample(page, /R082/);
  const sample = new URL(page.url()).pathname.split("/")[2];
  await uploadTo(page, sample, "2002", "Portfolio", "by keys.pdf", pdf("By keys"));
  await nothingElse(page, sample);
  let stops = await press(page, "#to-check");
  await came(page, "Check before you submit");
  await looks(given, page, "check-nothing-stops");
  stops += await press(page, "#to-declarations");
  const told = page.locator(".eyebrow", { hasText: /^Declaration \d of \d/ });
  await told.waitFor();
  const count = Number(/of (\d)/.exec(await told.innerText())?.[1]);
  assert.ok(count > 0);
  for (let step = 1; step <= count; step += 1) {
    await page.getByText(`Declaration ${step} of ${count}`).waitFor();
    await came(page, "");
    assert.equal(await page.locator("#accepted").isChecked(), false, "nothing is ticked for them");
    if (step === 1) await looks(given, page, "declaration");
    stops += await press(page, "#accepted", "Space");
    assert.ok(await page.locator("#accepted").isChecked());
    stops += await press(page, "#continue");
  }
  await came(page, "Submit the sample");
  await looks(given, page, "submit-by-keys");
  assert.notEqual(await state(page, sample), "submitted", "not before it is pressed");
  stops += await press(page, "#submit-sample");
  await came(page, "Sample submitted");
  await looks(given, page, "receipt-by-keys");
  console.log(`        ${count} declarations and the submission; Tab ${stops} times`);
  assert.equal(await state(page, sample), "submitted");
  assert.match(await page.locator("#receipt-number").innerText(), /^SR-\d{4}-/);
  // Back: past the end of a page the driver of Firefox goes on where no person would.
  await tabTo(page, ".crumbs li:nth-last-child(2) a", "Shift+Tab");
  await page.keyboard.press("Enter");
  await page.getByText("This sample is submitted.").waitFor();
  await came(page, "");
  assert.equal(await page.locator(".choose, #to-check").count(), 0, "nothing can be added");
  await looks(given, page, "workspace-submitted");
  await page.context().close();
}

/** Many files, one of which does not say whose it is. @param {Given} given */
export async function plannedByKeys(given) {
  const page = await given.browser.person(given.base, 1280);
  await signIn(page, "teacher.20461");
  await openSample(page, /R085/);
  let stops = await press(page, "#to-many");
  await came(page, "Upload many files");
  const chooser = page.waitForEvent("filechooser");
  stops += await press(page, "#choose-files");
  await (await chooser).setFiles(["20461_2005_R085_Evidence_keys.pdf", "page one.pdf"].map((name) =>
    ({ name, mimeType: "application/pdf", buffer: pdf(`By keys: ${name}`) })));
  await page.locator("#start").waitFor();
  await came(page, "");
  const loose = page.locator(".planned", { hasText: "page one.pdf" });
  const [candidate, section] = [await loose.locator("input[list]").getAttribute("id"), await loose.locator("select").getAttribute("id")];
  stops += await tabTo(page, `#${candidate}`);
  await page.keyboard.type("2007");
  stops += await tabTo(page, `#${section}`);
  const value = () => page.locator(`#${section}`).inputValue();
  for (let presses = 0; (await value()) !== "Evidence"; presses += 1) {
    assert.ok(presses < 10, "the arrows choose a section");
    await page.keyboard.press("ArrowDown");
  }
  stops += await tabTo(page, "#start", "Shift+Tab");
  assert.equal(await page.locator("#plan").getAttribute("data-started"), null, "nothing starts by itself");
  await page.keyboard.press("Enter");
  await page.locator("#show-begun").waitFor();
  await came(page, "");
  const address = `/api/v1/bulk_plans/${await page.locator("#plan").getAttribute("data-plan")}?limit=500`;
  const until = Date.now() + LONG;
  for (;;) {
    const { files } = await (await page.request.get(address)).json();
    const told = files.map((/** @type {any} */ one) => [one.name, one.candidates.join(), one.section, one.upload?.state]);
    if (told.every((/** @type {string[]} */ one) => one[3] === "accepted")) {
      assert.deepEqual(told.sort(), [
        ["20461_2005_R085_Evidence_keys.pdf", "2005", "Evidence", "accepted"], ["page one.pdf", "2007", "Evidence", "accepted"],
      ]);
      break;
    }
    assert.ok(Date.now() < until, JSON.stringify(told));
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  console.log(`        two files, one put in its place; Tab ${stops} times`);
  await page.context().close();
}

/** From the first file to the receipt, in a browser without script. @param {Given} given */
export async function submittedWithoutScript(given) {
  const { base, browser } = given;
  const page = await browser.person(base, 1280, false);
  await signIn(page, "officer.98765");
  await openSample(page, /R082/);
  const sample = new URL(page.url()).pathname.split("/")[2];
  const work = pdf("Without script");
  await page.goto(`/samples/${sample}?open=1003`);
  await page.locator("#section-Portfolio .drop .button").click();
  await page.locator("#file").setInputFiles({ name: "plain.pdf", mimeType: "application/pdf", buffer: work });
  await page.locator("#send-files").click();
  const until = Date.now() + LONG;
  await page.waitForURL(/open=/);
  while (!/plain\.pdf[^]*Accepted/.test(await page.locator("#section-Portfolio").innerText())) {
    assert.ok(Date.now() < until, "what was sent is accepted");
    await new Promise((resolve) => setTimeout(resolve, 250));
    await page.reload();
  }
  await page.locator("#to-check").click();
  assert.equal(await page.locator("#to-declarations").count(), 0, "what is not there stops it");
  await page.locator("#to-missing").click();
  const rows = page.locator("label.choice input[name=place]");
  const count = await rows.count();
  for (const row of await rows.all()) await row.check();
  await page.locator("#reason-lost").click();
  await page.waitForURL(/\/check/);
  assert.equal(await page.locator("[aria-labelledby=missing] li").count(), count, "each is told");
  await page.locator("#to-declarations").click();
  for (let step = 1; step <= 3; step += 1) {
    await page.getByText(`Declaration ${step} of 3`).waitFor();
    await page.locator("#accepted").check();
    await page.locator("#continue").click();
  }
  // Back and Forward submit nothing.
  await page.locator("#submit-sample").waitFor();
  await page.goBack();
  await page.getByText("Declaration 3 of 3").waitFor();
  await page.goForward();
  await page.locator("#submit-sample").waitFor();
  assert.notEqual(await state(page, sample), "submitted");
  await page.locator("#submit-sample").click();
  await page.getByRole("heading", { name: "Sample submitted" }).waitFor();
  assert.equal(await state(page, sample), "submitted");
  const receipt = page.url();
  const number = await page.locator("#receipt-number").innerText();
  assert.match(number, /^SR-\d{4}-/);
  assert.deepEqual(await page.locator("td .fingerprint").allInnerTexts(), [sha256(work)], "with what was sent");
  const paper = page.waitForEvent("download");
  await page.locator("#receipt-paper").click();
  assert.match((await paper).suggestedFilename(), /^receipt-SR-\d{4}-.*\.pdf$/);
  await page.goto(`/samples/${sample}`);
  await page.getByText("This sample is submitted.").waitFor();
  assert.equal(await page.locator("#to-check, .drop .button").count(), 0, "nothing can be added");
  await page.goto(receipt);
  assert.equal(await page.locator("#receipt-number").innerText(), number, "it stays at its address");
  await page.context().close();

  // The same pages for the judges, which are script.
  const looker = await browser.person(base, 1280);
  await signIn(looker, "officer.98765");
  for (const [name, address] of [["receipt-without-script", receipt], ["workspace-without-script", `/samples/${sample}`]]) {
    await looker.goto(address);
    await looks(given, looker, name);
  }
  await looker.context().close();
}
