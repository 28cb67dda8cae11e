// What a browser without script can do: all but the tray, live numbers, whole folders and going on where a line broke.

import assert from "node:assert/strict";
import { signIn } from "../browser.mjs";
import { pdf, sha256 } from "./files.mjs";

/** Looks again until a section's words say this. @param {import("playwright-core").Page} page @param {string} section @param {RegExp} words */
async function says(page, section, words) {
  const until = Date.now() + 60_000;
  for (;;) {
    const told = await page.locator(`#section-${section}`).innerText();
    if (words.test(told)) return;
    assert.ok(Date.now() < until, `never ${words}: ${told}`);
    await new Promise((resolve) => setTimeout(resolve, 250));
    await page.reload();
  }
}

/** By the form. @param {import("playwright-core").Page} page @param {string} section @param {{name: string, mimeType: string, buffer: Buffer}[]} files */
async function send(page, section, files) {
  await page.locator(`#section-${section} .drop .button`).click();
  await page.waitForURL(/\/send/);
  await page.locator("#file").setInputFiles(files);
  await page.locator("#send-files").click();
}

/** @param {{base: string, browser: import("../browser.mjs").Browser}} given */
export async function withoutScript({ base, browser }) {
  const page = await browser.person(base, 1280, false);
  await signIn(page, "teacher.20461");
  await page.getByRole("link", { name: /Creative iMedia/ }).click();
  await page.locator("a.cover", { hasText: /R091/ }).click();
  await page.locator("#candidate").waitFor();
  assert.ok(await page.locator("upload-tray").isHidden(), "what needs script is not shown");

  const [first, second] = ["first", "second"].map((text) => ({ name: `${text}.pdf`, mimeType: "application/pdf", buffer: pdf(text) }));
  await send(page, "Brief", [first]);
  await page.waitForURL(/open=/);
  await says(page, "Brief", /first\.pdf[^]*Accepted/);
  await send(page, "Brief", [second]);
  await page.waitForURL(/open=/);
  await says(page, "Brief", /second\.pdf[^]*Accepted/);
  assert.doesNotMatch(await page.locator("#section-Brief").innerText(), /first\.pdf/, "it was replaced");
  const download = page.waitForEvent("download");
  await page.locator("#section-Brief .file a", { hasText: "Download" }).click();
  const chunks = [];
  for await (const chunk of await (await download).createReadStream()) chunks.push(chunk);
  assert.equal(sha256(Buffer.concat(chunks)), sha256(second.buffer));

  // Two at once, of which one cannot be taken.
  const wrong = { name: "wrong.exe", mimeType: "application/octet-stream", buffer: Buffer.from("MZ") };
  await send(page, "Research", [{ ...first, name: "notes.pdf" }, wrong]);
  await page.locator("#refused", { hasText: "wrong.exe" }).waitFor();
  await page.locator("#sent", { hasText: "notes.pdf" }).waitFor();
  const address = page.url();
  await page.getByRole("link", { name: "Cancel" }).click();
  await says(page, "Research", /notes\.pdf[^]*Accepted/);
  await page.locator("#section-Research .file button", { hasText: "Delete" }).click();
  await page.locator("#undo").click();
  await says(page, "Research", /notes\.pdf[^]*Accepted/);
  await page.locator("#section-Pitch-missing").click();
  await page.locator("#reason-lost").click();
  await says(page, "Pitch", /Missing: lost/);

  // Several at once, with one reason and one note.
  await page.locator("#to-check").click();
  await page.locator("#to-missing").click();
  const rows = page.locator("label.choice");
  const before = await rows.count();
  const chosen = [await rows.nth(0).innerText(), await rows.nth(2).innerText()];
  for (const at of [0, 2]) await rows.nth(at).click();
  await page.locator("#reason-other").click();
  await page.locator("#note-wrong").waitFor();
  await page.locator("#note").fill("Left on the bus.");
  await page.locator("#reason-other").click();
  await page.waitForURL(/\/check/);
  for (const one of chosen) {
    const [who, section] = one.split(/\s*\n\s*/);
    await page.locator("[aria-labelledby=missing] li", { hasText: who }).filter({ hasText: `${section}: other reason: “Left on the bus.”` }).waitFor();
  }
  await page.locator("#to-missing").click();
  assert.equal(await rows.count(), before - 2, "and nothing else");
  await page.context().close();

  // The same page for the judges, which are script.
  for (const width of [1280, 390]) {
    const looker = await browser.person(base, width);
    await signIn(looker, "teacher.20461");
    await looker.goto(address);
    await browser.look(looker, "send");
    await looker.locator("#file").setInputFiles([wrong]);
    await looker.locator("#send-files").click();
    await looker.locator("#refused").waitFor();
    await browser.look(looker, "send-refused");
    await looker.context().close();
  }
}
