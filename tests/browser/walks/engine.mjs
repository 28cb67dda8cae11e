// The upload engine: files known again by what is in them, uploads gone on with on any machine.

import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { signIn } from "../browser.mjs";
import { lineTo } from "../proxy.mjs";
import { pdf, sha256 } from "./files.mjs";
import { becomes, choose, openSample, proof } from "./steps.mjs";

/** @typedef {{base: string, browser: import("../browser.mjs").Browser}} Given */

/** What a guard is made of, as `script/upload/guard.js` has it: bytes. */
const [PIECES, PIECE] = [8, 256 * 1024];

/** A file's guard, made beside the browser. @param {Buffer} bytes */
function guard(bytes) {
  if (bytes.length <= PIECES * PIECE) return sha256(bytes);
  const step = (bytes.length - PIECE) / (PIECES - 1);
  const from = Array.from({ length: PIECES }, (_, at) => Math.round(at * step));
  return sha256(Buffer.concat(from.map((start) => bytes.subarray(start, start + PIECE))));
}

/** A teacher at a candidate of R085, on a page of their own. @param {Given} given @param {string} number @param {string} [person] */
export async function teacherAt({ base, browser }, number, person = "teacher.98765", keeps = true) {
  const page = await browser.person(base, 1280, true, keeps);
  await signIn(page, person);
  await openSample(page, /R085/);
  await page.goto(`${page.url().split("?")[0]}?open=${number}`);
  await page.locator("#section-Evidence-choose").waitFor();
  return page;
}

/** A folder outside of the checkout. */
export const folder = () => mkdtempSync(path.join(tmpdir(), "strongroom-engine-"));

/** @param {string} file @param {Buffer} bytes @param {number} [changed] seconds since 1970. */
export function write(file, bytes, changed = 1_700_000_000) {
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, bytes);
  utimesSync(file, changed, changed);
  return file;
}

/** A PDF of this many bytes. @param {string} text @param {number} size */
export function large(text, size) {
  const whole = pdf(text);
  // What stands between its head and its first object is a comment.
  const [head, rest] = [whole.subarray(0, 9), whole.subarray(9)];
  return Buffer.concat([head, Buffer.from(`%${"x".repeat(size - whole.length - 2)}\n`), rest]);
}

/** @param {import("playwright-core").Page} page @param {string} name @param {string | RegExp} text */
export const inTray = (page, name, text) => page.locator(".tray-row", { hasText: name }).filter({ hasText: text });

/** @param {import("playwright-core").Page} page @returns {Promise<any[]>} */
export const openUploads = async (page) => (await (await page.request.get("/api/v1/uploads?state=open&limit=200")).json()).items;

/** Counts the uploads that a page begins. @param {import("playwright-core").Page} page */
function counts(page) {
  const sent = { begun: 0 };
  page.on("request", (request) => {
    if (request.method() === "POST" && new URL(request.url()).pathname === "/files") sent.begun += 1;
  });
  return sent;
}

/** Files are told by what is in them. @param {Given} given */
export async function knownByContent(given) {
  const size = 3 * 1024 * 1024;
  const film = large("film", size);
  const other = Buffer.from(film);
  // Another in its middle alone.
  other.write("another", Math.round((size - PIECE) * 3 / 7) + 1000);
  const file = write(path.join(folder(), "Film.pdf"), film);

  const first = await teacherAt(given, "1010");
  await first.route("**/files/*", (route) => (route.request().method() === "PATCH" ? route.abort() : route.continue()));
  await choose(first, "Evidence", file);
  await first.locator("#section-Evidence .file", { hasText: "Film.pdf" }).waitFor();
  assert.deepEqual((await openUploads(first)).map((one) => one.guard), [guard(film)]);
  await first.context().close();

  // A copy has another time of change, and is gone on with.
  const page = await teacherAt(given, "1010", "teacher.98765", false);
  const sent = counts(page);
  await page.route("**/files/*", (route) => (route.request().method() === "PATCH" ? route.abort() : route.continue()));
  await choose(page, "Evidence", write(path.join(folder(), "Film.pdf"), film, 1_600_000_000));
  await inTray(page, "Film.pdf", "No connection").waitFor();
  assert.equal(sent.begun, 0, "the upload that was open is gone on with");
  await page.reload();

  // Another of the same name, size and time is not: it is asked for.
  await page.locator(".tray-kept", { hasText: "1 unfinished upload is kept for you, begun" }).waitFor();
  await given.browser.look(page, "kept-one");
  const again = page.waitForEvent("filechooser");
  await page.locator(".tray-row", { hasText: "Film.pdf" }).getByRole("button", { name: /^Choose again/ }).click();
  await (await again).setFiles(write(path.join(folder(), "Film.pdf"), other));
  await inTray(page, "Film.pdf", "File has changed").waitFor();
  await given.browser.look(page, "changed");
  await page.unroute("**/files/*");
  await page.locator(".tray-row", { hasText: "Film.pdf" }).getByRole("button", { name: /^Start again/ }).click();
  await becomes(page, "Evidence", "Film.pdf", "Accepted");
  assert.equal(sent.begun, 1, "it begins afresh");
  assert.deepEqual(await openUploads(page), [], "and what was there of the first is thrown away");
  await page.context().close();
}

/** Forty uploads that were left on another machine: two clicks, one dialog, no byte twice. @param {Given} given */
export async function fortyOnAnotherMachine(given) {
  const { base, browser } = given;
  const [root, halves] = [path.join(folder(), "Coursework"), new Map()];
  const page = await browser.person(base, 1280);
  await signIn(page, "teacher.20461");
  await openSample(page, /R085/);
  const sample = await page.locator("main").getAttribute("data-sample");
  for (const candidate of ["0001", "2002", "2003", "2004"]) {
    for (let at = 0; at < 10; at += 1) {
      // Names and sizes alike, whatever the candidate.
      const bytes = pdf(`${candidate} page ${at}`);
      const name = `page ${at}.pdf`;
      // Copied since: every time of change is another.
      write(path.join(root, candidate, name), bytes);
      const half = bytes.length >> 1;
      const pairs = { filename: name, modified: "2026-05-12T16:04:00Z", guard: guard(bytes) };
      const answer = await page.request.post(`/files/to/${sample}/${candidate}/Evidence`, {
        headers: {
          ...(await proof(page)),
          "tus-resumable": "1.0.0",
          "upload-length": String(bytes.length),
          "upload-metadata": Object.entries(pairs).map(([key, value]) => `${key} ${Buffer.from(value).toString("base64")}`).join(","),
          "content-type": "application/offset+octet-stream",
        },
        data: bytes.subarray(0, half),
      });
      assert.equal(answer.status(), 201, await answer.text());
      halves.set(answer.headers()["location"].split("/").at(-1), { digest: sha256(bytes), left: bytes.length - half });
    }
  }
  await page.context().close();

  // A browser that knows of nothing.
  const line = await lineTo(base);
  const fresh = await browser.person(line.base, 1280);
  await signIn(fresh, "teacher.20461");
  const sent = counts(fresh);
  await fresh.locator(".tray-kept", { hasText: "40 unfinished uploads are kept for you, begun" }).waitFor();
  await browser.look(fresh, "kept-forty");
  await fresh.setViewportSize({ width: 390, height: 844 });
  await browser.look(fresh, "kept-forty");
  await fresh.setViewportSize({ width: 1280, height: 900 });

  // What is not theirs is told; the folder is.
  const wrong = fresh.waitForEvent("filechooser");
  await fresh.getByRole("button", { name: "Choose the files again" }).click();
  await (await wrong).setFiles(write(path.join(folder(), "else.pdf"), pdf("else")));
  await fresh.locator(".tray-kept", { hasText: "None of these files" }).waitFor();
  const chooser = fresh.waitForEvent("filechooser");
  await fresh.getByRole("button", { name: "Choose the folder again" }).click();
  await (await chooser).setFiles(root);
  const until = Date.now() + 60_000;
  for (const [id, { digest }] of halves) {
    for (;;) {
      const file = await (await fresh.request.get(`/api/v1/files/${id}`)).json();
      if (file.state === "accepted") {
        assert.equal(file.sha256, digest, "each with what is its own");
        break;
      }
      assert.ok(["receiving", "received", "checking"].includes(file.state) && Date.now() < until, `${id}: ${file.state}`);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
  assert.equal(sent.begun, 0, "nothing begins afresh");
  assert.equal(line.bytes, [...halves.values()].reduce((sum, { left }) => sum + left, 0), "no byte twice");
  await fresh.locator(".tray-kept").waitFor({ state: "hidden" });
  await fresh.context().close();
  line.close();
}

/** What nobody will finish is thrown away, once that is said twice. @param {Given} given */
export async function discarded(given) {
  const first = await teacherAt(given, "1010");
  await first.route("**/files/*", (route) => (route.request().method() === "PATCH" ? route.abort() : route.continue()));
  await choose(first, "Evidence", ["one.pdf", "two.pdf"].map((name) => write(path.join(folder(), name), pdf(name))));
  for (const name of ["one.pdf", "two.pdf"]) await first.locator("#section-Evidence .file", { hasText: name }).waitFor();
  await first.context().close();

  const page = await teacherAt(given, "1010");
  await page.getByRole("button", { name: "Discard" }).click();
  await page.getByRole("button", { name: "Keep" }).click();
  assert.equal((await openUploads(page)).length, 2);
  await page.getByRole("button", { name: "Discard" }).click();
  await given.browser.look(page, "kept-discard");
  await page.getByRole("button", { name: "Throw away" }).click();
  await page.locator("upload-tray").waitFor({ state: "hidden" });
  assert.deepEqual(await openUploads(page), []);
  await page.context().close();
}
