// The board: how far the centres are, more time for them, lists to write to them by.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { signIn } from "../browser.mjs";
import { WIDTHS } from "./screens.mjs";

const KINDS = ["in_sample", "complete", "complete_with_missing", "in_progress", "not_started"];

/** The numbers of a row or of the figures. @param {import("playwright-core").Locator} part @param {string} what */
async function numbers(part, what) {
  return Promise.all(KINDS.map(async (kind) => Number(await part.locator(`[${what}="${kind}"]`).innerText())));
}

/** From the page of all components to one of them. @param {import("playwright-core").Page} page @param {RegExp} component */
async function openProgress(page, component) {
  await page.getByRole("link", { name: component }).first().click();
  await page.locator("#centres").waitFor();
}

/** The pages count as the API does. @param {{base: string, browser: import("../browser.mjs").Browser}} given */
export async function progressIsARecount({ base, browser }) {
  for (const width of WIDTHS) {
    const page = await browser.person(base, width);
    await signIn(page, "board");
    await page.waitForURL(/\/board$/);
    await browser.look(page, "board");
    const components = await page.locator("tr[id^=component-]").evaluateAll((rows) => rows.map((row) => row.id.slice(10)));
    assert.ok(components.length >= 5, `${components}`);
    for (const component of components) {
      await page.goto("/board");
      await page.locator(`[id="component-${component}"] th a`).click();
      await page.locator("#centres").waitFor();
      const answer = await (await page.request.get(`/api/v1/samples?component=${component}&limit=500`)).json();
      const sums = KINDS.map(() => 0);
      for (const { centre, counts } of answer.items) {
        const api = [counts.candidates, ...KINDS.slice(1).map((kind) => counts[kind])];
        assert.deepEqual(await numbers(page.locator(`#centre-${centre}`), "data-cell"), api, `${component} ${centre}`);
        api.forEach((number, at) => (sums[at] += number));
      }
      assert.deepEqual(await numbers(page.locator(".figures"), "data-figure"), sums, component);
    }
    await page.goto("/board");
    await openProgress(page, /R085/);
    await browser.look(page, "board-progress");
    // A filter, a search: each has an address, and the way back leads through them.
    await page.locator("#show-not-submitted").click();
    await page.waitForURL(/show=not%2Dsubmitted/);
    await page.locator("#show-not-submitted[aria-current=true]").waitFor();
    await page.locator("#find").fill("lark");
    await page.locator("#find-centres").click();
    await page.waitForURL(/find=lark/);
    await page.locator("#centre-98765").waitFor({ state: "detached" });
    await page.reload();
    assert.equal(await page.locator("#centre-98765").count(), 0, "the address says it all");
    await page.goBack();
    await page.waitForURL((url) => !url.search.includes("lark"));
    await page.context().close();
  }
}

/** @param {{base: string, browser: import("../browser.mjs").Browser}} given */
export async function moreTime({ base, browser }) {
  const page = await browser.person(base, 1280);
  await signIn(page, "board");
  await openProgress(page, /R082/);
  const progress = page.url();
  // By keyboard alone: choose all, on to the form, the reason, the preview, the confirmation.
  await page.locator("#choose-all").focus();
  await page.keyboard.press("Enter");
  await page.waitForURL(/all=true/);
  await page.waitForFunction(() => document.querySelectorAll("input[name=sample]:checked").length === 2);
  await page.locator("#extend").focus();
  await page.keyboard.press("Enter");
  await page.waitForURL(/\/extend\?/);
  await page.locator("#due").waitFor();
  await browser.look(page, "board-extend");
  await page.locator("#preview").click();
  await page.locator("#problem").waitFor();
  assert.match(await page.locator("#problem").innerText(), /Say why/);
  await browser.look(page, "board-extend-problem");
  await page.locator("#due").fill("2099-06-12T23:59");
  await page.locator("#reason").fill("Both schools were flooded.");
  await page.locator("#preview").focus();
  await page.keyboard.press("Enter");
  await page.locator("#confirm").waitFor();
  assert.equal(await page.locator("#centres li").count(), 2);
  await browser.look(page, "board-extend-preview");
  await page.locator("#confirm").focus();
  await page.keyboard.press("Enter");
  await page.locator("#back").waitFor();
  await browser.look(page, "board-extend-done");
  await page.locator("#back").click();
  await page.waitForURL(progress);
  await page.locator("#centre-98765", { hasText: "Fri 12 Jun 2099" }).waitFor();
  const trail = await (await page.request.get("/api/v1/audit?user=board&limit=500")).json();
  const rows = trail.items.filter((/** @type {any} */ row) => row.action === "sample.extended");
  assert.equal(rows.length, 2, "a row each on the trail");
  await page.context().close();
  // The centre reads its new date.
  const centre = await browser.person(base, 390);
  await signIn(centre, "officer.98765");
  await centre.getByText("Fri 12 Jun 2099").first().waitFor();
  await centre.context().close();
}

/** @param {{base: string, browser: import("../browser.mjs").Browser}} given */
export async function listToWriteBy({ base, browser }) {
  for (const width of WIDTHS) {
    const page = await browser.person(base, width);
    await signIn(page, "board");
    await openProgress(page, /R082/);
    await page.locator("#write").click();
    await page.locator("#text").waitFor();
    assert.match(await page.locator("#text").inputValue(), /^20461 Larkfield College: .*\n98765 Ashbourne School <exams@ashbourne.example>: .*without all their work; due /);
    assert.equal(await page.locator("#addresses").inputValue(), "exams@ashbourne.example");
    await page.context().grantPermissions(["clipboard-read", "clipboard-write"]);
    await page.locator("#copy-addresses").click();
    await page.locator("#addresses-copied", { hasText: "Copied." }).waitFor();
    assert.equal(await page.evaluate(() => navigator.clipboard.readText()), "exams@ashbourne.example");
    await browser.look(page, "board-outstanding");
    const download = page.waitForEvent("download");
    await page.locator("#csv").click();
    const rows = readFileSync(await (await download).path(), "utf8").trim().split("\r\n").join("\n").split("\n");
    assert.equal(rows.length, 3);
    await page.context().close();
  }
}

/** The same pages without script, and nothing of them for others. @param {{base: string, browser: import("../browser.mjs").Browser}} given */
export async function boardWithoutScript({ base, browser }) {
  const page = await browser.person(base, 1280, false);
  await signIn(page, "board");
  await openProgress(page, /R085/);
  await page.locator("#show-not-started").click();
  await page.waitForURL(/show=not%2Dstarted/);
  await page.locator("#show-").click();
  await page.locator("#extend").click();
  await page.getByText("Choose at least one centre").waitFor();
  await page.goBack();
  await page.locator("#centre-98765 input").check();
  await page.locator("#extend").click();
  await page.locator("#centres", { hasText: "98765" }).waitFor();
  await page.context().close();
  const other = await browser.person(base, 1280);
  await signIn(other, "officer.98765");
  for (const address of ["/board", new URL(page.url()).pathname]) {
    assert.equal((await other.request.get(address)).status(), 404, address);
  }
  await other.context().close();
}

/** A file of a list. @param {string} name @param {string} text */
const listOf = (name, text) => ({ name, mimeType: "text/csv", buffer: Buffer.from(text) });
const HEAD = "series,component,centre,number,name,mark,status\n";
const ENTRY = "june-2026,01_3357_R082_01,98765";

/** A list is looked at, line by line, and then applied. @param {{base: string, browser: import("../browser.mjs").Browser}} given */
export async function importAList({ base, browser }) {
  for (const width of WIDTHS) {
    const page = await browser.person(base, width);
    await signIn(page, "board");
    await page.locator("#import").click();
    await page.locator("#read").waitFor();
    await browser.look(page, "board-import");
    // What cannot be read is told by its lines, and focus is on it.
    await page.locator("#list").setInputFiles(listOf("marks.csv", `${HEAD}${ENTRY},9,Lu,-1,here\n`));
    await page.locator("#read").click();
    await page.locator("#wrong").waitFor();
    assert.match(await page.locator("#wrong li").first().innerText(), /^Line 2\s+Candidate number/);
    await browser.look(page, "board-import-wrong");
    // A new candidate a width, so that each width adds one.
    const text = `${HEAD}${ENTRY},${7000 + width % 1000},O’Neill Una <b>${width}</b>,31,entered\n`;
    await page.locator("#list").setInputFiles(listOf("marks.csv", text));
    await page.locator("#read").focus();
    await page.keyboard.press("Enter");
    await page.waitForURL(/\/board\/import\/[0-9a-f]{32}$/);
    assert.equal(await page.locator('[data-figure="added"]').innerText(), "1");
    assert.match(await page.locator(".differences tbody tr").first().innerText(), new RegExp(`<b>${width}</b>`));
    await browser.look(page, "board-differences");
    const here = page.url();
    await page.locator("#apply").focus();
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { level: 1, name: "List applied" }).waitFor();
    await browser.look(page, "board-imported");
    assert.equal(page.url(), here);
    await page.reload();
    await page.getByRole("heading", { level: 1, name: "List applied" }).waitFor();
    // Names of unknown centres come with the list, and nothing of it is to be applied.
    await page.goto("/board/import");
    await page.locator("#list").setInputFiles(listOf("more.csv", `${HEAD}june-2026,01_3357_R082_01,55555,7001,Lu,,entered\n`));
    await page.locator("#read").click();
    await page.locator("#wrong", { hasText: "Centre 55555 is not known here" }).waitFor();
    assert.equal(await page.locator("#apply").count(), 0);
    await page.locator("#discard").click();
    await page.waitForURL(/\/board\/import$/);
    await page.context().close();
  }
}

/** The same without script; and what changed meanwhile is shown anew. @param {{base: string, browser: import("../browser.mjs").Browser}} given */
export async function importWithoutScript({ base, browser }) {
  const [one, other] = [await browser.person(base, 1280, false), await browser.person(base, 1280, false)];
  const lists = [];
  for (const [at, page] of [one, other].entries()) {
    await signIn(page, "board");
    await page.locator("#import").click();
    await page.locator("#kind-centres").check();
    await page.locator("#list").setInputFiles(listOf("centres.csv", `number,name\n20461,Larkfield ${at}\n`));
    await page.locator("#read").click();
    await page.locator("#apply").waitFor();
    lists.push(page.url());
  }
  await one.locator("#apply").click();
  await one.getByRole("heading", { level: 1, name: "List applied" }).waitFor();
  await other.locator("#apply").click();
  await other.getByText("Something changed since you looked").waitFor();
  assert.match(await other.locator(".differences tbody tr").innerText(), /Larkfield 0/);
  await other.goto("/board/import");
  await other.locator("#kind-centres").check();
  await other.locator("#list").setInputFiles(listOf("centres.csv", "number,name\n20461,Larkfield College\n"));
  await other.locator("#read").click();
  await other.locator("#apply").click();
  await other.getByRole("heading", { level: 1, name: "List applied" }).waitFor();
  await one.context().close();
  await other.context().close();
}

/** Names are read while they are written, as a plan reads them. @param {{base: string, browser: import("../browser.mjs").Browser}} given */
export async function namesForTheBoard({ base, browser }) {
  for (const width of WIDTHS) {
    const page = await browser.person(base, width);
    await signIn(page, "board");
    await openProgress(page, /R085/);
    await page.locator("#naming").click();
    await page.locator("#names").waitFor();
    await page.locator("#centre").fill("98765");
    await page.locator("#names").fill("98765_1005_R085_URS.pdf\nscan0001.pdf\n98764_1005_R085_URS.pdf\n98765_1005_R085_Film_cut.exe");
    await page.locator("#tried li").nth(3).waitFor();
    const told = await page.locator("#tried li").allInnerTexts();
    assert.match(told[0], /Unit recording sheet, candidate 1005/);
    assert.match(told[1], /Could be candidate 0001|does not follow/);
    assert.match(told[2], /Centre 98764/);
    assert.match(told[3], /Refused/);
    assert.match(await page.locator("#tried-summary").innerText(), /^1 of 4 files filed, for 1 candidate\.$/);
    await browser.look(page, "board-naming");
    await page.locator("#way").selectOption("folders");
    await page.locator("#names").fill('"1005 Adeyemi\\Evidence\\film.mp4"');
    await page.locator("#tried li", { hasText: "Candidate evidence, candidate 1005" }).waitFor();
    await page.locator("#way").selectOption("template");
    await page.locator("#template").fill("{candidate}_{sektion}");
    await page.locator("#names-problem", { hasText: "is no field" }).waitFor();
    await browser.look(page, "board-naming-wrong");
    await page.context().close();
  }
  const page = await browser.person(base, 1280, false);
  await signIn(page, "board");
  await openProgress(page, /R085/);
  await page.locator("#naming").click();
  await page.locator("#centre").fill("55555");
  await page.locator("#try").click();
  await page.getByText("Centre 55555 has no work in this component").waitFor();
  await page.context().close();
}
