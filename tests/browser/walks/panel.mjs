// What a person does to a candidate's files: replace, move, say that there is none, ask before a file goes astray.

import assert from "node:assert/strict";
import { signIn } from "../browser.mjs";
import { docx, pdf, zip } from "./files.mjs";
import { VIRUS } from "./incidents.mjs";
import { becomes, choose, clicks, openSample } from "./steps.mjs";

/** @param {string} name */
const file = (name) => [{ name, mimeType: "application/pdf", buffer: pdf(name) }];

/** @param {{base: string, browser: import("../browser.mjs").Browser}} given @param {string} number @param {RegExp} [component] */
async function at({ base, browser }, number, component = /R084/, width = 1280) {
  const page = await browser.person(base, width);
  await signIn(page, "officer.98765");
  await openSample(page, component);
  // Among a few, so that a picture shows them.
  await page.goto(`${page.url().split("?")[0]}?search=${number.slice(0, 3)}&open=${number}`);
  await page.locator("#candidate").waitFor();
  return page;
}

/** The file's name as it stands in a section. @param {import("playwright-core").Page} page @param {string} place @param {string} name */
const inPlace = (page, place, name) => page.locator(`#section-${place} .file-name`, { hasText: name });

/** @param {import("playwright-core").Page} page @param {string} target @param {string} name */
async function drop(page, target, name) {
  const data = await page.evaluateHandle(([called, text]) => {
    const transfer = new DataTransfer();
    transfer.items.add(new File([text], called, { type: "application/pdf" }));
    return transfer;
  }, [name, pdf(name).toString("latin1")]);
  await page.dispatchEvent(target, "drop", { dataTransfer: data });
}

/** @param {{base: string, browser: import("../browser.mjs").Browser}} given */
export async function replaceAndMove(given) {
  const page = await at(given, "3001");
  await choose(page, "URS", file("first.pdf"));
  await becomes(page, "URS", "first.pdf", "Accepted");
  await page.locator("#row-3001").locator("xpath=../..").locator("a.s.good", { hasText: "1 file" }).waitFor();

  // A second one takes its place once it is accepted; one that is refused does not.
  await page.locator("#section-URS-choose", { hasText: "Replace the file" }).waitFor();
  await choose(page, "URS", [{ name: "bad.pdf", mimeType: "application/pdf", buffer: Buffer.from("MZ no document") }]);
  await page.locator(".tray-row.bad", { hasText: "bad.pdf" }).waitFor();
  await becomes(page, "URS", "first.pdf", "Accepted");
  await page.locator("#section-URS-choose", { hasText: "Replace the file" }).waitFor();
  // What was refused is put away; what the tray tells of it stays.
  await given.browser.look(page, "panel-refused");
  await page.locator("#section-URS button", { hasText: "Dismiss" }).click();
  await inPlace(page, "URS", "bad.pdf").waitFor({ state: "detached" });
  assert.equal(await page.evaluate(() => document.activeElement?.id), "section-URS", "focus stays in the section");
  await page.locator(".tray-row.bad", { hasText: "bad.pdf" }).waitFor();
  await choose(page, "URS", file("second.pdf"));
  await becomes(page, "URS", "second.pdf", "Accepted");
  await inPlace(page, "URS", "first.pdf").waitFor({ state: "detached" });
  await given.browser.look(page, "panel-full");

  // Somewhere else, without sending it again; the old place is free.
  await page.locator("#section-URS a", { hasText: "Move" }).click();
  await page.locator("#move-file").waitFor();
  await given.browser.look(page, "move");
  await page.locator("#candidate").selectOption("3002");
  await page.locator("#to-Report").check();
  await page.locator("#move-file").click();
  await inPlace(page, "Report", "second.pdf").waitFor();
  assert.match(page.url(), /open=3002/);
  assert.equal(await page.evaluate(() => document.activeElement?.id), "section-Report", "focus goes where the file went");
  await page.locator("#c-3001 a.s.quiet").first().waitFor();
  // It says from where, and goes back the same way; and here again.
  const back = page.locator("#section-Report .undo", { hasText: "Moved second.pdf here from 3001 Sofía Powell · Recording sheet." });
  await back.waitFor();
  await given.browser.look(page, "moved");
  await page.locator("#move-back").press("Enter");
  await inPlace(page, "URS", "second.pdf").waitFor();
  assert.match(page.url(), /open=3001/);
  assert.equal(await page.evaluate(() => document.activeElement?.id), "section-URS");
  await page.locator("#section-URS .undo", { hasText: "here from 3002" }).waitFor();
  await page.locator("#move-back").click();
  await back.waitFor();

  // Delete, and back again, beside where it was.
  await page.locator("#section-Report button", { hasText: "Delete" }).click();
  await page.locator("#section-Report .undo", { hasText: "Deleted second.pdf" }).waitFor();
  assert.equal(await page.evaluate(() => document.activeElement?.id), "section-Report", "focus stays in the section");
  await page.locator("#undo").click();
  await becomes(page, "Report", "second.pdf", "Accepted");
  // And long after the page was left.
  await page.locator("#section-Report button", { hasText: "Delete" }).click();
  await page.locator("#undo").waitFor();
  await page.goto(`${page.url().split("?")[0]}?open=3002`);
  await page.locator("#section-Report-deleted-show", { hasText: "Deleted: 1" }).click();
  for (const width of [1280, 390]) {
    await page.setViewportSize({ width, height: 900 });
    await given.browser.look(page, "deleted");
  }
  await page.getByRole("button", { name: "Bring back second.pdf" }).click();
  await becomes(page, "Report", "second.pdf", "Accepted");
  await page.locator("#section-Report-deleted").waitFor({ state: "detached" });
  await page.context().close();
}

/** Each refusal in its words, in the tray and in the section; and the others go on. @param {{base: string, browser: import("../browser.mjs").Browser}} given */
export async function refusedEach(given) {
  const page = await at(given, "1008", /R085/);
  let begun = 0;
  page.on("request", (request) => (begun += request.method() === "POST" && new URL(request.url()).pathname === "/files" ? 1 : 0));
  const tray = (/** @type {string} */ name, /** @type {string} */ text) => page.locator(".tray-row.bad", { hasText: name }).filter({ hasText: text }).waitFor();
  const bytes = (/** @type {string} */ name, /** @type {Buffer} */ buffer) => ({ name, mimeType: "", buffer });

  // What its name and size say already is said at once, and nothing is sent of it.
  const most = await page.locator("#section-Evidence").getAttribute("data-max-bytes");
  await page.locator("#section-Evidence").evaluate((one) => one.setAttribute("data-max-bytes", "3"));
  await choose(page, "Evidence", [bytes("too large.txt", Buffer.from("four")), bytes("empty.txt", Buffer.alloc(0)), bytes("wrong.exe", Buffer.from("MZ"))]);
  await tray("too large.txt", "larger than this section takes");
  await tray("empty.txt", "holds nothing");
  await tray("wrong.exe", "does not take files of this type");
  assert.equal(begun, 0, "nothing was begun");
  await page.locator("#section-Evidence").evaluate((one, bytes) => one.setAttribute("data-max-bytes", bytes ?? ""), most);

  // What is inside is said once it was looked at.
  const refused = [
    [bytes("program.pdf", Buffer.from("MZ no document")), "Refused: wrong type"],
    [bytes("macros.docx", docx("macros", { "word/vbaProject.bin": Buffer.from("Sub AutoOpen()") })), "Refused: contains macros"],
    [bytes("slips.zip", zip({ "../../evil.txt": Buffer.from("evil") })), "Refused: unsafe archive"],
    [bytes("broken.docx", docx("broken").subarray(0, -40)), "Refused: cannot be opened"],
    [bytes("infected.txt", Buffer.from(VIRUS)), "Refused: virus found"],
  ];
  for (const [at, [file, words]] of refused.entries()) {
    const { name } = /** @type {{name: string}} */ (file);
    await choose(page, "Evidence", [bytes(`good ${at}.txt`, Buffer.from(`good ${at}`)), /** @type {any} */ (file)]);
    await becomes(page, "Evidence", name, /** @type {string} */ (words));
    await becomes(page, "Evidence", `good ${at}.txt`, "Accepted");
    const said = await page.locator("#section-Evidence .file", { hasText: name }).locator(".file-sentence").innerText();
    await tray(name, said);
  }
  for (const width of [1280, 390]) {
    await page.setViewportSize({ width, height: 900 });
    await given.browser.look(page, "refused-each");
  }
  await page.setViewportSize({ width: 1280, height: 900 });
  // An amber word, not the green one, while something asks for somebody.
  await page.locator("#c-1008 a.s.note", { hasText: "5 files, 5 refused" }).waitFor();

  // Seen, they are put away; what the tray tells of them stays.
  for (let left = refused.length; left > 0; left -= 1) {
    await page.locator("#section-Evidence button", { hasText: "Dismiss" }).first().click();
    await page.locator("#section-Evidence button", { hasText: "Dismiss" }).nth(left - 1).waitFor({ state: "detached" });
  }
  await page.locator("#c-1008 a.s.good", { hasText: "5 files" }).waitFor();
  await page.context().close();
}

/** @param {{base: string, browser: import("../browser.mjs").Browser}} given */
export async function whoseFileIsIt(given) {
  const page = await at(given, "3013");
  const other = (await page.locator("#row-3011").innerText()).replace(/^\d+\s*/, "");
  await choose(page, "Report", file("report 3011.pdf"));
  const question = page.locator("#question[open]");
  await question.getByText(`“report 3011.pdf” mentions 3011 ${other}`).waitFor();
  await given.browser.look(page, "whose");
  await question.getByRole("button", { name: "Cancel" }).click();
  await question.waitFor({ state: "detached" });
  assert.equal(await page.locator(".tray-row", { hasText: "report 3011" }).count(), 0, "nothing was sent");
  await choose(page, "Report", file("report 3011.pdf"));
  await question.getByRole("button", { name: /File under 3011/ }).click();
  await page.locator("#c-3011 a.s.good", { hasText: "1 file" }).waitFor({ timeout: 60_000 });
  assert.equal(await inPlace(page, "Report", "report 3011").count(), 0);

  // Of several only that one is asked about, and only it goes there.
  await choose(page, "Plan", [...file("plan of 3011.pdf"), ...file("my own.pdf")]);
  await question.getByText(`“plan of 3011.pdf” mentions 3011 ${other}`).waitFor();
  await question.getByRole("button", { name: /File under 3011/ }).click();
  await becomes(page, "Plan", "my own.pdf", "Accepted");
  await page.locator("#c-3011 a.s", { hasText: "1 of 2 files" }).waitFor({ timeout: 60_000 });
  assert.equal(await inPlace(page, "Plan", "plan of 3011").count(), 0);

  // Dropped on a row: into the section that the person names.
  await drop(page, "#c-3012", "sheet.pdf");
  await question.getByText("Which section of 3012").waitFor();
  await question.getByRole("button", { name: "Research report" }).click();
  await page.locator("#c-3012 a.s.good", { hasText: "1 file" }).waitFor({ timeout: 60_000 });
  // On a section: straight into it.
  await drop(page, "#section-URS", "mine.pdf");
  await becomes(page, "URS", "mine.pdf", "Accepted");
  // On one that is full: only after a question.
  await drop(page, "#section-URS", "mine again.pdf");
  await question.getByText("Replace what is in Recording sheet?").waitFor();
  await page.keyboard.press("Escape");
  await question.waitFor({ state: "detached" });
  await inPlace(page, "URS", "mine.pdf").waitFor();
  await page.context().close();
}

/** @param {{base: string, browser: import("../browser.mjs").Browser}} given */
export async function inPlaceOfFiles(given) {
  for (const width of [1280, 390]) {
    const [number, next] = width === 1280 ? ["3020", "3021"] : ["3022", "3023"];
    const page = await at(given, number, /R084/, width);
    // Two are asked for and there is one.
    await choose(page, "Plan", file("plan.pdf"));
    await becomes(page, "Plan", "plan.pdf", "Accepted");
    await page.locator("#section-Plan", { hasText: "1 of 2 files" }).waitFor();
    await page.locator("#section-Plan-fewer").click();
    await page.locator("#set-fewer").click();
    await page.locator("#problem").waitFor();
    await page.locator("#note").fill("One page is all there was.");
    await given.browser.look(page, "fewer");
    await page.locator("#set-fewer").click();
    await page.locator("#section-Plan", { hasText: "One page is all there was." }).waitFor();
    await page.locator("#section-Plan-unflag").click();
    await page.locator("#section-Plan-fewer").waitFor();
    // Missing is two actions, and taking it back is one.
    const hand = clicks(page);
    await hand.on("#section-URS-missing");
    await hand.on("#reason-lost");
    await page.locator("#section-URS", { hasText: "Missing: lost" }).waitFor();
    assert.equal(hand.count, 2, "two actions");
    assert.equal(await page.evaluate(() => document.activeElement?.id), "section-URS");
    await page.locator("#section-URS-unflag").click();
    await page.locator("#section-URS-missing").waitFor();
    // Why it is something else has to be said; what was written stays.
    await page.locator("#section-URS-missing").click();
    await page.locator("#reason-other").click();
    await page.locator("#note-wrong").waitFor();
    await page.locator("#note").fill("First line.");
    await page.locator("#note").press("Enter");
    await page.locator("#note").pressSequentially("Eaten by the dog.");
    await page.locator("#reason-other").focus();
    await page.keyboard.press("Enter");
    await page.locator("#section-URS", { hasText: "Eaten by the dog." }).waitFor();
    await page.locator("#section-URS-unflag").click();
    await page.locator("#section-URS-missing").waitFor();
    // Nothing at all.
    await page.goto(`${page.url().split("?")[0]}?search=302&open=${next}`);
    await page.locator("#mark-absent").click();
    await page.locator("#set-absent").waitFor();
    await given.browser.look(page, "absent");
    await page.locator("#set-absent").click();
    await page.locator(`#c-${next}`, { hasText: "Absent" }).waitFor();
    await given.browser.look(page, "panel-absent");
    await page.locator("#not-absent").click();
    await page.locator("#mark-absent").waitFor();
    await page.context().close();
  }
}

/** @param {{base: string, browser: import("../browser.mjs").Browser}} given */
export async function byKeysInTheList(given) {
  const page = await at(given, "3030");
  const focus = () => page.evaluate(() => document.activeElement?.id ?? "");
  const candidate = async (/** @type {string} */ number) => {
    await page.locator(`#candidate[data-number="${number}"]`).waitFor();
    await page.waitForFunction(() => document.activeElement?.id === "candidate-title");
  };
  await page.keyboard.press("/");
  assert.equal(await focus(), "search");
  await page.keyboard.type("31");
  await page.waitForURL(/search=31/);
  await page.keyboard.press("ArrowDown");
  const first = await focus();
  assert.match(first, /^row-\d*31/);
  await page.keyboard.press("ArrowDown");
  const second = await focus();
  assert.notEqual(second, first);
  await page.keyboard.press("Enter");
  await candidate(second.slice(4));
  await page.waitForURL((url) => url.searchParams.get("search") === "31" && url.searchParams.get("open") === second.slice(4));
  await page.keyboard.press("n");
  await page.waitForFunction((old) => document.getElementById("candidate")?.dataset.number !== old, second.slice(4));
  await page.keyboard.press("p");
  await candidate(second.slice(4));
  const chooser = page.waitForEvent("filechooser");
  await page.keyboard.press("u");
  await (await chooser).setFiles([]);
  await page.keyboard.press("Escape");
  await page.locator("#candidate").waitFor({ state: "detached" });
  assert.equal(await focus(), second);
  // Back and Forward go through what was open.
  await page.goBack();
  await candidate(second.slice(4));
  await page.goForward();
  await page.locator("#candidate").waitFor({ state: "detached" });
  // A cell leads to its section.
  await page.locator("#c-3131 td a").nth(2).click();
  await page.locator('#candidate[data-number="3131"]').waitFor();
  await page.waitForFunction(() => document.activeElement?.id === "section-Plan");
  // Switched off, single keys are letters.
  await page.locator("#keys").click();
  await page.locator("#row-3131").focus();
  await page.keyboard.press("n");
  await page.waitForTimeout(500);
  assert.equal(await focus(), "row-3131");
  await page.locator("#keys").click();
  await page.context().close();
}

/** What is asked for at once, while answers take their time, is what comes. @param {{base: string, browser: import("../browser.mjs").Browser}} given */
export async function quickerThanAnswers(given) {
  const page = await at(given, "3050");
  const late = async (/** @type {import("playwright-core").Route} */ route) => {
    await new Promise((resolve) => setTimeout(resolve, 600));
    await route.continue();
  };
  await page.route("**/samples/*?*", late);
  // Enter before the search has an address of its own.
  await page.locator("#search").fill("3131");
  await page.locator("#search").press("Enter");
  await page.locator('#candidate[data-number="3131"]').waitFor();
  await page.waitForTimeout(1_000);
  const address = new URL(page.url());
  assert.equal(address.searchParams.get("search"), "3131", address.search);

  // Another order, and a row of the old one.
  await page.locator("#search").fill("313");
  await page.waitForURL((url) => url.searchParams.get("search") === "313");
  const names = () => page.locator("tr.row:not([hidden]) a.who").allInnerTexts();
  const before = await names();
  await page.locator("#sort").selectOption("name");
  await page.locator("#row-3132").click();
  await page.locator('#candidate[data-number="3132"]').waitFor();
  assert.equal(new URL(page.url()).searchParams.get("sort"), "name", page.url());
  const until = Date.now() + 10_000;
  while (before.join() === (await names()).join()) {
    assert.ok(Date.now() < until, `they never come in the order that was asked for: ${before}`);
    await page.waitForTimeout(100);
  }
  assert.equal(new URL(page.url()).searchParams.get("open"), "3132");
  assert.equal(await page.locator("#sort").inputValue(), "name");

  // A cell pressed twice: one move, and what is chosen then is of whom the address names.
  await page.locator("#c-3133 td a").nth(1).dblclick();
  await page.locator('#candidate[data-number="3133"]').waitFor();
  await page.waitForTimeout(1_000);
  assert.equal(new URL(page.url()).searchParams.get("open"), "3133");
  assert.equal(await page.locator("#candidate").getAttribute("data-number"), "3133");

  // A search and an order while a row is on its way: both come.
  await page.locator("#row-3134").click();
  await page.locator("#search").fill("3134");
  await page.locator('#candidate[data-number="3134"]').waitFor();
  await page.waitForURL((url) => url.searchParams.get("search") === "3134" && url.searchParams.get("open") === "3134");
  await page.locator("#search").fill("313");
  await page.waitForURL((url) => url.searchParams.get("search") === "313");
  await page.locator("#row-3135").click();
  await page.locator("#sort").selectOption("number");
  await page.locator('#candidate[data-number="3135"]').waitFor();
  await page.waitForURL((url) => url.searchParams.get("sort") === "number" && url.searchParams.get("open") === "3135");
  const ordered = async () => (await names()).map((text) => Number(text.slice(0, 4)));
  for (let list = await ordered(); list.some((number, at) => at > 0 && number < list[at - 1]); list = await ordered()) {
    assert.ok(Date.now() < until + 20_000, `by number: ${list}`);
    await page.waitForTimeout(100);
  }
  await page.context().close();
}

/** @param {{base: string, browser: import("../browser.mjs").Browser}} given */
export async function withoutRedrawing(given) {
  const page = await at(given, "3040");
  const colleague = await at(given, "3041");
  /** @type {string[]} */
  const looked = [];
  // Both listen before anything happens.
  await Promise.all([page, colleague].map((one) => one.waitForTimeout(1_500)));
  page.on("request", (request) => {
    if (request.headers()["x-background"] !== undefined && request.url().includes("/samples/")) looked.push(request.url());
  });
  await page.evaluate(() => document.querySelectorAll("tr.row").forEach((row) => row.setAttribute("data-kept", "")));
  await page.locator("#row-3042").focus();
  await choose(colleague, "URS", file("colleague.pdf"));
  await page.locator("#c-3041 a.s.good", { hasText: "1 file" }).waitFor({ timeout: 60_000 });
  const kept = await page.locator("tr.row[data-kept]").count();
  assert.ok(kept >= 497, `${500 - kept} rows were drawn afresh`);
  assert.ok(looked.length > 0 && looked.every((url) => url.includes("rows=")), looked.join("\n"));
  assert.equal(await page.evaluate(() => document.activeElement?.id), "row-3042", "focus stays");
  for (const one of [page, colleague]) await one.context().close();
}
