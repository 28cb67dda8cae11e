// The line between browser and service: cut, slow to come back, in front of it something that answers in its place.

import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { signIn } from "../browser.mjs";
import { lineTo } from "../proxy.mjs";
import { teacherAt } from "./engine.mjs";
import { pdf, sha256 } from "./files.mjs";
import { becomes, choose, openSample, proof, uploadTo } from "./steps.mjs";
import { arrived } from "./tabs.mjs";

/** @param {number} time */
const pause = (time) => new Promise((resolve) => setTimeout(resolve, time));

/** A real file, as a browser finds it on a disk. @param {string} name */
function onDisk(name) {
  const file = path.join(mkdtempSync(path.join(tmpdir(), "strongroom-file-")), name);
  writeFileSync(file, pdf(name));
  return file;
}

/**
 * Text is found in any case, a pattern in its own.
 * @param {import("playwright-core").Page} page @param {string} name @param {string | RegExp} text
 */
const inTray = (page, name, text) => page.locator(".tray-row", { hasText: name }).filter({ hasText: text });

/** Names of this person's open uploads, as the server knows them. @param {import("playwright-core").Page} page */
const openUploads = async (page) => {
  const answer = await page.request.get("/api/v1/uploads?state=open&limit=200");
  return (await answer.json()).items.map((/** @type {any} */ one) => one.name ?? one.original_name);
};

/** @param {{base: string, browser: import("../browser.mjs").Browser}} given */
export async function pagesThatDoNotCome(given) {
  const page = await teacherAt(given, "1005");
  const here = page.url();
  let asked = 0;
  page.on("request", (request) => {
    if (/\/(samples|assessments|help)/.test(new URL(request.url()).pathname)) asked += 1;
  });
  const trouble = page.locator("#trouble");

  // No line: the page stays, its address too, and nothing is asked again and again.
  await page.context().setOffline(true);
  for (const link of ["#row-1007", ".crumbs a", "#to-check"]) {
    asked = 0;
    await page.locator(link).last().click();
    await trouble.waitFor();
    await page.waitForFunction((url) => location.href === url, here);
    await pause(500);
    assert.ok(asked <= 2, `${link}: ${asked} requests`);
    await page.locator("#section-Evidence-choose").waitFor();
  }
  await given.browser.look(page, "no-answer");
  await page.context().setOffline(false);

  // Something in front answers in the service's place.
  await page.route("**/check", (route) => route.fulfill({ status: 502, contentType: "text/html", body: "<h1>Bad Gateway</h1>" }));
  asked = 0;
  await page.locator("#to-check").click();
  await trouble.waitFor();
  await pause(500);
  assert.equal(page.url(), here);
  assert.ok(asked <= 2, `${asked} requests at a bad gateway`);
  await page.unroute("**/check");

  // A form whose answer does not come.
  await page.goto(`${here.split("?")[0]}/candidates/1005/sections/URS/missing`);
  const form = page.url();
  await page.locator("#note").fill("In the flood.");
  await page.route("**/missing", (route) => (route.request().method() === "POST" ? route.abort() : route.continue()));
  asked = 0;
  await page.locator("#reason-lost").click();
  await trouble.waitFor();
  await pause(500);
  assert.equal(page.url(), form);
  assert.equal(await page.locator("#note").inputValue(), "In the flood.", "what was filled in is there");
  assert.ok(asked <= 1, `${asked} requests after a form`);
  await page.unroute("**/missing");

  // It comes back: on from where it was, and Back leads back.
  await page.locator(".crumbs a").last().click();
  await page.locator("#to-check").click();
  await page.locator("#check").waitFor();
  assert.ok(await trouble.isHidden());
  await page.context().setOffline(true);
  const check = page.url();
  await page.evaluate(() => history.back());
  await trouble.waitFor();
  await page.waitForFunction((url) => location.href === url, check);
  await page.context().setOffline(false);
  await page.evaluate(() => history.back());
  await page.locator("#section-Evidence-choose").waitFor();
  assert.notEqual(page.url(), check);
  await page.context().close();
}

/** @param {{base: string, browser: import("../browser.mjs").Browser}} given */
export async function choosingWhileThePageChanges(given) {
  const page = await teacherAt(given, "1007");
  const chooser = page.waitForEvent("filechooser");
  await page.locator("#section-Evidence-choose").click();
  const dialog = await chooser;
  // A colleague changes the same candidate; the page is fetched afresh around the dialog.
  const colleague = await teacherAt(given, "1007");
  await colleague.locator("#section-URS-missing").click();
  await colleague.locator("#reason-lost").click();
  await page.locator("#section-URS", { hasText: "Missing: lost" }).waitFor();
  await colleague.locator("#section-URS", { hasText: "Missing: lost" }).waitFor();
  assert.equal(await colleague.evaluate(() => document.activeElement?.id), "section-URS", "a form leads back to its place");
  await dialog.setFiles([{ name: "chosen.pdf", mimeType: "application/pdf", buffer: pdf("chosen") }]);
  await becomes(page, "Evidence", "chosen.pdf", "Accepted");
  for (const one of [page, colleague]) await one.context().close();
}

/** @param {{base: string, browser: import("../browser.mjs").Browser}} given */
export async function bytesThatDoNotArrive(given) {
  const page = await teacherAt(given, "1009");
  const cut = (/** @type {import("playwright-core").Route} */ route) =>
    route.request().method() === "PATCH" ? route.abort() : route.continue();
  let sent = 0;
  page.on("request", (request) => {
    if (request.method() === "PATCH") sent += 1;
  });
  await page.route("**/files/*", cut);
  const file = onDisk("cut.pdf");
  await choose(page, "Evidence", file);
  await inTray(page, "cut.pdf", "No connection").waitFor();
  await pause(6_000);
  assert.ok(sent <= 8, `${sent} attempts in six seconds`);
  assert.ok(await inTray(page, "cut.pdf", "No connection").isVisible(), "and it says so all the while");
  await page.unroute("**/files/*", cut);
  await becomes(page, "Evidence", "cut.pdf", "Accepted");

  // A file that is gone from the disk is asked for; chosen again, it goes on.
  const lost = onDisk("lost.pdf");
  await page.route("**/files/*", cut);
  await choose(page, "Evidence", lost);
  await page.locator("#section-Evidence .file", { hasText: "lost.pdf" }).waitFor();
  rmSync(lost);
  await inTray(page, "lost.pdf", "can no longer be read").waitFor();
  await given.browser.look(page, "needs-file");
  await page.unroute("**/files/*", cut);
  writeFileSync(lost, pdf("lost.pdf"));
  const chooser = page.waitForEvent("filechooser");
  await inTray(page, "lost.pdf", "can no longer be read").getByRole("button", { name: /^Choose again/ }).click();
  await (await chooser).setFiles(lost);
  await becomes(page, "Evidence", "lost.pdf", "Accepted");

  // One that is saved again meanwhile: nothing of both is sent.
  const edited = onDisk("edited.pdf");
  await page.route("**/files/*", cut);
  await choose(page, "Evidence", edited);
  await page.locator("#section-Evidence .file", { hasText: "edited.pdf" }).waitFor();
  await inTray(page, "edited.pdf", "No connection").waitFor();
  const now = pdf("another.pd");
  writeFileSync(edited, now);
  await page.unroute("**/files/*", cut);
  await inTray(page, "edited.pdf", "can no longer be read").waitFor();
  const third = page.waitForEvent("filechooser");
  await inTray(page, "edited.pdf", "can no longer be read").getByRole("button", { name: /^Choose again/ }).click();
  await (await third).setFiles(edited);
  await inTray(page, "edited.pdf", "File has changed").getByRole("button", { name: /^Start again/ }).click();
  await becomes(page, "Evidence", "edited.pdf", "Accepted");
  await arrived(page, "1009", "edited.pdf", sha256(now));
  await page.context().close();
}

/** @param {{base: string, browser: import("../browser.mjs").Browser}} given */
export async function noPlaceForMore(given) {
  const page = await teacherAt(given, "1001");
  const answer = (/** @type {number} */ status, /** @type {string} */ code) =>
    page.route("**/files", (route) => route.fulfill({
      status, contentType: "application/problem+json", body: JSON.stringify({ code, title: "Full", detail: "For programs." }),
    }));
  await answer(403, "quota");
  await choose(page, "Evidence", onDisk("quota.pdf"));
  await inTray(page, "quota.pdf", "Delete files that are not needed").waitFor();
  await page.locator(".tray-total", { hasText: "1 needs attention" }).waitFor();
  await given.browser.look(page, "quota");
  await page.unroute("**/files");
  await page.locator(".tray-row", { hasText: "quota.pdf" }).getByRole("button", { name: /^Try again/ }).click();
  await becomes(page, "Evidence", "quota.pdf", "Accepted");

  await answer(507, "no_room");
  await choose(page, "Evidence", onDisk("room.pdf"));
  await inTray(page, "room.pdf", "It goes on by itself as soon as there is").waitFor();
  await pause(2_000);
  assert.ok(await inTray(page, "room.pdf", "has no room").isVisible(), "and it says so all the while");
  await page.unroute("**/files");
  await becomes(page, "Evidence", "room.pdf", "Accepted");
  await page.context().close();
}

/** @param {{base: string, browser: import("../browser.mjs").Browser}} given */
export async function cancelOffline(given) {
  const page = await teacherAt(given, "1001");
  await page.route("**/files/*", (route) => (route.request().method() === "PATCH" ? route.abort() : route.continue()));
  await choose(page, "Evidence", onDisk("unwanted.pdf"));
  await page.locator("#section-Evidence .file", { hasText: "unwanted.pdf" }).waitFor();
  await page.context().setOffline(true);
  await page.locator(".tray-row", { hasText: "unwanted.pdf" }).getByRole("button", { name: /^Cancel/ }).click();
  await inTray(page, "unwanted.pdf", "Being cancelled").waitFor();
  await pause(1_000);
  // Asked beside the page, whose line is cut; once it is back, the upload may be gone before anyone looks.
  assert.ok((await openUploads(page)).includes("unwanted.pdf"));
  await page.context().setOffline(false);
  await inTray(page, "unwanted.pdf", /Cancelled/).waitFor();
  assert.ok(!(await openUploads(page)).includes("unwanted.pdf"), "the server threw it away");
  await page.locator("#section-Evidence .file", { hasText: "unwanted.pdf" }).waitFor({ state: "detached" });

  // Cancelled on the page itself, the tray says so too.
  await choose(page, "Evidence", onDisk("second.pdf"));
  await page.locator("#section-Evidence .file", { hasText: "second.pdf" }).getByRole("button", { name: /^Cancel/ }).click();
  await inTray(page, "second.pdf", /Cancelled/).waitFor();
  await page.context().close();
}

/** @param {{base: string, browser: import("../browser.mjs").Browser}} given */
export async function goingOnWithoutKnowing(given) {
  const file = onDisk("again.pdf");
  const first = await teacherAt(given, "1002");
  await first.route("**/files/*", (route) => (route.request().method() === "PATCH" ? route.abort() : route.continue()));
  await choose(first, "Evidence", file);
  await first.locator("#section-Evidence .file", { hasText: "again.pdf" }).waitFor();
  await first.context().close();

  const page = await teacherAt(given, "1002");
  let created = 0;
  let unknown = 2;
  page.on("request", (request) => {
    if (request.method() === "POST" && new URL(request.url()).pathname === "/files") created += 1;
  });
  await page.route("**/api/v1/uploads?*", (route) =>
    unknown-- > 0 ? route.fulfill({ status: 503, contentType: "application/problem+json", body: "{}" }) : route.continue());
  await choose(page, "Evidence", file);
  await becomes(page, "Evidence", "again.pdf", "Accepted");
  assert.equal(created, 0, "the upload that was open is gone on with");
  assert.ok(unknown <= 0);
  await page.context().close();
}

/** News do not come through: the page looks by itself. @param {{base: string, browser: import("../browser.mjs").Browser}} given */
export async function newsThatDoNotCome(given) {
  const page = await teacherAt(given, "1003");
  await page.route("**/api/v1/events**", (route) => route.abort());
  await page.reload();
  await page.locator("#section-Evidence-choose").waitFor();
  const sample = (await page.locator("main").getAttribute("data-sample")) ?? "";
  const id = await uploadTo(page, sample, "1003", "Evidence", "By itself.pdf", pdf("by itself"));
  const row = page.locator("#section-Evidence .file", { hasText: "By itself.pdf" });
  // Every 10 seconds, and what it takes to fetch.
  await row.locator(".state", { hasText: "Accepted" }).waitFor({ timeout: 13_000 });
  const gone = await page.request.delete(`/files/${id}`, { headers: { ...(await proof(page)), "tus-resumable": "1.0.0" } });
  assert.equal(gone.status(), 204);
  await row.waitFor({ state: "detached", timeout: 13_000 });
  await page.context().close();

  // The line opens, and nothing comes: of no candidate.
  const line = await lineTo(given.base);
  line.held = true;
  const other = await teacherAt({ ...given, base: line.base }, "1003");
  const said = () => other.locator("#c-1002").innerText();
  const before = await said();
  await uploadTo(other, sample, "1002", "Evidence", "Held back.pdf", pdf("held back"));
  const until = Date.now() + 13_000;
  while ((await said()) === before) {
    assert.ok(Date.now() < until, "the page looks by itself at all of its list");
    await pause(200);
  }
  await other.context().close();
  line.close();
}

/** @param {{base: string, browser: import("../browser.mjs").Browser}} given */
export async function hiddenPagesAreSilent(given) {
  const page = await teacherAt(given, "1003");
  let listening = 0;
  let looked = 0;
  page.on("request", (request) => {
    if (request.url().includes("/api/v1/events")) listening += 1;
    if (request.headers()["x-background"] !== undefined) looked += 1;
  });
  page.on("requestfailed", (request) => {
    if (request.url().includes("/api/v1/events")) listening -= 1;
  });
  await page.reload();
  await page.locator("#section-Evidence-choose").waitFor();
  const show = (/** @type {string} */ state) => page.evaluate((now) => {
    Object.defineProperty(document, "visibilityState", { configurable: true, get: () => now });
    document.dispatchEvent(new Event("visibilitychange"));
  }, state);
  listening = 1;
  await show("hidden");
  await pause(500);
  assert.equal(listening, 0, "a hidden page does not listen");
  looked = 0;
  await pause(11_000);
  assert.equal(looked, 0, "nor look");
  await show("visible");
  await pause(1_000);
  assert.equal(listening, 1);
  assert.ok(looked > 0, "seen again, it looks at once");
  await page.context().close();
}
