// The judges of pace see what they are for: a press without an answer, something that moves by itself, a page that hangs.

import assert from "node:assert/strict";
import { Browser } from "../browser.mjs";
import { GOALS, BUSY } from "../pace.mjs";

/** Longer than any bound, milliseconds. */
const SLOW = 2 * BUSY * GOALS.answer;

/** @param {{base: string}} given */
export async function slownessIsSeen({ base }) {
  // Of its own, so that this is none of the run's figures.
  const browser = await Browser.open();
  try {
    const page = await browser.person(base, 1280);
    /** What the judges say after this, by its first words. @param {() => Promise<unknown>} work */
    const said = async (work) => {
      await page.goto("/sign-in");
      await page.evaluate((slow) => {
        globalThis.hang = () => {
          const until = performance.now() + slow;
          while (performance.now() < until);
        };
      }, SLOW);
      await work();
      await page.waitForTimeout(1_000);
      return [...new Set(browser.pace.ended("").complaints.map((text) => text.split(" ")[0]))].sort();
    };
    const slowly = async () => {
      await page.evaluate(() => document.addEventListener("pointerdown", () => globalThis.hang()));
      await page.locator("h1").click();
    };
    const moves = () => page.evaluate(() => {
      const box = document.createElement("div");
      box.style.height = "300px";
      document.body.prepend(box);
    });
    const hangs = () => page.evaluate(() => new Promise((done) => setTimeout(() => done(globalThis.hang()))));
    assert.deepEqual(await said(async () => {}), []);
    assert.deepEqual(await said(slowly), ["press", "task"]);
    assert.deepEqual(await said(moves), ["shift"]);
    assert.deepEqual(await said(hangs), ["task"]);
    assert.deepEqual(await said(() => browser.pace.aside(hangs)), [], "but not what is none of the page's");
  } finally {
    await browser.close();
  }
}
