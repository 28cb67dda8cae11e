// A moderator looks through a sample: what is shown and how, what is not, what others see of it, taking it and sending it
// back.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { signIn } from "../browser.mjs";
import { docx, pdf, png, sha256, stored, zip } from "./files.mjs";
import { WIDTHS } from "./screens.mjs";
import { becomes, choose, submitSample, uploadTo } from "./steps.mjs";

const HOSTILE = "<img src=x onerror=globalThis.hacked=1> “q”.txt";
const WORDS = "<script>globalThis.hacked = 1</script>\n<h1>A page is only words here</h1>\ncafé";
/** Encoded by ffmpeg, which `tests/run` sees to. */
const SOUND = ["-f", "lavfi", "-i", "sine=d=20"];
const FILM = [
  "-f", "lavfi", "-i", "testsrc=d=20:s=640x360:r=25", ...SOUND, "-vf", "noise=alls=60:allf=t", "-c:v", "libx264",
  "-preset", "ultrafast", "-b:v", "6M", "-g", "25", "-pix_fmt", "yuv420p", "-c:a", "aac", "-movflags", "+faststart",
];

/** @param {string[]} how @param {string} name */
function encoded(how, name) {
  const folder = mkdtempSync(path.join(tmpdir(), "strongroom-walk-media-"));
  try {
    execFileSync("ffmpeg", ["-v", "error", ...how, path.join(folder, name)]);
    return readFileSync(path.join(folder, name));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/**
 * The sample that all walks here look at, once it is submitted: its id, the files' ids by name, and another candidate
 * with a file; who is in the sample is drawn.
 */
const work = { id: "", other: "", /** @type {Record<string, string>} */ files: {}, /** @type {Record<string, Buffer>} */ bytes: {} };

/** @param {{base: string, browser: import("../browser.mjs").Browser}} given */
export async function sampleWithEveryKind({ base, browser }) {
  const page = await browser.person(base, 1280);
  await signIn(page, "officer.98765");
  await page.getByRole("link", { name: /Creative iMedia/ }).click();
  await page.getByRole("link", { name: /R085/ }).click();
  await page.locator("#candidate").waitFor();
  work.id = new URL(page.url()).pathname.split("/")[2];
  work.bytes = {
    "urs.pdf": pdf("Recording sheet"),
    "poster.png": png(320, 200),
    "talk.mp3": encoded(SOUND, "talk.mp3"),
    "film.mp4": encoded(FILM, "film.mp4"),
    [HOSTILE]: Buffer.from(WORDS),
    "site.zip": zip({
      "site/index.html": Buffer.from("<h1>Sean</h1>"),
      "site/img/<b>a.png": png(8, 8),
      "notes.txt": Buffer.from("notes"),
    }),
    "report.docx": docx("A report"),
    "other.pdf": pdf("Another candidate"),
  };
  const list = await (await page.request.get(`/api/v1/samples/${work.id}/candidates?limit=200`)).json();
  const asked = (/** @type {any} */ one) => one.in_sample && one.number !== "1005";
  work.other = list.items.find(asked).number;
  const place = (/** @type {string} */ name) =>
    name === "urs.pdf" ? ["1005", "URS"] : name === "other.pdf" ? [work.other, "Evidence"] : ["1005", "Evidence"];
  for (const [name, bytes] of Object.entries(work.bytes)) {
    const [candidate, section] = place(name);
    work.files[name] = await uploadTo(page, work.id, candidate, section, name, bytes);
  }
  // The centre sees its own file before anybody else does.
  await page.goto(`/samples/${work.id}/files/${work.files["poster.png"]}`);
  await shownPicture(page);
  await browser.look(page, "file-shown");
  await submitSample(page, work.id);
  await page.context().close();
}

/** Waits until a picture is there, dots and all. @param {import("playwright-core").Page} page */
async function shownPicture(page) {
  const picture = page.locator("img.shown");
  await picture.waitFor();
  await page.waitForFunction(() => {
    const image = /** @type {HTMLImageElement | null} */ (document.querySelector("img.shown"));
    return image !== null && image.complete && image.naturalWidth === 320;
  });
}

/** @param {import("playwright-core").Page} page @param {string} name */
async function open(page, name) {
  await page.locator(`#file-${work.files[name]}`).click();
  await page.locator("#viewer-title", { hasText: name }).waitFor();
}

/** Moderators of other samples, and other centres, guess addresses. @param {{base: string, browser: import("../browser.mjs").Browser}} given */
export async function othersSeeNothing({ base, browser }) {
  const file = work.files["urs.pdf"];
  const addresses = [
    `/moderation/${work.id}`, `/moderation/${work.id}?candidate=1005`, `/moderation/${work.id}?file=${file}`,
    `/moderation/${work.id}/download`, `/moderation/${work.id}/return`, `/samples/${work.id}`,
    `/samples/${work.id}/files/${file}`, `/api/v1/samples/${work.id}`, `/api/v1/samples/${work.id}/archive`,
    `/api/v1/files/${file}`, `/api/v1/files/${file}/content`,
  ];
  for (const person of ["moderator.2", "officer.20461"]) {
    const page = await browser.person(base, 1280);
    await signIn(page, person);
    for (const address of addresses) {
      const answer = await page.request.get(address);
      assert.equal(answer.status(), 404, `${person} asks for ${address}`);
    }
    await page.context().close();
  }
}

const HEADERS = /** @type {Record<string, string>} */ ({
  "x-content-type-options": "nosniff",
  "cross-origin-resource-policy": "cross-origin",
  "cache-control": "private, no-store",
  "referrer-policy": "no-referrer",
  "accept-ranges": "bytes",
});

/** What the files' host answers. @param {string} base @param {string} address @param {string} type @param {string} name */
async function answersAs(base, address, type, name) {
  const answer = await fetch(address, { headers: { range: "bytes=0-9" } });
  assert.equal(answer.status, 206, name);
  const { headers } = answer;
  for (const [header, value] of Object.entries(HEADERS)) assert.equal(headers.get(header), value, `${name}: ${header}`);
  assert.equal(headers.get("content-type"), type);
  assert.match(headers.get("content-disposition") ?? "", /^inline; filename=/);
  const policy = headers.get("content-security-policy") ?? "";
  assert.equal(policy, `default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors ${base}`);
  assert.equal(headers.get("set-cookie"), null);
  assert.equal(headers.get("x-frame-options"), null);
  assert.equal(headers.get("etag"), `"${sha256(work.bytes[name])}"`);
  assert.equal(headers.get("content-range"), `bytes 0-9/${work.bytes[name].length}`);
  assert.equal((await fetch(address, { method: "POST" })).status, 405);
}

/** @param {{base: string, browser: import("../browser.mjs").Browser}} given */
export async function viewer({ base, browser }) {
  const page = await browser.person(base, 1280);
  const files = base.replace("127.0.0.1", "localhost");
  /** @type {{url: string, status: number, range: string, cookie: string | undefined}[]} */ const answers = [];
  page.on("response", async (response) => {
    if (!response.url().startsWith(files)) return;
    const sent = await response.request().allHeaders();
    answers.push({ url: response.url(), status: response.status(), range: sent["range"] ?? "", cookie: sent["cookie"] });
  });
  let documents = 0;
  page.on("request", (request) => {
    if (request.isNavigationRequest() && request.frame() === page.mainFrame()) documents += 1;
  });
  await signIn(page, "moderator.1");
  await page.locator("#find").fill("R085");
  await page.locator("#find-samples").click();
  await page.waitForURL(/find=R085/);
  await page.waitForFunction(() => document.querySelectorAll(".card").length === 1);
  await page.getByRole("link", { name: /^98765/ }).click();
  await page.locator("#people").waitFor();
  await browser.look(page, "viewing-list");
  const before = documents;
  const people = await page.locator("#people").elementHandle();
  await page.locator("#candidate-1005").click();
  await page.locator("#files-title", { hasText: "1005" }).waitFor();
  await browser.look(page, "viewing-files");

  await open(page, "urs.pdf");
  const frame = page.locator("iframe.shown");
  assert.equal(await frame.getAttribute("title"), "urs.pdf");
  assert.equal(await frame.getAttribute("sandbox"), null, "with one, a browser shows no PDF");
  await answersAs(base, (await frame.getAttribute("src")) ?? "", "application/pdf", "urs.pdf");
  assert.equal(await page.evaluate(() => document.activeElement?.id), "viewer-title", "focus is on the file's name");
  await page.waitForTimeout(1_500);
  await browser.look(page, "viewing-pdf");

  await open(page, "poster.png");
  await shownPicture(page);
  await answersAs(base, (await page.locator("img.shown").getAttribute("src")) ?? "", "image/png", "poster.png");
  await browser.look(page, "viewing-picture");

  await open(page, "talk.mp3");
  await plays(page);
  await answersAs(base, (await page.locator("audio").getAttribute("src")) ?? "", "audio/mpeg", "talk.mp3");
  await browser.look(page, "viewing-sound");

  await open(page, "film.mp4");
  await plays(page);
  const film = (await page.locator("video").getAttribute("src")) ?? "";
  await answersAs(base, film, "video/mp4", "film.mp4");
  await page.evaluate(() => {
    const player = /** @type {HTMLVideoElement} */ (document.querySelector("video"));
    return new Promise((resolve) => {
      player.addEventListener("seeked", () => resolve(null), { once: true });
      player.currentTime = 17;
    });
  });
  const asked = () => answers.filter((answer) => answer.url === film);
  const until = Date.now() + 10_000;
  while (!asked().some(({ range }) => !range.startsWith("bytes=0-")) && Date.now() < until) await page.waitForTimeout(100);
  assert.ok(asked().some(({ range }) => !range.startsWith("bytes=0-")), "a seek asks for another range");
  for (const { status, range } of asked()) assert.ok(status === 206 && /^bytes=\d+-/.test(range), `${status} ${range}`);
  await browser.look(page, "viewing-film");

  await open(page, HOSTILE);
  await page.getByText("Shown as text (UTF-8)").waitFor();
  assert.equal(await page.locator("pre.shown").innerText(), WORDS, "a page is its words");
  await browser.look(page, "viewing-text");

  await open(page, "site.zip");
  const tree = page.locator(".shown-tree");
  await tree.getByText("index.html").waitFor();
  assert.equal(await tree.locator("b, img").count(), 0, "names are names");
  assert.match(await page.locator("#viewer").innerText(), /3 files, .* unpacked/);
  await tree.getByText("img/").click();
  await tree.getByText("<b>a.png").waitFor();
  await browser.look(page, "viewing-zip");
  await tree.getByRole("link", { name: "index.html" }).click();
  await page.getByText("site/index.html").waitFor();
  assert.equal(await page.locator("pre.shown").innerText(), "<h1>Sean</h1>", "a page is only its words");
  await browser.look(page, "viewing-page-of-a-zip");
  await page.getByRole("link", { name: "All of site.zip" }).click();
  await tree.getByText("index.html").waitFor();

  await open(page, "report.docx");
  await page.getByText("Word files open after download.").waitFor();
  assert.equal(await page.locator("#viewer iframe, #viewer img, #viewer video").count(), 0);
  await browser.look(page, "viewing-word");

  assert.equal(documents, before, "from file to file no document is loaded");
  assert.ok(await people?.evaluate((node) => node.isConnected), "the list of candidates stays as it is");
  assert.equal(await page.evaluate(() => "hacked" in globalThis), false, "nothing in a file or a name ran");
  for (const { url, cookie } of answers) assert.equal(cookie, undefined, `no cookie goes to ${url}`);
  assert.deepEqual(await page.context().cookies(files), [], "and none is set there");
  await page.context().close();
}

/** Waits until a player knows how long it plays. @param {import("playwright-core").Page} page */
async function plays(page) {
  const until = Date.now() + 60_000;
  for (;;) {
    const state = await page.evaluate(() => {
      const player = /** @type {HTMLMediaElement | null} */ (document.querySelector("audio.shown, video.shown"));
      return { is: player?.readyState ?? 0, lasts: player?.duration ?? 0, net: player?.networkState, why: player?.error?.message };
    });
    if (state.is >= 1 && state.lasts > 15) break;
    if (Date.now() > until) throw new Error(`it does not play: ${JSON.stringify(state)}`);
    await page.waitForTimeout(100);
  }
  assert.equal(await page.locator("[data-broken]:visible").count(), 0);
}

/** @param {{base: string, browser: import("../browser.mjs").Browser}} given */
export async function viewerByKeys({ base, browser }) {
  const page = await browser.person(base, 1280);
  await signIn(page, "moderator.1");
  await page.goto(`/moderation/${work.id}?file=${work.files["urs.pdf"]}`);
  const title = (/** @type {string} */ text) => page.locator("#viewer-title", { hasText: text }).waitFor();
  const focused = () => page.evaluate(() => document.activeElement?.id);
  await page.locator("#viewer-title").focus();
  const names = ["urs.pdf", HOSTILE, "film.mp4", "poster.png", "report.docx", "site.zip", "talk.mp3"];
  for (const name of names.slice(1)) {
    await page.keyboard.press("j");
    await title(name);
    assert.equal(await focused(), "viewer-title");
  }
  await page.keyboard.press("k");
  await title("site.zip");
  const download = page.waitForEvent("download");
  await page.keyboard.press("d");
  assert.equal((await download).suggestedFilename(), "site.zip");
  await page.keyboard.press("Shift+J");
  await page.locator("#files-title", { hasNotText: "1005" }).waitFor();
  assert.match(await page.locator("#people [aria-current]").innerText(), /^(?!1005)\d{4}/);
  await page.keyboard.press("Shift+K");
  await page.locator("#files-title", { hasText: "1005" }).waitFor();
  await title("urs.pdf");
  await page.keyboard.press("Escape");
  assert.equal(await focused(), `file-${work.files["urs.pdf"]}`);
  await page.keyboard.press("Escape");
  assert.equal(await focused(), "candidate-1005");
  await page.keyboard.press("Enter");
  await page.locator('#viewing[data-level="files"]').waitFor();
  assert.equal(await focused(), "files-title");
  // Nothing outside of the three listens, and they can be told not to.
  await page.locator("h1").focus();
  await page.keyboard.press("j");
  await page.locator("#viewing-keys summary").click();
  await page.locator("#keys-on").uncheck();
  await page.locator("#files-title").focus();
  await page.keyboard.press("j");
  await page.waitForTimeout(300);
  assert.match(page.url(), /candidate=1005/, "switched off");
  await page.reload();
  assert.equal(await page.locator("#keys-on").isChecked(), false, "and that is kept");
  await page.goBack();
  await title("urs.pdf");
  await page.context().close();
}

/** @param {{base: string, browser: import("../browser.mjs").Browser}} given */
export async function viewerOnAPhone({ base, browser }) {
  for (const script of [true, false]) {
    const page = await browser.person(base, 390, script);
    const look = async (/** @type {string} */ name) => script && (await browser.look(page, name));
    await signIn(page, "moderator.1");
    await look("moderation");
    await page.goto(`/moderation/${work.id}`);
    await look("viewing-list");
    assert.equal(await page.locator("#viewer").isVisible(), false, "one of the three at a time");
    await page.locator("#candidate-1005").click();
    await page.locator("#files-title", { hasText: "1005" }).waitFor();
    assert.equal(await page.locator("#people").isVisible(), false);
    await look("viewing-files");
    for (const [name, shot] of [["site.zip", "zip"], ["film.mp4", "film"], [HOSTILE, "text"], ["urs.pdf", "pdf"]]) {
      await open(page, name);
      assert.equal(await page.locator("#files").isVisible(), false);
      await look(`viewing-${shot}`);
      await page.locator("#up-files").click();
      await page.locator("#files-title").waitFor();
    }
    await page.locator("#up-list").click();
    await page.locator("#candidate-1005").waitFor();
    await page.context().close();
  }
}

/** @param {{base: string, browser: import("../browser.mjs").Browser}} given */
export async function downloads({ base, browser }) {
  for (const width of WIDTHS) {
    const page = await browser.person(base, width);
    await signIn(page, "moderator.1");
    await page.goto(`/moderation/${work.id}`);
    await page.locator("#to-download").click();
    await page.locator("#download-all").waitFor();
    await browser.look(page, "moderated-download");
    if (width === 1280) {
      await page.locator("#download-chosen").click();
      await page.locator("#problem").waitFor();
      await browser.look(page, "moderated-download-problem");
      await page.getByRole("checkbox", { name: new RegExp(work.other) }).check();
      const download = page.waitForEvent("download");
      await page.locator("#download-chosen").click();
      const members = stored(readFileSync(await (await download).path()));
      const hashes = new Set([...members.values()].map(sha256));
      assert.ok(hashes.has(sha256(work.bytes["other.pdf"])), "the candidate that was chosen");
      assert.ok(!hashes.has(sha256(work.bytes["urs.pdf"])), "and no other");
      // Cut in the middle and carried on: the same to the byte.
      const address = `/api/v1/samples/${work.id}/archive`;
      const whole = await (await page.request.get(address)).body();
      const half = Math.floor(whole.length / 2);
      const parts = [];
      for (const range of [`bytes=0-${half - 1}`, `bytes=${half}-`]) {
        const answer = await page.request.get(address, { headers: { range } });
        assert.equal(answer.status(), 206);
        parts.push(await answer.body());
      }
      assert.equal(sha256(Buffer.concat(parts)), sha256(whole));
      const all = new Set([...stored(whole).values()].map(sha256));
      for (const [name, bytes] of Object.entries(work.bytes)) assert.ok(all.has(sha256(bytes)), name);
    }
    await page.context().close();
  }
}

/** @param {{base: string, browser: import("../browser.mjs").Browser}} given */
export async function sendingBack({ base, browser }) {
  const page = await browser.person(base, 1280);
  await signIn(page, "moderator.1");
  await page.goto(`/moderation/${work.id}`);
  await page.locator("#to-return").click();
  await page.locator("#preview-return").waitFor();
  await page.locator("#preview-return").click();
  await page.locator("#problem", { hasText: "Choose at least one candidate" }).waitFor();
  await browser.look(page, "return-problem");
  await page.getByRole("checkbox", { name: /1005/ }).check();
  await page.locator("#reason").fill("The film has no sound.\nPlease send it <b>again</b>.");
  await page.locator("#preview-return").click();
  await page.locator("#preview").waitFor();
  assert.match(await page.locator("#preview").innerText(), /1005[^]*The film has no sound\.\nPlease send it <b>again/);
  await browser.look(page, "return-preview");
  await page.locator("#change").click();
  await page.locator("#preview-return").waitFor();
  assert.equal(await page.getByRole("checkbox", { name: /1005/ }).isChecked(), true, "what was filled in is kept");
  await page.locator("#preview-return").click();
  await page.locator("#send-back").click();
  await page.getByText(/^Returned to the centre on/).waitFor();
  await browser.look(page, "viewing-returned");

  // What was sent back is open, and nothing else.
  const officer = await browser.person(base, 1280);
  await signIn(officer, "officer.98765");
  const receipt = async (/** @type {number} */ revision) => {
    await officer.goto(`/samples/${work.id}/submissions/${revision}`);
    return officer.locator("#main").innerText();
  };
  const first = await receipt(1);
  await officer.goto(`/samples/${work.id}`);
  await officer.getByText("The film has no sound.").first().waitFor();
  const list = (await (await officer.request.get(`/api/v1/samples/${work.id}/candidates?limit=200`)).json()).items;
  const other = list.find((/** @type {any} */ one) => one.in_sample && one.number !== "1005").number;
  await officer.goto(`/samples/${work.id}?open=${other}`);
  await officer.locator(`#candidate[data-number="${other}"]`).waitFor();
  assert.equal(await officer.locator("#candidate .choose").count(), 0, "who was not sent back is locked");
  await officer.goto(`/samples/${work.id}?open=1005`);
  await choose(officer, "Evidence", [{ name: "sound.pdf", mimeType: "application/pdf", buffer: pdf("the sound in words") }]);
  await becomes(officer, "Evidence", "sound.pdf", "Accepted");
  await browser.look(officer, "workspace-returned");

  // Submitted again, it has a receipt of its own, and the first is as it was.
  await officer.goto(`/samples/${work.id}/check`);
  await officer.locator("#to-declarations").click();
  while ((await officer.locator("#submit-sample").count()) === 0) {
    const step = await officer.locator("h1").innerText();
    await officer.locator("#accepted").check();
    await officer.locator("#continue").click();
    await officer.locator("h1").filter({ hasNotText: step }).waitFor();
  }
  await officer.locator("#submit-sample").click();
  await officer.getByRole("heading", { name: "Sample submitted" }).waitFor();
  assert.match(officer.url(), /submissions\/2$/);
  const second = await receipt(2);
  assert.ok(second.includes("sound.pdf") && !first.includes("sound.pdf"));
  assert.equal(await receipt(1), first, "a receipt never changes");

  // And sent back once more.
  await page.goto(`/moderation/${work.id}/return`);
  await page.getByRole("checkbox", { name: /1005/ }).check();
  await page.locator("#reason").fill("The words have no sound either.");
  await page.locator("#preview-return").click();
  await page.locator("#send-back").click();
  await page.getByText(/^Returned to the centre on/).waitFor();
  await officer.goto(`/samples/${work.id}`);
  await officer.getByText("The words have no sound either.").first().waitFor();
  for (const one of [page, officer]) await one.context().close();
}
