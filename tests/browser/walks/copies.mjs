// What a centre keeps: its receipt on paper and as a list, and whether its own copies are the same as what was submitted.

import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { Sha256 } from "../../../src/web/script/copy/sha256.js";
import { signIn } from "../browser.mjs";
import { pdf } from "./files.mjs";
import { openSample, submitSample, uploadTo } from "./steps.mjs";

const HOSTILE = "<img src=x onerror=globalThis.hacked=1>.pdf";

/** Against what another library says, however the bytes come. */
export async function fingerprintsAreRight() {
  const known = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
  for (const [bytes, most] of [[Buffer.from("abc"), 1], [randomBytes(3 << 20), 70_000]]) {
    const hash = new Sha256();
    for (let at = 0; at < bytes.length; ) {
      const next = at + 1 + Math.floor(Math.random() * most);
      hash.update(bytes.subarray(at, next));
      at = next;
    }
    assert.equal(hash.digest(), bytes.length === 3 ? known : createHash("sha256").update(bytes).digest("hex"));
  }
  for (let length = 0; length < 200; length += 1) {
    const bytes = randomBytes(length);
    const hash = new Sha256();
    hash.update(bytes);
    assert.equal(hash.digest(), createHash("sha256").update(bytes).digest("hex"), `${length} bytes`);
  }
}

/** @param {{base: string, browser: import("../browser.mjs").Browser}} given */
export async function checkMyCopy({ base, browser }) {
  const page = await browser.person(base, 1280);
  await signIn(page, "officer.98765");
  await openSample(page, /R091/);
  const sample = new URL(page.url()).pathname.split("/")[2];
  const list = await (await page.request.get(`/api/v1/samples/${sample}/candidates?limit=200`)).json();
  const { number } = list.items.find((/** @type {any} */ one) => one.in_sample);
  const { sections } = await (await page.request.get(`/api/v1/samples/${sample}/candidates/${number}`)).json();
  const section = sections.find((/** @type {any} */ one) => one.accepts.includes("pdf") && one.max !== 1).code;

  const [kept, changed] = [pdf("Kept as it was"), pdf("Submitted")];
  await uploadTo(page, sample, number, section, HOSTILE, kept);
  await uploadTo(page, sample, number, section, "changed.pdf", changed);
  await uploadTo(page, sample, number, section, "left.pdf", pdf("Not chosen"));
  await submitSample(page, sample);
  await page.goto(`/samples/${sample}/submissions/1`);
  await page.getByText(/^Submitted by [A-Z]/).waitFor();

  // On paper and as a list.
  const paper = page.waitForEvent("download");
  await page.locator("#receipt-paper").click();
  assert.match((await paper).suggestedFilename(), /^receipt-SR-\d{4}-.*\.pdf$/);
  assert.equal(readFileSync(await (await paper).path()).subarray(0, 8).toString(), "%PDF-1.7");
  const table = page.waitForEvent("download");
  await page.locator("#receipt-list").click();
  assert.match(readFileSync(await (await table).path(), "utf8"), /changed\.pdf/);

  // A folder: one the same, one changed, one that was never submitted, a large one among them.
  const folder = path.join(mkdtempSync(path.join(tmpdir(), "strongroom-walk-copies-")), "work");
  try {
    mkdirSync(path.join(folder, "1005"), { recursive: true });
    writeFileSync(path.join(folder, "1005", "renamed.pdf"), kept);
    writeFileSync(path.join(folder, "changed.pdf"), Buffer.from(changed.toString("latin1").replace("Submitted", "submitted"), "latin1"));
    writeFileSync(path.join(folder, "never.pdf"), pdf("Never"));
    const chooser = page.waitForEvent("filechooser");
    await page.locator("#copy-folder").click();
    await (await chooser).setFiles(folder);
    await page.locator("#copies-heading", { hasText: "1 the same, 1 different, 1 not in this submission" }).waitFor();
  } finally {
    rmSync(path.dirname(folder), { recursive: true });
  }
  const found = await page.locator("#copies-list li").allInnerTexts();
  assert.match(found.find((text) => text.includes("renamed.pdf")) ?? "", new RegExp(`Same.*${number}.*<img src=x`, "s"));
  assert.match(found.find((text) => text.includes("changed.pdf")) ?? "", /Different/);
  assert.match(found.find((text) => text.includes("never.pdf")) ?? "", /Not in this submission/);
  assert.match(found.at(-1) ?? "", /Same/, "what is the same stands below what is not");
  assert.deepEqual((await page.locator("#copies-left li").allInnerTexts()).map((text) => text.split(", ").at(-1)).sort(),
    ["changed.pdf", "left.pdf"]);
  assert.equal(await page.evaluate(() => document.activeElement?.id), "copies-heading");
  assert.equal(await page.evaluate(() => "hacked" in globalThis), false, "a name is only a name");
  await browser.look(page, "receipt-copies");

  // All of it, on a phone.
  const phone = await browser.person(base, 390);
  await signIn(phone, "officer.98765");
  await phone.goto(page.url());
  const again = phone.waitForEvent("filechooser");
  await phone.locator("#copy-files").click();
  const file = (/** @type {string} */ name, /** @type {Buffer} */ buffer) => ({ name, mimeType: "application/pdf", buffer });
  await (await again).setFiles([file("a.pdf", kept), file("changed.pdf", changed), file("left.pdf", pdf("Not chosen"))]);
  await phone.locator("#copies-rest", { hasText: "Every file of this submission is among those you chose" }).waitFor();
  await browser.look(phone, "receipt-copies");

  // Without script the page says how.
  const plain = await browser.person(base, 1280, false);
  await signIn(plain, "officer.98765");
  await plain.goto(page.url());
  await plain.getByText("compare by hand").waitFor();
  await plain.getByText("Take fingerprints without this page").click();
  await plain.getByText("Get-FileHash").waitFor();
  assert.equal(await plain.locator("#copy-folder").isVisible(), false);
  for (const one of [page, phone, plain]) await one.context().close();
}
