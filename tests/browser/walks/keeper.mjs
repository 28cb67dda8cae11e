// What outlives a page: an upload goes on when its only page is loaded afresh, left by an ordinary link, or signed out
// and in again, and its file is not asked for.

import assert from "node:assert/strict";
import { signIn } from "../browser.mjs";
import { inTray } from "./engine.mjs";
import { MIB, arrived, open, pause, sends, signOut, silent, slowly, twice, under_way } from "./tabs.mjs";
import { choose } from "./steps.mjs";

/** @typedef {import("./engine.mjs").Given} Given */

/** @param {Given} given */
export async function thePageIsLeft(given) {
  const one = await slowly(given, "1007", "Kept.pdf", 48 * MIB);
  const { line, page, size } = one;
  const sent = sends(page);
  let asked = 0;
  page.on("dialog", (dialog) => {
    asked += 1;
    dialog.accept();
  });
  const here = page.url();
  await choose(page, "Evidence", one.file);
  await under_way(page, "Kept.pdf");
  assert.ok(sent.patches > 0, "at first its page sends it");

  await page.reload();
  await open(page);
  await inTray(page, "Kept.pdf", "Uploading").waitFor();
  assert.ok(await page.locator(".tray-kept").isHidden(), "its file is at hand");
  await given.browser.look(page, "keeper-again");
  sent.patches = 0;
  assert.equal(asked, 1, "a page that sends asks before it is left");
  await page.goto("/help");
  assert.equal(asked, 2, "and so does the only one, for what is sent without it goes on for a while only");
  await open(page);
  await inTray(page, "Kept.pdf", "Uploading").waitFor();
  let from = line.bytes;
  for (let tries = 0; line.bytes < from + MIB; tries += 1) {
    assert.ok(tries < 100, "it goes on");
    await pause(100);
  }

  // Signed out: nothing is sent, and nobody else sees it or sends it.
  await signOut(page);
  await silent(line);
  assert.ok(line.bytes < size, "in the middle of it");
  from = line.bytes;
  await signIn(page, "officer.98765");
  assert.equal(await page.locator(".tray-row", { hasText: "Kept.pdf" }).count(), 0, "it is not theirs");
  await pause(1_000);
  assert.equal(line.bytes, from, "nor sent in their name");
  await signOut(page);
  await signIn(page, "teacher.98765");
  await page.goto(here);
  await open(page);
  // It can be paused, gone on with and taken off the list from here.
  const row = page.locator(".tray-row", { hasText: "Kept.pdf" });
  await inTray(page, "Kept.pdf", "Uploading").waitFor();
  await row.getByRole("button", { name: /^Pause/ }).click();
  await inTray(page, "Kept.pdf", "Paused").waitFor();
  await silent(line);
  line.pace = 0;
  await row.getByRole("button", { name: /^Carry on/ }).click();
  await inTray(page, "Kept.pdf", "Accepted").waitFor({ timeout: 60_000 });
  assert.equal(sent.patches, 0, "no page has sent any of it since");
  await arrived(page, "1007", "Kept.pdf", one.digest);
  twice(one, "loaded afresh, left, signed out and in");
  await row.getByRole("button", { name: /^Dismiss/ }).click();
  await page.reload();
  await page.locator("#section-Evidence-choose").waitFor();
  assert.equal(await page.locator(".tray-row", { hasText: "Kept.pdf" }).count(), 0, "and off the list for good");
  await page.context().close();
  line.close();
}
