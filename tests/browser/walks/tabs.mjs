// The tabs of one person: one tray in all of them, one tab that drives each upload, and who is signed in.

import assert from "node:assert/strict";
import path from "node:path";
import { signIn } from "../browser.mjs";
import { lineTo } from "../proxy.mjs";
import { folder, inTray, large, openUploads, teacherAt, write } from "./engine.mjs";
import { pdf, sha256 } from "./files.mjs";
import { becomes, choose } from "./steps.mjs";

/** @typedef {import("./engine.mjs").Given} Given */
/** @typedef {import("playwright-core").Page} Page */

export const MIB = 1024 * 1024;
/** How fast the line is, bytes a second: slow enough to do something meanwhile. */
const PACE = 6 * MIB;

/** @param {number} time */
export const pause = (time) => new Promise((resolve) => setTimeout(resolve, time));

/** Counts what a page sends of files. @param {Page} page */
export function sends(page) {
  const sent = { patches: 0 };
  page.on("request", (request) => {
    if (request.method() === "PATCH") sent.patches += 1;
  });
  return sent;
}

/** A teacher on a slow line, and a large file. @param {Given} given @param {string} number @param {string} name @param {number} size */
export async function slowly(given, number, name, size) {
  const line = await lineTo(given.base);
  line.pace = PACE;
  const page = await teacherAt({ ...given, base: line.base }, number);
  const bytes = large(name, size);
  const file = write(path.join(folder(), name), bytes);
  return { line, page, file, digest: sha256(bytes), size };
}

/** The one file of this name that was accepted is what was chosen. Its id. @param {Page} page @param {string} number @param {string} name @param {string} digest */
export async function arrived(page, number, name, digest) {
  const main = await page.locator("main").getAttribute("data-sample");
  const { sections } = await (await page.request.get(`/api/v1/samples/${main}/candidates/${number}`)).json();
  const files = sections.flatMap((/** @type {any} */ one) => one.files).filter((/** @type {any} */ one) => one.original_name === name);
  assert.equal(files.length, 1, `one ${name}`);
  const known = await (await page.request.get(`/api/v1/files/${files[0].id}`)).json();
  assert.equal(known.sha256, digest, `${name} is what was chosen`);
  return known.id;
}

/** Bytes that went over the line more than once. @param {{line: any, size: number}} one @param {string} what */
export function twice({ line, size }, what) {
  console.log(`        ${what}: ${line.bytes - size} of ${size} bytes twice, ${line.again} of them though they were confirmed; ${line.sends} requests`);
  assert.equal(line.again, 0, "no byte that was confirmed is sent twice");
}

/** @param {Page} page @param {string} name @param {RegExp} button */
const press = (page, name, button) => page.locator(".tray-row", { hasText: name }).getByRole("button", { name: button }).click();

/** Until some of it has arrived. @param {Page} page @param {string} name */
export async function under_way(page, name) {
  await inTray(page, name, "Uploading").waitFor();
  for (let tries = 0; tries < 100; tries += 1) {
    const open = (await openUploads(page)).find((one) => one.name === name || one.original_name === name);
    if (open !== undefined && open.offset > 0) return open.offset;
    await pause(100);
  }
  throw new Error(`nothing of ${name} arrives`);
}

/** Opens the tray, that is a bar where no file was chosen. @param {Page} page */
export async function open(page) {
  const toggle = page.locator(".tray-toggle");
  await toggle.waitFor();
  // It opens by itself too, and may do so at this moment.
  for (let tries = 0; tries < 5 && (await toggle.getAttribute("aria-expanded")) === "false"; tries += 1) {
    await toggle.click();
    await pause(200);
  }
}

/** Until what was on its way has come to the line's end; then nothing more is sent. @param {{bytes: number}} line */
export async function silent(line) {
  const until = Date.now() + 10_000;
  for (let before = -1; before !== line.bytes && Date.now() < until; await pause(500)) before = line.bytes;
  const bytes = line.bytes;
  await pause(1_500);
  assert.equal(line.bytes, bytes, "nothing more is sent");
}

/** @param {Page} page */
export async function signOut(page) {
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.waitForURL(/sign-in/);
}

/** What one tab drives, every tab shows, and can stop. @param {Given} given */
export async function oneTrayInTwoTabs(given) {
  const one = await slowly(given, "1007", "Two tabs.pdf", 24 * MIB);
  const { line, page } = one;
  const other = await given.browser.tab(page);
  const [here, there] = [sends(page), sends(other)];
  await other.goto("/");
  await choose(page, "Evidence", one.file);
  await under_way(page, "Two tabs.pdf");
  line.pace = MIB;
  await open(other);
  await inTray(other, "Two tabs.pdf", "Uploading").waitFor();
  await given.browser.look(other, "tabs-other");

  // It pauses and goes on from the tab that does not drive it.
  await press(other, "Two tabs.pdf", /^Pause/);
  for (const tab of [page, other]) await inTray(tab, "Two tabs.pdf", "Paused").waitFor();
  await silent(line);

  // A tab that comes now finds it driven, and asks for no file.
  const third = await given.browser.tab(page);
  await third.goto("/help");
  await open(third);
  await inTray(third, "Two tabs.pdf", "Paused").waitFor();
  assert.ok(await third.locator(".tray-kept").isHidden(), "its file is at hand");
  await third.close();
  line.pace = PACE;
  await press(other, "Two tabs.pdf", /^Carry on/);
  await inTray(page, "Two tabs.pdf", "Accepted").waitFor({ timeout: 60_000 });
  await inTray(other, "Two tabs.pdf", "Accepted").waitFor();
  assert.equal(there.patches, 0, "one tab drives it");
  assert.ok(here.patches > 0);
  await arrived(page, "1007", "Two tabs.pdf", one.digest);
  twice(one, "paused and gone on with from another tab");

  // What is taken off the list is off all lists; what is cancelled there is cancelled.
  await press(other, "Two tabs.pdf", /^Dismiss/);
  await page.locator(".tray-row", { hasText: "Two tabs.pdf" }).waitFor({ state: "detached" });
  const unwanted = write(path.join(folder(), "Unwanted.pdf"), large("unwanted", 24 * MIB));
  await choose(page, "Evidence", unwanted);
  await under_way(page, "Unwanted.pdf");
  await press(other, "Unwanted.pdf", /^Cancel/);
  for (const tab of [page, other]) await inTray(tab, "Unwanted.pdf", /Cancelled/).waitFor();
  assert.deepEqual(await openUploads(page), []);
  await page.context().close();
  line.close();
}

/** The tab that drives is closed: another goes on, or asks for the file. @param {Given} given */
export async function drivingTabClosed(given) {
  const one = await slowly(given, "1007", "Closed.pdf", 24 * MIB);
  const other = await given.browser.tab(one.page);
  await other.goto(one.page.url());
  await choose(one.page, "Evidence", one.file);
  await under_way(one.page, "Closed.pdf");
  await open(other);
  await inTray(other, "Closed.pdf", "Uploading").waitFor();
  await one.page.close();
  await inTray(other, "Closed.pdf", "Accepted").waitFor({ timeout: 60_000 });
  await arrived(other, "1007", "Closed.pdf", one.digest);
  twice(one, "the driving tab closed");
  await other.context().close();
  one.line.close();

  // Where the other tab has the file's name and not the file, it says what the server keeps.
  const two = await slowly(given, "1007", "Asked.pdf", 24 * MIB);
  await two.page.evaluate(() => {
    const post = BroadcastChannel.prototype.postMessage;
    BroadcastChannel.prototype.postMessage = function (message) {
      const uploads = message.uploads?.map((/** @type {any} */ one) => ({ ...one, file: null }));
      post.call(this, uploads === undefined ? message : { ...message, uploads });
    };
  });
  const left = await given.browser.tab(two.page);
  await left.goto(two.page.url());
  await choose(two.page, "Evidence", two.file);
  await under_way(two.page, "Asked.pdf");
  await open(left);
  await inTray(left, "Asked.pdf", "Uploading").waitFor();
  await two.page.close();
  await left.locator(".tray-kept", { hasText: "1 unfinished upload is kept for you" }).waitFor();
  await given.browser.look(left, "tabs-asked");
  two.line.pace = 0;
  const chooser = left.waitForEvent("filechooser");
  await press(left, "Asked.pdf", /^Choose again/);
  await (await chooser).setFiles(two.file);
  await becomes(left, "Evidence", "Asked.pdf", "Accepted");
  await arrived(left, "1007", "Asked.pdf", two.digest);
  twice(two, "the file chosen again");
  await left.context().close();
  two.line.close();
}

/** Signed out in one tab, in again in another: it goes on by itself. @param {Given} given */
export async function signedOutAndIn(given) {
  const one = await slowly(given, "1007", "Signed out.pdf", 64 * MIB);
  const { line, page } = one;
  const other = await given.browser.tab(page);
  await other.goto(page.url());
  await choose(page, "Evidence", one.file);
  await under_way(page, "Signed out.pdf");
  await open(other);
  await inTray(other, "Signed out.pdf", "Uploading").waitFor();

  // In the tab that drives: its document goes, and the other takes over what may not be sent now.
  page.on("dialog", (dialog) => dialog.accept());
  await signOut(page);
  await inTray(other, "Signed out.pdf", "Sign in again to carry on").waitFor();
  await silent(line);
  await given.browser.look(other, "tabs-signed-out");

  // The tray leads to the sign-in, in a tab of its own.
  const opened = page.context().waitForEvent("page");
  await other.locator("[data-sign-in]").click();
  const third = given.browser.judged(await opened);
  await third.locator('[id="person-teacher.98765"]').click();
  await inTray(other, "Signed out.pdf", "Uploading").waitFor();
  await open(third);
  await inTray(third, "Signed out.pdf", "Uploading").waitFor();

  // Once more, in a tab that does not drive.
  await signOut(third);
  await inTray(other, "Signed out.pdf", "Sign in again to carry on").waitFor();
  await signIn(page, "teacher.98765");
  await inTray(other, "Signed out.pdf", "Accepted").waitFor({ timeout: 60_000 });
  await open(page);
  await inTray(page, "Signed out.pdf", "Accepted").waitFor();
  await arrived(other, "1007", "Signed out.pdf", one.digest);
  twice(one, "signed out twice");
  await page.context().close();
  line.close();
}

/** Somebody else signs in meanwhile: nothing is sent in their name, and they see none of it. @param {Given} given */
export async function somebodyElse(given) {
  const one = await slowly(given, "1007", "Not theirs.pdf", 24 * MIB);
  const { line, page } = one;
  await choose(page, "Evidence", one.file);
  await under_way(page, "Not theirs.pdf");
  const other = await given.browser.tab(page);
  await other.goto("/");
  await signOut(other);
  await signIn(other, "officer.98765");
  await inTray(page, "Not theirs.pdf", "Sign in again to carry on").waitFor();
  await silent(line);
  assert.ok(await other.locator(".tray-row", { hasText: "Not theirs.pdf" }).isHidden(), "nor shown to them");
  await page.locator('[data-all="resume"]').click();
  await pause(1_000);
  assert.ok(await inTray(page, "Not theirs.pdf", "Sign in again to carry on").isVisible());

  // Even a tab that hears of nothing does not: its token is of another session.
  const refused = await page.evaluate(async () => {
    const proof = /** @type {HTMLInputElement} */ (document.querySelector("#top input[name=csrf]")).value;
    const answer = await fetch("/files/none", { method: "DELETE", headers: { "Tus-Resumable": "1.0.0", "X-CSRF-Token": proof } });
    return (await answer.json()).code;
  });
  assert.equal(refused, "cross_site");

  await signOut(other);
  await signIn(other, "teacher.98765");
  await inTray(page, "Not theirs.pdf", "Accepted").waitFor({ timeout: 60_000 });
  await arrived(page, "1007", "Not theirs.pdf", one.digest);
  twice(one, "somebody else meanwhile");
  await page.context().close();
  line.close();
}
