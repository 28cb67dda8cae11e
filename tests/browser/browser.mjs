// A person at a browser: pages with silent judges (policy reports, script errors, axe), and screenshots.

import { mkdirSync, mkdtempSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import path from "node:path";
import { chromium } from "playwright-core";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
export const shots = mkdtempSync(path.join(tmpdir(), "strongroom-shots-"));

export class Browser {
  /** @type {string[]} What the judges found. */ complaints = [];

  static async open() {
    const browser = new Browser();
    browser.chromium = await chromium.launch({ executablePath: "/usr/bin/chromium", args: ["--no-sandbox"] });
    mkdirSync(shots, { recursive: true });
    return browser;
  }

  /** Somebody with a window of their own. @param {string} base @param {number} width @param {boolean} [script] */
  async person(base, width, script = true) {
    const context = await this.chromium.newContext({
      baseURL: base,
      acceptDownloads: true,
      javaScriptEnabled: script,
      viewport: { width, height: width < 600 ? 844 : 900 },
    });
    context.setDefaultTimeout(20_000);
    if (script) await context.addInitScript({ content: axe });
    await context.addInitScript(() => {
      globalThis.policyReports = [];
      addEventListener("securitypolicyviolation", (event) => {
        globalThis.policyReports.push(`${event.violatedDirective} ${event.blockedURI} ${event.sourceFile}`);
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
    page.on("filechooser", () => {});
    page.on("pageerror", (error) => this.complaints.push(`script: ${error.message}`));
    page.on("console", (message) => {
      if (/Content Security Policy|Trusted/i.test(message.text())) this.complaints.push(`policy: ${message.text()}`);
    });
    return page;
  }

  /** Looks at a screen: picture, accessibility, sideways scrolling. @param {import("playwright-core").Page} page @param {string} name */
  async look(page, name) {
    const width = page.viewportSize()?.width;
    await page.screenshot({ path: path.join(shots, `${name}-${width}.png`), fullPage: true });
    const found = await page.evaluate(async () => {
      const { violations } = await globalThis.axe.run();
      return {
        violations: violations.map((/** @type {any} */ one) => `${one.id}: ${one.nodes[0].html.slice(0, 160)}`),
        sideways: document.documentElement.scrollWidth - innerWidth,
        reports: globalThis.policyReports,
      };
    });
    for (const violation of found.violations) this.complaints.push(`${name} ${width}: ${violation}`);
    for (const report of found.reports) this.complaints.push(`${name} ${width}: policy ${report}`);
    if (found.sideways > 0) this.complaints.push(`${name} ${width}: scrolls sideways by ${found.sideways} px`);
  }

  async close() {
    await this.chromium.close();
  }
}

/** @param {import("playwright-core").Page} page @param {string} person */
export async function signIn(page, person) {
  await page.goto("/sign-in");
  await page.locator(`[id="person-${person}"]`).click();
  await page.waitForURL((url) => !url.pathname.startsWith("/sign-in"));
}
