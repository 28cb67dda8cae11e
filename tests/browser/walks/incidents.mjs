// Whoever answers incidents: the list of infected originals, and one of them taken out after a warning.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { signIn } from "../browser.mjs";
import { WIDTHS } from "./screens.mjs";
import { uploadTo } from "./steps.mjs";

/** The test virus, put together here so that no scanner mistakes this file for it. */
export const VIRUS = ["X5O!P%@AP[4\\PZX54(P^)7CC)7}$", "EICAR-STANDARD-", "ANTIVIRUS-TEST-FILE!$H+H*"].join("");

/** @param {{base: string, browser: import("../browser.mjs").Browser}} given */
export async function infectedOriginals({ base, browser }) {
  const teacher = await browser.person(base, 1280);
  await signIn(teacher, "teacher.98765");
  const list = await (await teacher.request.get("/api/v1/samples?component=01_3357_R085_01")).json();
  const sample = list.items[0].id;
  const sent = uploadTo(teacher, sample, await someone(teacher, sample), "Supporting", "notes.txt", Buffer.from(VIRUS));
  await assert.rejects(sent, /infected/);
  await teacher.context().close();
  // At last without script.
  for (const [at, width] of [...WIDTHS, 1280].entries()) {
    const script = at < WIDTHS.length;
    const page = await browser.person(base, width, script);
    await signIn(page, "incident");
    await page.waitForURL(/\/incidents$/);
    if (script) await browser.look(page, "incidents");
    const row = page.locator("#incidents tbody tr", { hasText: "notes.txt" }).first();
    await row.locator("td", { hasText: "Kept until" }).waitFor();
    await row.getByRole("link", { name: "notes.txt" }).click();
    await page.locator("#take").waitFor();
    if (script) await browser.look(page, "incident");
    await page.locator("#reason").fill("Case 7, for the analyst.");
    await page.locator("#accepted").focus();
    await page.keyboard.press("Space");
    const download = page.waitForEvent("download");
    await page.locator("#take").focus();
    await page.keyboard.press("Enter");
    const taken = await download;
    assert.equal(taken.suggestedFilename(), "notes.txt.infected");
    assert.equal(readFileSync(await taken.path(), "utf8"), VIRUS);
    await page.context().close();
  }
  const board = await browser.person(base, 1280);
  await signIn(board, "board");
  assert.equal((await board.request.get("/incidents")).status(), 404);
  await board.context().close();
}

/** The number of a candidate of the sample. @param {import("playwright-core").Page} page @param {string} sample */
async function someone(page, sample) {
  const found = await (await page.request.get(`/api/v1/samples/${sample}/candidates`)).json();
  return found.items.find((/** @type {any} */ one) => one.in_sample).number;
}
