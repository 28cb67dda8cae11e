// An upload goes on whatever happens around it: pages are turned, the service asks for a little time, the service ends
// and is begun anew.

import assert from "node:assert/strict";
import { inTray } from "./engine.mjs";
import { choose, proof } from "./steps.mjs";
import { MIB, arrived, open, pause, slowly, twice, under_way } from "./tabs.mjs";

/** @typedef {import("./engine.mjs").Given} Given */
/** @typedef {Awaited<ReturnType<typeof slowly>>} Going */

/** What a request carries at most, as `script/upload/engine.js` has it: bytes. */
const SLICE = 16 * MIB;
/** Until what goes on by itself must have gone on, milliseconds. */
const LONG = 30_000;

/** @param {() => boolean} is @param {string} what */
async function until(is, what) {
  const end = Date.now() + LONG;
  while (!is()) {
    assert.ok(Date.now() < end, `never: ${what}`);
    await pause(20);
  }
}

/** Until it is accepted, as what was chosen. Its id. @param {Going} one @param {string} name */
async function accepted({ page, digest }, name) {
  await inTray(page, name, "Accepted").waitFor({ timeout: 60_000 });
  return arrived(page, "0042", name, digest);
}

/** It makes room for others. @param {Going} one @param {string} id */
async function away({ line, page }, id) {
  const gone = await page.request.delete(`/files/${id}`, { headers: { ...(await proof(page)), "tus-resumable": "1.0.0" } });
  assert.equal(gone.status(), 204);
  await page.context().close();
  line.close();
}

/** Pages are turned by links, forms, Back and Forward: what sends is begun once, and never stops. @param {Given} given */
export async function pagesAreTurned(given) {
  const one = await slowly(given, "0042", "Turned.pdf", 72 * MIB);
  const { line, page } = one;
  let documents = 0;
  page.on("request", (request) => (documents += request.isNavigationRequest() && request.frame() === page.mainFrame() ? 1 : 0));
  await page.evaluate(() => (globalThis.sameDocument = true));
  line.asked.length = 0;
  await choose(page, "Evidence", one.file);
  await under_way(page, "Turned.pdf");
  await open(page);

  const turns = [];
  /** A page came: its upload goes on, and is seen. @param {string} what @param {() => Promise<unknown>} turn @param {() => Promise<unknown>} came */
  const turned = async (what, turn, came) => {
    const before = line.bytes;
    await turn();
    await came();
    // What it shows may be there by the news, before the page itself.
    await page.evaluate(() => globalThis.navigation.transition?.finished.catch(() => {}));
    assert.equal(await page.evaluate(() => globalThis.sameDocument), true, `${what}: the same document`);
    assert.ok(await inTray(page, "Turned.pdf", "Uploading").isVisible(), `${what}: the tray shows it`);
    // At least what was on its way, and more.
    await until(() => line.bytes > before + 256 * 1024, `${what}: bytes after ${before}`);
    assert.ok(line.bytes < one.size, `${what}: in the middle of it`);
    turns.push(what);
  };
  const at = (/** @type {RegExp} */ path) => () => page.waitForURL((url) => path.test(url.pathname + url.search));
  const press = (/** @type {string} */ what) => () => page.locator(what).click();
  const shows = (/** @type {string} */ what) => () => page.locator(what).waitFor();
  const here = "/samples/[^/?]+";

  await turned("home", press(".brand"), shows('h1:text("Your assessments")'));
  await turned("the components", press(".assessment h2 a"), at(/^\/assessments\//));
  await turned("a workspace", press('a.cover:text("R085")'), shows("#candidate"));
  await turned("a search", async () => {
    await page.locator("#search").fill("Moh");
    await at(/search=Moh/)();
    await page.locator("#search").press("Enter");
  }, shows('#candidate[data-number="0042"]'));
  await turned("a row is closed", press("#row-0042"), () => page.locator("#candidate").waitFor({ state: "detached" }));
  await turned("and opened", press("#row-0042"), shows('#candidate[data-number="0042"]'));
  await turned("what is Missing", press("#section-URS-missing"), at(/\/missing$/));
  await turned("a form that is sent", press("#reason-lost"), shows('#section-URS:has-text("Missing: lost")'));
  await turned("and taken back", press('#section-URS form[action*="missing"] button'), shows("#section-URS-missing"));
  await turned("another order", () => page.locator("#sort").selectOption("name"), at(/sort=name/));
  await turned("the documents", press("#to-documents"), at(/\/documents$/));
  await turned("Back", () => page.evaluate(() => history.back()), shows("#candidate"));
  await turned("Forward", () => page.evaluate(() => history.forward()), at(/\/documents$/));
  await turned("the candidates", () => page.getByRole("link", { name: "Back to the candidates" }).click(), shows("#to-many"));
  await turned("many files", press("#to-many"), shows("#choose-files"));
  await turned("the help", press(".account a"), at(/\/help/));
  await turned("Back from the help", () => page.evaluate(() => history.back()), shows("#choose-files"));
  await turned("the workspace again", () => page.getByRole("link", { name: "Back to the candidates" }).click(), shows("#to-check"));
  await turned("the check", press("#to-check"), at(new RegExp(`^${here}/check`)));
  console.log(`        ${turns.length} pages while it went up: ${turns.join(", ")}`);

  line.pace = 0;
  const id = await accepted(one, "Turned.pdf");
  assert.equal(documents, 0, "no document was loaded");
  assert.equal(line.bytes, one.size, "every byte came once");
  const slices = Array.from({ length: Math.ceil(one.size / SLICE) }, (_, nth) => `PATCH ${nth * SLICE}`);
  assert.deepEqual(line.asked.map(({ what, offset }) => (what === "PATCH" ? `${what} ${offset}` : what)), ["POST", ...slices],
    "begun once, and each request goes on where the one before it ended");
  twice(one, "pages turned");
  await away(one, id);
}

/** What was asked before the time that was told, and when it was asked then. @param {Going["line"]} line @param {string} what */
async function afterTheTime(line, what) {
  await until(() => !line.busy.has(what), `${what} is answered`);
  const from = line.asked.findLastIndex((one) => one.what === what);
  const told = line.asked[from];
  await until(() => line.asked.length > from + 1, `asked again after ${what}`);
  const next = line.asked[from + 1];
  return { next, waited: next.at - told.at };
}

/** The service, or what stands in front of it, asks for two seconds: nothing is sent before. @param {Given} given */
export async function busyForAWhile(given) {
  const one = await slowly(given, "0042", "Busy.pdf", 24 * MIB);
  const { line, page } = one;
  line.asked.length = 0;
  const busy = () => inTray(page, "Busy.pdf", "The service is busy. It goes on by itself.").waitFor();

  // Nothing is begun yet; the judges take their time.
  line.pace = MIB;
  line.busy.set("POST", 2);
  await choose(page, "Evidence", one.file);
  await busy();
  await given.browser.look(page, "busy");
  const creation = await afterTheTime(line, "POST");
  assert.equal(creation.next.what, "POST", "what was not begun is begun");
  assert.ok(creation.waited >= 1_990, `asked again after ${creation.waited} ms`);
  await under_way(page, "Busy.pdf");

  // In the middle: a request is cut, and where it stands is not told at first.
  line.pace = 6 * MIB;
  await until(() => line.bytes > 4 * MIB, "4 MiB");
  assert.ok(line.bytes < SLICE, "of the first request");
  line.busy.set("HEAD", 2);
  line.cut();
  await busy();
  const offset = await afterTheTime(line, "HEAD");
  assert.equal(offset.next.what, "HEAD", "it is asked where it stands, and nothing is sent on the chance");
  assert.ok(offset.waited >= 1_990, `asked again after ${offset.waited} ms`);
  await inTray(page, "Busy.pdf", "Uploading").waitFor();
  line.pace = 0;
  const id = await accepted(one, "Busy.pdf");
  assert.deepEqual(line.asked.map(({ what }) => what).filter((what) => what !== "PATCH"), ["POST", "POST", "HEAD", "HEAD"]);
  console.log(`        asked again ${creation.waited} ms and ${offset.waited} ms after it was busy for 2000`);
  twice(one, "busy twice, cut once");
  await away(one, id);
}

/** The service ends without warning, and is begun anew: nobody does anything. @param {Given & {service: import("../service.mjs").Service}} given */
export async function serviceBegunAnew(given) {
  const one = await slowly(given, "0042", "Begun anew.pdf", 48 * MIB);
  const { line, page } = one;
  let documents = 0;
  page.on("request", (request) => (documents += request.isNavigationRequest() && request.frame() === page.mainFrame() ? 1 : 0));
  line.asked.length = 0;
  await choose(page, "Evidence", one.file);
  await under_way(page, "Begun anew.pdf");
  // In the middle of a request, after one that was answered.
  await until(() => line.bytes > SLICE + 4 * MIB, "a slice and some more");
  assert.ok(line.bytes < 2 * SLICE, "of the second");
  await given.service.kill();
  await inTray(page, "Begun anew.pdf", "No connection. What has arrived is safe; it goes on by itself.").waitFor();
  await given.browser.look(page, "service-gone");
  const came = line.bytes;
  line.pace = 0;
  const from = line.asked.length;
  await given.service.begin();
  const began = Date.now();
  await until(() => line.bytes > came, "bytes again");
  const back = Date.now() - began;
  const id = await accepted(one, "Begun anew.pdf");
  const after = line.asked.slice(from).find(({ what }) => what === "PATCH");
  assert.ok(after !== undefined && after.offset >= SLICE, `it goes on from ${after?.offset}`);
  assert.equal(line.asked.filter(({ what }) => what === "POST").length, 1, "it is the same upload");
  assert.equal(documents, 0, "and the same document");
  console.log(`        back ${back} ms after the service was ready, from ${after.offset} of ${came} bytes that had come to it`);
  twice(one, "the service begun anew");
  await away(one, id);
}
