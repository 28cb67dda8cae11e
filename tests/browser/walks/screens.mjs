// Screens that need nothing but the demonstration data.

import assert from "node:assert/strict";
import { signIn } from "../browser.mjs";

export const WIDTHS = [1280, 390];

/** @param {{base: string, browser: import("../browser.mjs").Browser}} given */
export async function bothWidths({ base, browser }) {
  for (const width of WIDTHS) {
    const page = await browser.person(base, width);
    await page.goto("/");
    assert.match(page.url(), /\/sign-in$/, "without a session, a page leads to sign-in");
    await browser.look(page, "sign-in");
    await signIn(page, "officer.98765");
    await browser.look(page, "home");
    assert.deepEqual(
      (await page.locator(".card .cover").allInnerTexts()).map((title) => title.slice(0, 4)).sort(),
      ["R082", "R084", "R085", "R087", "R091"], "every component of the centre");
    await page.getByRole("link", { name: /Creative iMedia/ }).click();
    await page.waitForURL(/\/assessments\//);
    await browser.look(page, "components");
    await page.getByRole("link", { name: /R085/ }).click();
    await page.waitForURL(/\/samples\//);
    await page.locator("#candidate").waitFor();
    await browser.look(page, "workspace");
    // Absent and withdrawn stand at the end, whatever their mark.
    const asked = page.locator("tr.row").filter({ hasNotText: /Absent|Withdrawn/ });
    const marks = await asked.locator(".row-mark").allInnerTexts();
    const numbers = marks.map((text) => Number(/\d+/.exec(text)?.[0] ?? -1));
    assert.deepEqual(numbers, [...numbers].sort((a, b) => b - a), "candidates stand by mark");
    await page.locator("#search").fill("1005");
    await page.waitForURL(/search=1005/);
    await page.waitForFunction(() => document.querySelectorAll("tr.row:not([hidden])").length === 1);
    await page.getByRole("link", { name: "Mark as Missing" }).first().click();
    await page.waitForURL(/\/missing$/);
    await browser.look(page, "missing");
    await page.goBack();
    await page.locator("#to-check").click();
    await page.waitForURL(/\/check$/);
    await browser.look(page, "check");
    await page.locator("#to-missing").click();
    await page.locator("#sections").waitFor();
    await browser.look(page, "several-missing");
    // Enter in a box is no reason.
    await page.locator("#sections").check();
    await page.locator("#sections").press("Enter");
    await page.locator("#problem", { hasText: "Choose why there is nothing" }).waitFor();
    await page.locator("#sections").uncheck();
    await page.locator("#reason-lost").click();
    await page.locator("#problem", { hasText: "Choose at least one section" }).waitFor();
    await browser.look(page, "several-missing-problem");
    await page.getByRole("link", { name: "Cancel" }).click();
    await page.waitForURL(/\/check/);
    await page.getByRole("link", { name: "Help", exact: true }).click();
    await page.waitForURL(/\/help$/);
    await browser.look(page, "help");
    await page.goto("/api/docs");
    await browser.look(page, "api-docs");
    await page.context().close();
  }
}

/** @param {{base: string, browser: import("../browser.mjs").Browser}} given */
export async function errorPages({ base, browser }) {
  const page = await browser.person(base, 1280);
  await signIn(page, "teacher.20461");
  const answer = await page.goto("/samples/00000000000000000000000000000000");
  assert.equal(answer?.status(), 404);
  await page.getByText("Everything that was uploaded and confirmed is safe.").waitFor();
  await browser.look(page, "not-found");
  const other = await browser.person(base, 390);
  await signIn(other, "moderator.1");
  await other.getByText("Nothing is waiting").waitFor();
  await browser.look(other, "moderation-empty");
  const nobody = await browser.person(base, 390);
  await signIn(nobody, "newcomer");
  await nobody.getByRole("heading", { name: "There is no work here for you yet" }).waitFor();
  await browser.look(nobody, "nobody");
  await page.context().close();
  for (const one of [other, nobody]) await one.context().close();
}

/** Colours of the reader's own, and no movement: what has the focus and what is pressed is still seen. @param {{base: string, browser: import("../browser.mjs").Browser}} given */
export async function coloursOfTheReader({ base, browser }) {
  const page = await browser.person(base, 1280);
  await page.emulateMedia({ forcedColors: "active", colorScheme: "dark", reducedMotion: "reduce" });
  await signIn(page, "officer.98765");
  await browser.look(page, "colours-home");
  await page.goto((await page.getByRole("link", { name: /Creative iMedia/ }).getAttribute("href")) ?? "");
  await page.getByRole("link", { name: /R085/ }).click();
  await page.locator("#candidate").waitFor();
  await browser.look(page, "colours-workspace");
  const stops = new Set();
  for (let step = 0; step < 80; step += 1) {
    await page.keyboard.press("Tab");
    const stop = await page.evaluate(() => {
      const one = document.activeElement;
      if (one === null || one === document.body) return null;
      const ring = (/** @type {string | undefined} */ part) => {
        const style = getComputedStyle(one, part);
        return style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2;
      };
      return { what: one.outerHTML.slice(0, 120), ring: ring(undefined) || ring("::after") };
    });
    if (stop === null) break;
    assert.ok(stop.ring, `nothing shows that it has the focus: ${stop.what}`);
    stops.add(stop.what);
  }
  assert.ok(stops.size > 30, `${stops.size} stops`);
  const unmarked = await page.evaluate(() =>
    [...document.querySelectorAll("button, .button, input, select")]
      .filter((one) => one.checkVisibility({ visibilityProperty: true }))
      .filter((one) => {
        const { borderStyle, borderWidth, textDecorationLine } = getComputedStyle(one);
        return (borderStyle === "none" || parseFloat(borderWidth) === 0) && !textDecorationLine.includes("underline");
      })
      .map((one) => one.outerHTML.slice(0, 120)));
  assert.deepEqual(unmarked, [], "what can be pressed has a border or a line");
  const moving = await page.evaluate(() => document.getAnimations().filter((one) => one.playState === "running").length);
  assert.equal(moving, 0, "nothing moves");
  await page.goto(`${page.url().split("?")[0]}/check`);
  await browser.look(page, "colours-check");
  await page.context().close();
}
