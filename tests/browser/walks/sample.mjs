// One sample of R087 from the first file to the receipt, and what its moderator gets.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { signIn } from "../browser.mjs";
import { pdf, sha256, stored, zip } from "./files.mjs";
import { becomes, choose, openSample } from "./steps.mjs";

const HOSTILE = "<img src=x onerror=globalThis.hacked=1>.pdf";
const product = zip({ "site/index.html": Buffer.from("<h1>Sean</h1>"), "site/notes.txt": Buffer.from("notes") });
const register = pdf("Register");
const plan = pdf("Plan");
/** What was sent: hash by name. */
const sent = new Map([["product.zip", sha256(product)], ["register.pdf", sha256(register)], [HOSTILE, sha256(plan)]]);

/** @param {{base: string, browser: import("../browser.mjs").Browser}} given */
export async function keyboardAlone({ base, browser }) {
  const page = await browser.person(base, 1280);
  await signIn(page, "teacher.98765");
  await openSample(page);
  for (let step = 0; step < 60; step += 1) {
    await page.keyboard.press("Tab");
    if (await page.evaluate(() => document.activeElement?.id === "section-Plan-choose")) break;
  }
  assert.equal(await page.evaluate(() => document.activeElement?.id), "section-Plan-choose", "Tab reaches the button");
  const chooser = page.waitForEvent("filechooser");
  await page.keyboard.press("Enter");
  await (await chooser).setFiles([{ name: HOSTILE, mimeType: "application/pdf", buffer: plan }]);
  await becomes(page, "Plan", "<img src=x", "Accepted");
  assert.equal(await page.evaluate(() => document.activeElement?.id), "section-Plan-choose", "focus stays");
  assert.equal(await page.evaluate(() => "hacked" in globalThis), false, "a name is only a name");
  assert.equal(await page.locator(".file-name img, .tray-name img").count(), 0);
  await browser.look(page, "workspace-accepted");
  await browser.tree(page, "workspace", "main");
  await page.context().close();
}

/** @param {{base: string, browser: import("../browser.mjs").Browser}} given */
export async function sampleFromStartToReceipt({ base, browser }) {
  const page = await browser.person(base, 1280);
  await signIn(page, "officer.98765");
  await openSample(page);
  const address = page.url().split("?")[0];
  await page.locator("#to-documents", { hasText: "0 of 1" }).click();
  await page.waitForURL(/\/documents$/);
  await choose(page, "Register", [{ name: "register.pdf", mimeType: "application/pdf", buffer: register }]);
  await becomes(page, "Register", "register.pdf", "Accepted");
  await browser.look(page, "documents");
  await page.getByRole("link", { name: "Back to the candidates" }).click();
  await page.locator("#to-documents", { hasText: "1 of 1" }).waitFor();
  await choose(page, "Product", [{ name: "product.zip", mimeType: "application/zip", buffer: product }]);
  await becomes(page, "Product", "product.zip", "Accepted");
  await choose(page, "Plan", [{ name: "wrong.exe", mimeType: "application/octet-stream", buffer: Buffer.from("MZ") }]);
  await page.locator(".tray-row.bad", { hasText: "wrong.exe" }).waitFor();
  await browser.look(page, "workspace-tray");
  // All is checked, and what has no problem is one line.
  await page.locator(".tray-row.good", { hasText: "product.zip" }).waitFor();
  await page.locator(".tray-group", { hasText: "Documents" }).getByRole("button", { name: /^Files/ }).waitFor();
  await browser.tree(page, "tray", "upload-tray");

  // Delete and undo.
  const row = page.locator("#section-Product .file", { hasText: "product.zip" });
  await row.getByRole("button", { name: /^Delete/ }).click();
  await page.locator("#undo").click();
  await becomes(page, "Product", "product.zip", "Accepted");

  // Everyone else has nothing to send.
  for (let left = 0; left < 40; left += 1) {
    await page.goto(`${address}/check`);
    const line = page.locator('[aria-labelledby="blocking"] li', { hasText: "Product" }).first();
    if ((await line.count()) === 0) break;
    await line.getByRole("link").click();
    await page.locator("#section-Product-missing").click();
    await page.waitForURL(/\/missing$/);
    if (left === 0) {
      await page.locator("#reason-other").click();
      await page.locator("#problem").waitFor();
      await browser.look(page, "missing-problem");
    }
    await page.locator("#reason-lost").click();
    await page.waitForURL(/open=/);
    await page.locator("#section-Product", { hasText: "Missing: lost" }).waitFor();
  }
  await browser.look(page, "check-ready");
  await browser.tree(page, "check", "main");
  await page.locator("#to-declarations").click();
  for (let step = 1; step <= 3; step += 1) {
    await page.getByText(`Declaration ${step} of 3`).waitFor();
    if (step === 1) {
      await page.locator("form.form").evaluate((/** @type {HTMLFormElement} */ form) => (form.noValidate = true));
      await page.locator("#continue").click();
      await page.locator("#problem").waitFor();
      await browser.look(page, "declaration-problem");
    }
    await page.locator("#accepted").check();
    await page.locator("#continue").click();
  }
  await page.locator("#submit-sample").waitFor();
  await browser.look(page, "submit");
  await page.locator("#submit-sample").click();
  await page.getByRole("heading", { name: "Sample submitted" }).waitFor();
  await browser.look(page, "receipt");
  await browser.tree(page, "receipt", "main");
  const receipt = page.url();
  const number = await page.locator("#receipt-number").innerText();
  const listed = await page.locator("td .fingerprint").allInnerTexts();
  assert.deepEqual(new Set(listed), new Set(sent.values()), "the receipt's fingerprints are those of what was sent");

  await page.goto(address);
  await page.getByText("This sample is submitted.").waitFor();
  assert.equal(await page.locator(".choose").count(), 0, "nothing can be added");
  await browser.look(page, "workspace-locked");

  // The same receipt, later, on a phone, without script.
  const later = await browser.person(base, 390, false);
  await signIn(later, "officer.98765");
  await later.goto(receipt);
  assert.equal(await later.locator("#receipt-number").innerText(), number);
  const phone = await browser.person(base, 390);
  await signIn(phone, "officer.98765");
  await phone.goto(receipt);
  await browser.look(phone, "receipt");
  for (const one of [page, later, phone]) await one.context().close();
}

/** @param {{base: string, browser: import("../browser.mjs").Browser}} given */
export async function moderatorDownloads({ base, browser }) {
  for (const width of [1280, 390]) {
    const page = await browser.person(base, width);
    await signIn(page, "moderator.1");
    await page.getByRole("link", { name: /^98765/ }).waitFor();
    await browser.look(page, "moderation");
    await page.getByRole("link", { name: /^98765/ }).click();
    await page.locator("#to-download").click();
    await page.locator("#download-all").waitFor();
    if (width === 1280) {
      const download = page.waitForEvent("download");
      await page.locator("#download-all").click();
      const members = stored(readFileSync(await (await download).path()));
      const hashes = new Set([...members.values()].map(sha256));
      for (const [name, hash] of sent) assert.ok(hashes.has(hash), `${name} is in the zip as it was sent`);
      assert.ok([...members.keys()].some((name) => name.endsWith("SHA256SUMS")), "with its fingerprints");
    }
    await page.context().close();
  }
}
