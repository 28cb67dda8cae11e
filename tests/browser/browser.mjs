// A person at a browser: pages with silent judges (policy reports, script errors, axe, sizes of what is pressed, room for
// other letters), screenshots, and what a screen reader is told.

import assert from "node:assert/strict";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { chromium, firefox } from "playwright-core";
import { Pace } from "./pace.mjs";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const trees = fileURLToPath(new URL("trees", import.meta.url));
/** The narrowest window that loses nothing (WCAG 1.4.10): 1280 px at 400 %. */
const NARROWEST = 320;
/** What axe cannot tell by itself, looked at by us and right. @type {RegExp[]} */
const REVIEWED = [
  // A dash is no word; what it stands for is said.
  /^label-content-name-mismatch: <a href="[^"]*#section-[^"]*" aria-label="[^"]*">–<\/a>/,
  // An arrow is no letter to it; the colours are those of all keys.
  /^color-contrast nonBmp: <kbd>/,
  // Something stands over a part of it: the tray beside the page, or the edge of a list that scrolls.
  /^color-contrast (elmPartiallyObscur(ed|ing)|bgOverlap): /,
  // What candidates filmed has no captions, and what a browser shows of a PDF is the browser's.
  /^video-caption: <video class="shown shown-film"/,
  /^frame-tested: <iframe class="shown shown-pdf"/,
];
export const shots = mkdtempSync(path.join(tmpdir(), "strongroom-shots-"));

export class Browser {
  /** @type {string[]} What the judges found. */ complaints = [];
  pace = new Pace();

  /** Whether a worker may outlive its page. */
  get keeps() {
    return this.engine === "chromium";
  }

  /** Debian's own. @param {"chromium" | "firefox"} [engine] */
  static async open(engine = "chromium") {
    const browser = new Browser();
    browser.engine = engine;
    browser.driven = await (engine === "chromium"
      ? chromium.launch({ executablePath: "/usr/bin/chromium", args: ["--no-sandbox"] })
      // By WebDriver BiDi: Playwright's own protocol is for builds of its own.
      : firefox.launch({ executablePath: "/usr/bin/firefox-esr", channel: "moz-firefox", env: { ...process.env, HOME: tmpdir() } }));
    mkdirSync(shots, { recursive: true });
    return browser;
  }

  /**
   * Somebody with a window of their own. `keeps`: a browser that lets a worker outlive its page, as not all do.
   * @param {string} base @param {number} width @param {boolean} [script] @param {boolean} [keeps]
   */
  async person(base, width, script = true, keeps = true) {
    const context = await this.driven.newContext({
      baseURL: base,
      acceptDownloads: true,
      javaScriptEnabled: script,
      viewport: { width, height: width < 600 ? 844 : 900 },
    });
    context.setDefaultTimeout(20_000);
    if (script) await this.pace.watch(context);
    if (!keeps) await context.addInitScript(() => delete globalThis.SharedWorker);
    if (this.engine === "firefox") await context.addInitScript(dialogs);
    await context.addInitScript(() => {
      globalThis.policyReports = [];
      addEventListener("securitypolicyviolation", (event) => {
        // Firefox holds what the driver and axe bring along to the policy too.
        if (!event.sourceFile.endsWith("eval")) globalThis.policyReports.push(`${event.violatedDirective} ${event.blockedURI} ${event.sourceFile}`);
      });
    });
    return this.judged(await context.newPage());
  }

  /** Another tab of the same person. @param {import("playwright-core").Page} page */
  async tab(page) {
    return this.judged(await page.context().newPage());
  }

  /** A page whose script errors and policy reports are seen. @param {import("playwright-core").Page} page */
  judged(page) {
    // From the start, so that no dialog opens before it is waited for.
    page.on("filechooser", (chooser) => {
      // Who brings the files into the page by the driver's means keeps it busy; from a dialog they come by themselves.
      const given = chooser.setFiles.bind(chooser);
      chooser.setFiles = (...files) => this.pace.aside(() => given(...files));
    });
    page.on("pageerror", (error) => {
      // Firefox says there too what is no error of a script: lines that a walk cuts, and styles, of which pages tell.
      const said = this.engine === "firefox" && /^(Firefox can’t establish|The connection to .* was interrupted|The page’s settings blocked an inline style)/.test(error.message);
      if (!said) this.complaints.push(`script: ${error.message}`);
    });
    page.on("console", (message) => {
      if (/Content Security Policy|Trusted/i.test(message.text())) this.complaints.push(`policy: ${message.text()}`);
    });
    return page;
  }

  /** Looks at a screen: picture, accessibility, sideways scrolling. @param {import("playwright-core").Page} page @param {string} name */
  look(page, name) {
    return this.pace.aside(() => this.#looks(page, name));
  }

  /** @param {import("playwright-core").Page} page @param {string} name */
  async #looks(page, name) {
    const width = page.viewportSize()?.width;
    // What hides the cursor is a style that our policy does not let in.
    await page.screenshot({ path: path.join(shots, `${name}-${width}${this.engine === "firefox" ? "-firefox" : ""}.png`), fullPage: true, caret: "initial" });
    // Not from the start: it is more than all that a page of ours has to read.
    await page.evaluate(`globalThis.axe ?? ${axe}`);
    let found = await page.evaluate(judged);
    // A page that changes while it is looked at leaves things unsure that are not.
    if (found.unsure.some(unseen)) found = await page.evaluate(judged);
    for (const violation of found.violations) this.complaints.push(`${name} ${width}: ${violation}`);
    for (const unsure of new Set(found.unsure)) if (unseen(unsure)) this.complaints.push(`${name} ${width}: to be looked at: ${unsure}`);
    for (const report of found.reports) this.complaints.push(`${name} ${width}: policy ${report}`);
    if (found.sideways > 0) this.complaints.push(`${name} ${width}: scrolls sideways by ${found.sideways} px`);
    for (const cut of await page.evaluate(cutAside)) this.complaints.push(`${name} ${width}: ${cut}`);
    for (const small of await page.evaluate(tooSmall)) this.complaints.push(`${name} ${width}: ${small}`);
    if (width && width < 600) {
      await page.setViewportSize({ width: NARROWEST, height: 844 });
      const lost = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      if (lost > 0) this.complaints.push(`${name} ${NARROWEST}: scrolls sideways by ${lost} px`);
      for (const cut of await page.evaluate(cutAside)) this.complaints.push(`${name} ${NARROWEST}: ${cut}`);
      await page.setViewportSize({ width, height: 844 });
    }
    for (const cut of await page.evaluate(withRoom)) this.complaints.push(`${name} ${width}: ${cut}`);
  }

  /**
   * What a screen reader is told of a part of the page is what was reviewed. Files, times and ids that differ from run to
   * run are left out. `STRONGROOM_WRITE_TREES=1` writes it anew, to be read before it is committed.
   * @param {import("playwright-core").Page} page @param {string} name @param {string} part
   */
  async tree(page, name, part) {
    // It is Playwright's reading of the page, the same in all browsers.
    if (this.engine !== "chromium") return;
    const told = (await this.pace.aside(() => page.locator(part).ariaSnapshot()))
      .replace(/\b(Mon|Tue|Wed|Thu|Fri|Sat|Sun) \d{1,2} [A-Z][a-z]{2} \d{4}(, \d\d:\d\d)?/g, "DATE")
      .replace(/\b[A-Z][a-z]+day \d{1,2} [A-Z][a-z]+ \d{4}, \d\d:\d\d:\d\d/g, "DATE")
      .replace(/_\d\d_\d\d_\d{4}_\d\d_\d\d_\d\d(_\d+)?(?=\.)/g, "_STAMP")
      .replace(/\bSR-\d{4}-[A-Z0-9]{4}-[A-Z0-9]{4}\b/g, "RECEIPT")
      .replace(/\bin \d[\d,]* (day|hour|minute)s?\b/g, "in TIME")
      .replace(/[0-9a-f]{32,64}/g, "ID")
      .replace(/\n\s*- \/url:.*/g, "");
    const file = path.join(trees, `${name}.yaml`);
    if (process.env.STRONGROOM_WRITE_TREES || !existsSync(file)) {
      mkdirSync(trees, { recursive: true });
      writeFileSync(file, `${told}\n`);
      assert.ok(process.env.STRONGROOM_WRITE_TREES, `${file} was not there; it is now, to be read`);
    }
    assert.equal(`${told}\n`, readFileSync(file, "utf8"), `what a screen reader is told of ${name} has changed`);
  }

  /** Pictures of what a walk that failed has left open, and an end of it. @param {string} name */
  async leave(name) {
    for (const context of this.driven.contexts()) {
      for (const [at, page] of context.pages().entries()) {
        await page.screenshot({ path: path.join(shots, `${name}-${at}.png`), timeout: 5000 }).catch(() => {});
      }
      await context.close();
    }
  }

  async close() {
    this.pace.close();
    await this.driven.close();
  }
}

/** The driver never closes a dialog of Firefox, and an input that has one opens no other: each is of an input of its own. */
function dialogs() {
  const click = HTMLInputElement.prototype.click;
  HTMLInputElement.prototype.click = function () {
    if (this.type !== "file") return click.call(this);
    const other = /** @type {HTMLInputElement} */ (this.cloneNode());
    other.removeAttribute("id");
    other.hidden = true;
    other.addEventListener("change", (event) => {
      event.stopPropagation();
      this.files = other.files;
      other.remove();
      this.dispatchEvent(new Event("change", { bubbles: true }));
    });
    document.documentElement.append(other);
    click.call(other);
  };
}

/** What axe says of a page, in it. */
async function judged() {
  // Whose colours are the reader's own, theirs are not ours to judge; axe reads those that we wrote.
  const rules = { "color-contrast": { enabled: !matchMedia("(forced-colors: active)").matches } };
  const { violations, incomplete } = await globalThis.axe.run(document, { rules });
  const told = (/** @type {any} */ one) => one.nodes.map((/** @type {any} */ node) => `${[one.id, node.any[0]?.data?.messageKey].filter(Boolean).join(" ")}: ${node.html.slice(0, 160)}`);
  return {
    violations: violations.flatMap(told),
    unsure: incomplete.flatMap(told),
    sideways: document.documentElement.scrollWidth - innerWidth,
    reports: globalThis.policyReports,
  };
}

/** @param {string} unsure */
const unseen = (unsure) => !REVIEWED.some((seen) => seen.test(unsure));

/**
 * What is pressed and smaller than 24 px, or on a narrow screen a button or a field lower than 44 (WCAG 2.5.8, and 2.5.5
 * for fingers). A link in a sentence has its line's height; so may what is apart from all else by 24 px.
 */
function tooSmall() {
  const pressed = [...document.querySelectorAll("a[href], button, summary, select, textarea, input:not([type=hidden])")];
  const boxes = pressed
    .filter((one) => one.checkVisibility({ visibilityProperty: true, opacityProperty: true }))
    .map((one) => {
      const label = one.matches("[type=radio], [type=checkbox]") ? one.closest("label") : null;
      return { one, box: (label ?? one).getBoundingClientRect() };
    })
    .filter(({ box }) => box.width > 1 && box.height > 1 && box.right > 0 && box.bottom > 0);
  const fingers = innerWidth < 600;
  const found = [];
  for (const { one, box } of boxes) {
    const inSentence = one.matches("a") && getComputedStyle(one).display === "inline";
    const needed = fingers && one.matches("button, .button, select, textarea, input") ? 44 : 24;
    const low = box.height < needed - 0.5 || box.width < 24 - 0.5;
    if (!low || (inSentence && needed === 24)) continue;
    found.push(`${Math.round(box.width)} x ${Math.round(box.height)} px, needs ${needed}: ${one.outerHTML.slice(0, 120)}`);
  }
  return found.slice(0, 5);
}

/** Nothing of the page is cut off at its side. */
function cutAside() {
  return [...document.querySelectorAll("main *")]
    .filter((one) => one.checkVisibility({ visibilityProperty: true }) && one.clientWidth > 1 && one.scrollWidth > one.clientWidth + 1)
    .filter((one) => ["hidden", "clip"].includes(getComputedStyle(one).overflowX) && !one.matches("svg, svg *, input, select, .hidden-words"))
    .map((one) => `cut off at the side: ${one.outerHTML.slice(0, 120)}`)
    .slice(0, 5);
}

/** Nothing is cut off when letters, words and lines stand further apart (WCAG 1.4.12). */
function withRoom() {
  const wider = new CSSStyleSheet();
  wider.replaceSync(`* { line-height: 1.5 !important; letter-spacing: .12em !important; word-spacing: .16em !important; }
    p { margin-bottom: 2em !important; }`);
  // A copy: what the document gives is the list itself.
  const sheets = [...document.adoptedStyleSheets];
  document.adoptedStyleSheets = [...sheets, wider];
  const cut = [...document.querySelectorAll("main *, header *, upload-tray *")]
    .filter((one) => one.checkVisibility({ visibilityProperty: true }) && !one.matches(".hidden-words, svg *, textarea, input, select, option"))
    .filter((one) => {
      const style = getComputedStyle(one);
      const hides = style.overflowY === "hidden" || style.overflowY === "clip";
      return hides && one.scrollHeight > one.clientHeight + 2 && one.clientHeight > 1;
    })
    .map((one) => `cut off when lines stand further apart: ${one.outerHTML.slice(0, 120)}`);
  const sideways = document.documentElement.scrollWidth - innerWidth;
  if (sideways > 0) cut.push(`scrolls sideways by ${sideways} px when letters stand further apart`);
  document.adoptedStyleSheets = sheets;
  return cut.slice(0, 5);
}

/** @param {import("playwright-core").Page} page @param {string} person */
export async function signIn(page, person) {
  await page.goto("/sign-in");
  await page.locator(`[id="person-${person}"]`).click();
  await page.waitForURL((url) => !url.pathname.startsWith("/sign-in"));
}
