// From a file's last byte to the words that say that it is safe: what a person waits for.

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import path from "node:path";
import { BUSY } from "../pace.mjs";
import { lineTo } from "../proxy.mjs";
import { folder, teacherAt, write } from "./engine.mjs";
import { portfolio } from "./files.mjs";
import { becomes, choose, proof } from "./steps.mjs";

/** @typedef {import("./engine.mjs").Given} Given */

/** Milliseconds after the last byte, of a file of up to 100 MB: nineteen of twenty. */
const GOALS = { Checking: 1_000, Accepted: 10_000 };
/** Bytes, nearly. */
const [SMALL, LARGE] = [2_000_000, 98_000_000];

/** When the page first says this of a file; in the page. @param {{place: string, words: string[]}} given */
function listens({ place, words }) {
  /** @type {Record<string, Record<string, number>>} */
  const said = (globalThis.said = {});
  const look = () => {
    for (const file of document.querySelectorAll(`#section-${place} .file, .tray-row`)) {
      const name = file.querySelector(".file-name, [data-name]")?.textContent?.trim() ?? "";
      const state = file.querySelector(".state, [data-state]")?.textContent ?? "";
      // Accepted it is where it stays; that it has come, any part of the page may say.
      for (const word of words) {
        if (!state.includes(word) || (word === "Accepted" && file.matches(".tray-row"))) continue;
        (said[name] ??= {})[word] ??= Date.now();
      }
    }
  };
  new MutationObserver(look).observe(document.body, { childList: true, subtree: true, characterData: true });
}

/** @param {Given} given */
export async function fromLastByteToWords(given) {
  const line = await lineTo(given.base);
  const page = await teacherAt({ ...given, base: line.base }, "1009");
  await page.evaluate(listens, { place: "Evidence", words: Object.keys(GOALS) });
  const at = folder();
  /** @type {Record<string, number[]>} */ const waited = { Checking: [], Accepted: [] };
  const send = async (/** @type {string[]} */ names, /** @type {number} */ size) => {
    await choose(page, "Evidence", names.map((name) => write(path.join(at, name), portfolio(name, size, randomBytes))));
    for (const name of names) await becomes(page, "Evidence", name, "Accepted");
    const said = await page.evaluate(() => globalThis.said);
    const sample = await page.locator("main").getAttribute("data-sample");
    const { sections } = await (await page.request.get(`/api/v1/samples/${sample}/candidates/1009`)).json();
    const files = sections.flatMap((/** @type {any} */ section) => section.files);
    for (const name of names) {
      const { id } = files.find((/** @type {any} */ file) => file.original_name === name);
      const last = line.last.get(`/files/${id}`) ?? 0;
      // What is accepted before anybody is told that it is checked has not to be told that.
      const { Accepted = Infinity, Checking = Accepted } = said[name];
      waited.Checking.push(Checking - last);
      waited.Accepted.push(Accepted - last);
    }
    const headers = { ...(await proof(page)), "tus-resumable": "1.0.0" };
    for (const { id, state } of files) if (state === "accepted") await page.request.delete(`/files/${id}`, { headers });
  };
  // Once in its life the scanner shows that it looks at all of a large file, when one asks; that is no time of a file's.
  if (/yet to show/.test(await (await page.request.get("/health/ready")).text())) {
    await send(["Before.pdf"], LARGE);
    console.log(`        of the first large file since the scanner's start: ${waited.Accepted[0]} ms`);
    waited.Checking = [];
    waited.Accepted = [];
  }
  await send(["Portfolio.pdf"], LARGE);
  await send(Array.from({ length: 8 }, (_, one) => `Sheet ${"abcdefgh"[one]}.pdf`), SMALL);
  for (const [word, times] of Object.entries(waited)) {
    const [large, ...small] = times;
    console.log(`        ${word}: ${large} ms after the last byte of ${LARGE / 1e6} MB; of ${SMALL / 1e6} MB ${small.join(", ")}`);
    const goal = GOALS[/** @type {keyof typeof GOALS} */ (word)];
    assert.ok(times.every((time) => time <= goal * BUSY), `${word}: ${times} ms`);
  }
  line.close();
  await page.context().close();
}
