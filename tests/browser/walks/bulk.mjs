// Many files at once: by name, by folder, with names that say nothing; the plan after a reload; five thousand files.

import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { signIn } from "../browser.mjs";
import { BUSY } from "../pace.mjs";
import { lineTo } from "../proxy.mjs";
import { large } from "./engine.mjs";
import { pdf, zip } from "./files.mjs";
import { clicks, openSample, proof } from "./steps.mjs";

/** Candidates of the class at 20461, as `service.mjs` enters them. */
const CLASS = Array.from({ length: 30 }, (_, at) => String(3001 + at));
/** What a task of the page may take, milliseconds. */
const LONG = 100;

/** A folder on a disk with these files. @param {Record<string, Buffer | string>} files */
function folder(files) {
  const root = path.join(mkdtempSync(path.join(tmpdir(), "strongroom-many-")), "Class 9");
  for (const [name, bytes] of Object.entries(files)) {
    const file = path.join(root, name);
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(file, bytes);
  }
  return root;
}

/** @param {import("playwright-core").Page} page @param {string} button @param {string | string[] | {name: string, mimeType: string, buffer: Buffer}[]} files */
async function chosen(page, button, files) {
  const chooser = page.waitForEvent("filechooser");
  await page.locator(button).click();
  await (await chooser).setFiles(files);
}

/** @param {import("playwright-core").Page} page */
const planId = (page) => page.locator("#plan").getAttribute("data-plan");

/** Writes down what a screen reader is told from now on. */
function listens() {
  globalThis.spoken = [];
  for (const id of ["polite", "assertive"]) {
    const region = /** @type {HTMLElement} */ (document.getElementById(id));
    const heard = () => globalThis.spoken.push({ text: region.textContent, at: performance.now() });
    new MutationObserver(heard).observe(region, { childList: true, characterData: true, subtree: true });
  }
}

/** What the plan says of each of its files. @param {import("playwright-core").Page} page */
async function planned(page) {
  const answer = await page.request.get(`/api/v1/bulk_plans/${await planId(page)}?limit=500`);
  return (await answer.json()).files;
}

/** Until every file of the plan that was begun is accepted. @param {import("playwright-core").Page} page @param {number} count */
async function allAccepted(page, count) {
  const until = Date.now() + 180_000;
  for (;;) {
    const states = (await planned(page)).map((/** @type {any} */ file) => file.upload?.state);
    if (states.filter((/** @type {string} */ state) => state === "accepted").length === count) return;
    const ended = states.filter((/** @type {string} */ state) => ["rejected", "infected", "cancelled"].includes(state));
    assert.deepEqual(ended, [], "nothing is refused");
    assert.ok(Date.now() < until, `accepted in time: ${states}`);
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
}

/** @param {{base: string, browser: import("../browser.mjs").Browser}} given */
export async function thirtyCandidatesByName({ base, browser }) {
  const page = await browser.person(base, 1280);
  await signIn(page, "teacher.20461");
  await openSample(page, /R087/);
  const files = CLASS.flatMap((number) => [
    { name: `20461_${number}_R087_Product.zip`, mimeType: "application/zip", buffer: zip({ "site/index.html": Buffer.from(number) }) },
    { name: `20461_${number}_R087_Plan_first.pdf`, mimeType: "application/pdf", buffer: pdf(`Plan of ${number}`) },
  ]);
  let sent = 0;
  page.on("request", (request) => (sent += new URL(request.url()).pathname.startsWith("/files") ? 1 : 0));
  const hand = clicks(page);
  await hand.on("#to-many");
  const chooser = page.waitForEvent("filechooser");
  await hand.on("#choose-files");
  await (await chooser).setFiles(files);
  await page.locator("#start").waitFor();
  assert.equal(sent, 0, "nothing is sent before the start");
  assert.equal(await page.locator("#start").textContent(), "Start upload of 60 files");
  assert.match(await page.locator("#left-out").innerText(), /10 candidates of the sample have no file/);
  await browser.look(page, "plan-ready");
  await browser.tree(page, "plan", "main");
  await page.evaluate(listens);
  await hand.on("#start");
  await page.locator("#show-begun").waitFor();
  assert.equal(hand.count, 3, "three clicks, and one dialog");
  await allAccepted(page, 60);
  /** @type {{text: string, at: number}[]} */ let spoken = [];
  for (let tries = 0; tries < 100 && !spoken.at(-1)?.text.startsWith("Finished: 60"); tries += 1) {
    await new Promise((resolve) => setTimeout(resolve, 200));
    spoken = await page.evaluate(() => globalThis.spoken);
  }
  console.log(`        ${spoken.length} spoken messages: ${spoken.map(({ text }) => text).join(" | ")}`);
  assert.ok(spoken.at(-1)?.text.startsWith("Finished: 60") && spoken.length <= 12, "few words, and the last says it all");
  for (const [at, { text }] of spoken.entries()) {
    assert.ok(at === 0 || spoken[at].at - spoken[at - 1].at > 4_900, "five seconds apart");
    assert.doesNotMatch(text, /%|Page/, "and never every file, nor a share");
  }
  await browser.look(page, "plan-results");
  await page.context().close();
}

/** Takes away what each of the class has. @param {import("playwright-core").Page} page @param {string} sample */
async function emptied(page, sample) {
  const headers = { ...(await proof(page)), "tus-resumable": "1.0.0" };
  for (const number of CLASS) {
    const { sections } = await (await page.request.get(`/api/v1/samples/${sample}/candidates/${number}`)).json();
    const files = sections.flatMap((/** @type {any} */ one) => one.files);
    for (const { id } of files.filter((/** @type {any} */ one) => one.state === "accepted")) {
      assert.equal((await page.request.delete(`/files/${id}`, { headers })).status(), 204);
    }
  }
}

/** Goes to what is to be pressed by Tab, and presses Enter. How many times Tab. @param {import("playwright-core").Page} page @param {string} what */
async function byKeys(page, what) {
  for (let tabs = 0; tabs < 60; tabs += 1) {
    if (await page.evaluate((part) => document.activeElement?.matches(part) ?? false, what)) {
      await page.keyboard.press("Enter");
      return tabs;
    }
    await page.keyboard.press("Tab");
  }
  throw new Error(`${what} is not reached by keys`);
}

/** The same sixty one by one, the last ten candidates by keys alone. @param {{base: string, browser: import("../browser.mjs").Browser}} given */
export async function oneByOne({ base, browser }) {
  const page = await browser.person(base, 1280);
  await signIn(page, "teacher.20461");
  await openSample(page, /R087/);
  const sample = (await page.locator("main").getAttribute("data-sample")) ?? "";
  await emptied(page, sample);
  await page.goto(`/samples/${sample}?open=${CLASS[0]}`);
  let [actions, tabs] = [0, 0];
  for (const [at, number] of CLASS.entries()) {
    const press = async (/** @type {string} */ what) => {
      actions += 1;
      if (at < 20) await page.locator(what).click();
      else tabs += await byKeys(page, what);
    };
    for (const [section, name, mimeType, buffer] of /** @type {const} */ ([
      ["Product", "website.zip", "application/zip", zip({ "index.html": Buffer.from(`one by one, ${number}`) })],
      ["Plan", "plan.pdf", "application/pdf", pdf(`One by one, the plan of ${number}`)],
    ])) {
      const chooser = page.waitForEvent("filechooser");
      await press(`#section-${section}-choose`);
      await (await chooser).setFiles({ name, mimeType, buffer });
      await page.locator(`#section-${section} .file`, { hasText: name }).waitFor();
    }
    if (CLASS[at + 1] === undefined) continue;
    await press("#turn-next");
    await page.locator(`#candidate[data-number="${CLASS[at + 1]}"]`).waitFor();
  }
  console.log(`        ${actions} actions besides the dialogs; Tab ${tabs} times for ten candidates`);
  assert.ok(actions <= 90, `${actions} actions`);
  const until = Date.now() + 120_000;
  for (const number of CLASS) {
    for (;;) {
      const { sections } = await (await page.request.get(`/api/v1/samples/${sample}/candidates/${number}`)).json();
      const files = sections.flatMap((/** @type {any} */ one) => one.files).filter((/** @type {any} */ one) => one.state !== "deleted");
      const states = files.map((/** @type {any} */ one) => one.state);
      if (states.length === 2 && states.every((/** @type {string} */ state) => state === "accepted")) break;
      assert.ok(Date.now() < until, `${number}: ${states}`);
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  }
  await page.context().close();
}

/** @param {{base: string, browser: import("../browser.mjs").Browser}} given */
export async function byFolder({ base, browser }) {
  const page = await browser.person(base, 1280);
  await signIn(page, "teacher.20461");
  await openSample(page, /R087/);
  const one = (/** @type {string} */ text) => pdf(text);
  const root = folder({
    "2002 D’Arcy/Plan/brief.pdf": one("brief"),
    "2002 D’Arcy/Plan/week 1/notes.pdf": one("notes 1"),
    "2003/Plan/brief.pdf": one("brief 2"),
    "2003/Week 3/lost.pdf": one("lost"),
    ".DS_Store": "litter",
  });
  const hand = clicks(page);
  await hand.on("#to-many");
  await page.locator("#codes li").first().waitFor();
  const codes = await page.locator("#codes li").allInnerTexts();
  assert.ok(codes.some((code) => code.startsWith("Plan ")), codes.join());
  for (const width of [1280, 390]) {
    await page.setViewportSize({ width, height: 900 });
    await browser.look(page, "upload-many");
  }
  await page.setViewportSize({ width: 1280, height: 900 });
  // No name says anything, so nobody need say that the folders do.
  const chooser = page.waitForEvent("filechooser");
  await hand.on("#choose-folder");
  await (await chooser).setFiles(root);
  await page.locator("#start").waitFor();
  await page.locator(".facts", { hasText: "read by folder" }).waitFor();
  const files = await planned(page);
  const told = Object.fromEntries(files.map((/** @type {any} */ file) => [`${file.path}/${file.name}`, file]));
  assert.equal(files.length, 4, "litter is left behind");
  const deep = told["Class 9/2002 D’Arcy/Plan/week 1/notes.pdf"];
  assert.deepEqual([deep.candidates, deep.section, deep.folder], [["2002"], "Plan", "week 1"]);
  assert.equal(told["Class 9/2003/Week 3/lost.pdf"].reason, "no_section");
  assert.match(await page.locator("#left-out").innerText(), /2004/);

  // What waits is settled by ordinary forms: one choice for the one that is odd.
  await page.locator(".planned", { hasText: "lost.pdf" }).locator("select").selectOption("Plan");
  await hand.on("#start");
  assert.equal(hand.count, 3, "three clicks, a dialog, and one choice for the odd file");
  await allAccepted(page, 4);

  // What the sections take is told whole, with their codes.
  await openSample(page, /R087/);
  await page.getByRole("link", { name: "What this component takes" }).click();
  await page.locator("h1", { hasText: "What R087" }).waitFor();
  assert.ok((await page.locator("#codes li").allInnerTexts()).some((code) => code.startsWith("Plan ")));
  assert.doesNotMatch(await page.locator(".takes").allInnerTexts().then((all) => all.join()), /and \d+ more/);
  for (const width of [1280, 390]) {
    await page.setViewportSize({ width, height: 900 });
    await browser.look(page, "help");
  }
  await page.setViewportSize({ width: 1280, height: 900 });
  await page.context().close();
}

/** A folder is dropped on the page, as from the desktop. @param {{base: string, browser: import("../browser.mjs").Browser}} given */
export async function aFolderIsDropped({ base, browser }) {
  const page = await browser.person(base, 1280);
  await signIn(page, "teacher.20461");
  const root = folder({ "2006/Evidence/one.pdf": pdf("one"), "2006/Evidence/deep/two.pdf": pdf("two"), "2007/three.pdf": pdf("three") });
  const hand = await page.context().newCDPSession(page);
  // Where it says so; and on a sample's page, beside all places that take a file by themselves.
  for (const where of ["[data-many-drop]", "h1"]) {
    await openSample(page, /R085/);
    if (where !== "h1") await page.locator("#to-many").click();
    const zone = page.locator(where);
    await zone.scrollIntoViewIfNeeded();
    const box = await zone.boundingBox();
    assert.ok(box !== null);
    const at = { x: box.x + box.width / 2, y: box.y + box.height / 2 };
    for (const type of /** @type {const} */ (["dragEnter", "dragOver", "drop"])) {
      const data = { items: [], files: [root], dragOperationsMask: 1 };
      await hand.send("Input.dispatchDragEvent", { type, ...at, data });
    }
    await page.locator("[data-plan-sample]").waitFor();
    const files = (await planned(page)).map((/** @type {any} */ one) => `${one.path}/${one.name} ${one.candidates.join()}`).sort();
    assert.deepEqual(files, [
      "Class 9/2006/Evidence/deep/two.pdf 2006", "Class 9/2006/Evidence/one.pdf 2006", "Class 9/2007/three.pdf 2007",
    ]);
    await page.goto("/");
  }
  await page.context().close();
}

/** @param {{base: string, browser: import("../browser.mjs").Browser}} given */
export async function nastyNames({ base, browser }) {
  const page = await browser.person(base, 1280);
  await signIn(page, "teacher.20461");
  await openSample(page, /R085/);
  const hostile = "20461_2005_R085_Evidence_<img src=x onerror=globalThis.hacked=1>.pdf";
  const names = [
    "scan0001.pdf", "2024_results.pdf", "98765_1005_R085_URS.pdf", "2005 (1).pdf", "résumé.pdf", "re\u0301sume\u0301.pdf",
    "CON.txt", "archive.tar.gz", "film.mp4.exe", "work.url", hostile, "20461_2005_R085_URS.pdf", "20461_2005_R085_URS_2.pdf",
    "20461_2005-2007_R085_Film.mp4", "20461_2006_R085_URS.png",
  ];
  const files = names.map((name) => ({ name, mimeType: "", buffer: pdf(name) }));
  files.push({ name: "20461_2007_R085_URS.pdf", mimeType: "", buffer: Buffer.alloc(0) });
  await page.locator("#to-many").click();
  await chosen(page, "#choose-files", files);
  await page.locator("#start").waitFor();
  const states = Object.fromEntries((await planned(page)).map((/** @type {any} */ file) => [file.name, file.reason ?? file.state]));
  assert.deepEqual(states, {
    "scan0001.pdf": "maybe_candidate",
    "2024_results.pdf": "no_pattern",
    "98765_1005_R085_URS.pdf": "other_centre",
    "2005 (1).pdf": "maybe_candidate",
    "résumé.pdf": "no_pattern",
    "re\u0301sume\u0301.pdf": "no_pattern",
    "CON.txt": "no_pattern",
    "archive.tar.gz": "type_not_allowed",
    "film.mp4.exe": "double_extension",
    "work.url": "link_only",
    [hostile]: "ready",
    "20461_2005_R085_URS.pdf": "section_full",
    "20461_2005_R085_URS_2.pdf": "section_full",
    "20461_2005-2007_R085_Film.mp4": "ready",
    "20461_2006_R085_URS.png": "type_not_allowed",
    "20461_2007_R085_URS.pdf": "empty",
  });
  for (const width of [1280, 390]) {
    await page.setViewportSize({ width, height: 900 });
    await browser.look(page, "plan-unfiled");
  }
  await page.setViewportSize({ width: 1280, height: 900 });
  await browser.tree(page, "plan-unfiled", "#plan-shown");
  await page.locator("#show-refused").click();
  await page.locator("h2", { hasText: "Refused" }).waitFor();
  await browser.look(page, "plan-refused");
  assert.equal(await page.evaluate(() => "hacked" in globalThis), false, "a name is only a name");

  // All that are shown, at once: out; then nothing needs a choice any more.
  await page.locator("#show-unfiled").click();
  await page.locator("#skip-shown").click();
  await page.locator("#show-left_out").waitFor();
  await page.locator("#show-unfiled").waitFor({ state: "detached" }).catch(() => {});
  assert.equal((await planned(page)).filter((/** @type {any} */ file) => file.state === "unfiled").length, 0);

  // A name that cannot be right says so in words.
  await page.goto(page.url().replace(/\?.*/, "?show=left_out"));
  await page.locator("#back-all").click();
  await page.locator("#show-unfiled").click();
  await page.locator("#every-candidate").fill("nobody");
  await page.locator("#save").click();
  await page.locator("#problem", { hasText: "No candidate here is called “nobody”" }).waitFor();
  await page.locator("#discard").click();
  await page.waitForURL(/upload-many/);
  await page.context().close();
}

/**
 * What is filled in counts, though it was not saved: the start keeps it; where it is wrong, nothing starts, the field says
 * so, and everything that was filled in stands there still.
 * @param {{base: string, browser: import("../browser.mjs").Browser}} given
 */
export async function filledInAndStarted({ base, browser }) {
  const page = await browser.person(base, 1280);
  await signIn(page, "teacher.20461");
  await openSample(page, /R085/);
  const names = ["20461_2009_R085_Evidence_sure.pdf", "scan0001.pdf", "loose.pdf", "later.pdf"];
  const files = names.map((name) => ({ name, mimeType: "application/pdf", buffer: pdf(`Filled in: ${name}`) }));
  await page.locator("#to-many").click();
  await chosen(page, "#choose-files", files);
  await page.locator("#start").waitFor();
  const field = (/** @type {string} */ name, /** @type {string} */ kind) => page.locator(".planned", { hasText: name }).locator(kind);
  const [candidate, section] = ["input[list]", "select"];
  await field("loose.pdf", candidate).fill("2008");
  await field("loose.pdf", section).selectOption("Evidence");
  await field("scan0001.pdf", section).selectOption("Witness");
  for (const press of [
    () => page.locator("#save").click(),
    () => page.locator("#start").click(),
    () => field("scan0001.pdf", candidate).press("Enter"),
  ]) {
    await field("scan0001.pdf", candidate).fill("Suhartono");
    await page.evaluate(() => document.getElementById("problem")?.remove());
    await press();
    await page.locator("#problem", { hasText: "scan0001.pdf: No candidate here is called “Suhartono”" }).waitFor();
    assert.equal(await page.evaluate(() => document.activeElement?.id), "problem");
    assert.deepEqual(
      [await field("loose.pdf", candidate).inputValue(), await field("loose.pdf", section).inputValue(), await field("scan0001.pdf", candidate).inputValue()],
      ["2008", "Evidence", "Suhartono"],
    );
    assert.equal(await field("scan0001.pdf", "[aria-invalid]").getAttribute("aria-describedby"), await field("scan0001.pdf", ".state.bad").getAttribute("id"));
    assert.equal(await page.locator(".planned [aria-invalid]").count(), 1);
    assert.deepEqual((await planned(page)).map((/** @type {any} */ file) => file.state), ["ready", "unfiled", "unfiled", "unfiled"], "nothing is saved, nothing starts");
    assert.equal((await page.request.get(page.url())).status(), 200, "its address can be loaded");
  }
  for (const width of [1280, 390]) {
    await page.setViewportSize({ width, height: 900 });
    await browser.look(page, "plan-wrong");
  }
  await page.setViewportSize({ width: 1280, height: 900 });
  // A name that one has alone is enough; one that is offered says both.
  const offered = await page.locator("#entered option").evaluateAll((all) => all.map((one) => one.getAttribute("value")));
  assert.ok(offered.includes("2005 Aisha Khan") && offered.length <= 600);
  await field("scan0001.pdf", candidate).fill("khan");
  await page.locator("#start").click();
  await page.locator("#show-begun").waitFor();
  await allAccepted(page, 3);
  const told = Object.fromEntries((await planned(page)).map((/** @type {any} */ file) => [file.name, file]));
  assert.deepEqual([told["loose.pdf"].upload.candidate ?? told["loose.pdf"].candidates[0], told["loose.pdf"].section], ["2008", "Evidence"]);
  assert.deepEqual([told["scan0001.pdf"].candidates, told["scan0001.pdf"].section], [["2005"], "Witness"]);
  assert.equal(told["later.pdf"].state, "unfiled", "nothing was filled in for it");
  await page.context().close();
}

/** The same without script: the form is answered by a page with the same words. @param {{base: string, browser: import("../browser.mjs").Browser}} given */
export async function filledInWithoutScript({ base, browser }) {
  const page = await browser.person(base, 1280, false);
  await signIn(page, "teacher.20461");
  await openSample(page, /R085/);
  const sample = new URL(page.url()).pathname.split("/")[2];
  const files = ["20461_2009_R085_Evidence_paper.pdf", "scan0009.pdf"].map((name) => ({ name, size: 9 }));
  const made = await page.request.post(`/api/v1/samples/${sample}/bulk_plans`, { data: { files }, headers: await proof(page) });
  const { id } = await made.json();
  await page.goto(`${base}/samples/${sample}/plans/${id}`);
  const candidate = page.locator("#candidate-1");
  await candidate.fill("nobody");
  await page.locator("#start").click();
  await page.locator("#problem", { hasText: "scan0009.pdf" }).waitFor();
  assert.equal(await candidate.inputValue(), "nobody");
  await page.goto(page.url());
  assert.equal(await page.locator("#plan").getAttribute("data-started"), null);
  await candidate.fill("2006");
  await page.locator("#section-1").selectOption("Evidence");
  await candidate.press("Enter");
  await page.locator("#start", { hasText: "2 files" }).waitFor();
  assert.equal(await page.locator("#plan").getAttribute("data-started"), null, "Enter saves, and starts nothing");
  await page.locator("#start").click();
  await page.locator("#plan[data-started]").waitFor();
  await page.locator("#discard").click();
  await page.context().close();
}

/** Plans one PDF. @param {import("playwright-core").Page} page @param {string} name @param {Buffer} buffer */
async function planOne(page, name, buffer) {
  await openSample(page, /R085/);
  await page.locator("#to-many").click();
  await chosen(page, "#choose-files", [{ name, mimeType: "application/pdf", buffer }]);
  await page.locator("#start").waitFor();
}

/** Until the copy of the plan's only file is settled so. @param {import("playwright-core").Page} page @param {string} state */
async function copyIs(page, state) {
  const until = Date.now() + 60_000;
  for (;;) {
    const [file] = await planned(page);
    if (file.upload?.shared_with?.[0]?.state === state) return;
    assert.ok(Date.now() < until, JSON.stringify(file));
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
}

/** A file named for two goes up once, and is there for each. @param {{base: string, browser: import("../browser.mjs").Browser}} given */
export async function sharedByTwo({ base, browser }) {
  const line = await lineTo(base);
  const page = await browser.person(line.base, 1280);
  await signIn(page, "teacher.20461");
  const buffer = large("A dance of two", 3_000_000);
  await planOne(page, "20461_2003+2004_R085_Witness_dance.pdf", buffer);
  await page.locator("#show-ready").click();
  await page.locator("h3", { hasText: "Shared by candidates 2003 and 2004" }).waitFor();
  await browser.look(page, "plan-shared");
  await page.locator("#start").click();
  await page.locator("#show-begun").waitFor();
  await copyIs(page, "made");
  assert.equal(line.bytes, buffer.length, "its bytes are sent once");
  for (const [number, says] of [["2003", "shared with 2004"], ["2004", "shared, sent for 2003"]]) {
    await openSample(page, /R085/);
    await page.goto(`${page.url().split("?")[0]}?open=${number}`);
    await page.locator("#section-Witness .file", { hasText: "dance.pdf" }).filter({ hasText: says }).waitFor();
    for (const width of [1280, 390]) {
      await page.setViewportSize({ width, height: 900 });
      await browser.look(page, `shared-${number}`);
    }
    await page.setViewportSize({ width: 1280, height: 900 });
  }
  // Who is absent by the time that it is here is told.
  line.pace = 1_000_000;
  await planOne(page, "20461_2002+9999_R085_Witness_duet.pdf", large("A duet", 3_000_000));
  const sample = await page.locator("#plan").getAttribute("data-plan-sample");
  await page.locator("#start").click();
  await page.locator("#show-begun").waitFor();
  const absent = `/api/v1/samples/${sample}/candidates/9999/absent`;
  assert.equal((await page.request.put(absent, { data: {}, headers: await proof(page) })).status(), 204);
  await copyIs(page, "refused");
  const told = "Not shared with 9999: they are absent or withdrawn.";
  await page.reload();
  await page.locator(".planned", { hasText: told }).waitFor();
  await browser.look(page, "plan-not-shared");
  await page.goto(`${line.base}/samples/${sample}?open=2002`);
  for (const width of [1280, 390]) {
    await page.setViewportSize({ width, height: 900 });
    await page.locator("#section-Witness .file", { hasText: told }).waitFor();
    await browser.look(page, "not-shared");
  }
  assert.equal((await page.request.delete(absent, { headers: await proof(page) })).status(), 204);
  line.close();
  await page.context().close();
}

/** @param {{base: string, browser: import("../browser.mjs").Browser}} given */
export async function reloadInThePlan({ base, browser }) {
  const page = await browser.person(base, 1280);
  await signIn(page, "teacher.20461");
  await openSample(page, /R085/);
  const root = folder({
    "20461_2008_R085_Evidence_1.pdf": pdf("one"),
    "deep/20461_2008_R085_Evidence_2.pdf": pdf("two"),
  });
  await page.locator("#to-many").click();
  await chosen(page, "#choose-folder", root);
  await page.locator("#start").waitFor();
  assert.equal(await page.locator("#plan-files").isVisible(), false, "the files are here");
  await page.reload();
  await page.locator("#plan-files").waitFor();
  await browser.look(page, "plan-again");
  await page.locator("#start").click();
  assert.equal(await page.evaluate(() => document.activeElement?.id), "again-folder", "the folder is asked for first");
  await chosen(page, "#again-folder", folder({ "other.pdf": pdf("other") }));
  await page.locator("#start").click();
  await page.locator("#plan-files", { hasText: "2 of the files were not in what you chose" }).waitFor();
  await chosen(page, "#again-folder", root);
  await allAccepted(page, 2);
  const folders = (await planned(page)).map((/** @type {any} */ file) => file.path).sort();
  assert.deepEqual(folders, ["Class 9", "Class 9/deep"]);
  await page.context().close();
}

/** @param {{base: string, browser: import("../browser.mjs").Browser}} given */
export async function fiveThousandFiles({ base, browser }) {
  const page = await browser.person(base, 1280);
  await signIn(page, "teacher.20461");
  await openSample(page, /R085/);
  /** @type {Record<string, string>} */
  const files = {};
  for (let at = 0; at < 5_000; at += 1) files[`week ${at % 50}/page ${at}.txt`] = `${at}`;
  const root = folder(files);
  await page.locator("#to-many").click();
  await page.locator("#choose-folder").waitFor();
  // Until then the browser is making its list of files, and no page is asked.
  await page.evaluate(() => document.addEventListener("change", () => (globalThis.chosenAt = Date.now()), true));
  await chosen(page, "#choose-folder", root);
  await page.locator("#plan").waitFor({ timeout: 120_000 });
  await page.locator(".planned").first().waitFor();
  const tasks = browser.pace.tasks(await page.evaluate(() => globalThis.chosenAt));
  console.log(`        5,000 files: long tasks of ${JSON.stringify(tasks)} ms`);
  assert.ok(tasks.every((time) => time <= LONG * BUSY), `never blocked for long: ${tasks}`);
  assert.equal(await page.locator("h1").textContent(), "Plan for 5000 files");
  await page.locator("#discard").click();
  await page.waitForURL(/upload-many/);
  await page.context().close();
}

/** The help page reads names as a plan would, also without script. @param {{base: string, browser: import("../browser.mjs").Browser}} given */
export async function namesAreTried({ base, browser }) {
  const page = await browser.person(base, 1280, false);
  await signIn(page, "teacher.20461");
  await openSample(page, /R085/);
  await page.getByRole("link", { name: "What this component takes" }).click();
  await page.locator("#names").fill("20461_2005_R085_URS.pdf\nscan0001.pdf");
  await page.locator("#try").click();
  const told = await page.locator("#tried li").allInnerTexts();
  assert.match(told[0], /Unit recording sheet, candidate 2005/);
  assert.match(told[1], /Could be candidate 0001/);
  await page.context().close();
}
