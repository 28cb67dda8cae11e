// Somebody at Firefox: Debian's own, driven by WebDriver BiDi, which Playwright has only for builds of its own.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import puppeteer from "puppeteer-core";

const PATIENCE = 30_000;

export class Firefox {
  /** @type {string[]} What its page complained of. */ complaints = [];

  /** @param {number} width */
  static async open(width) {
    const firefox = new Firefox();
    firefox.profile = mkdtempSync(path.join(tmpdir(), "strongroom-firefox-"));
    firefox.browser = await puppeteer.launch({
      browser: "firefox",
      executablePath: "/usr/bin/firefox-esr",
      headless: true,
      userDataDir: firefox.profile,
      env: { ...process.env, HOME: firefox.profile },
      defaultViewport: { width, height: 900 },
    });
    // The first window never gets the focus, and what has none does not hear Enter.
    firefox.page = await firefox.browser.newPage();
    firefox.page.setDefaultTimeout(PATIENCE);
    firefox.page.on("pageerror", (error) => firefox.complaints.push(`script: ${error}`));
    firefox.page.on("console", (message) => {
      if (/Content-Security-Policy|Trusted/i.test(message.text())) firefox.complaints.push(`policy: ${message.text()}`);
    });
    return firefox;
  }

  /** Waits for what a selector finds, with a text in it. @param {string} selector @param {string} [text] */
  async says(selector, text = "") {
    const told = (/** @type {string} */ selector, /** @type {string} */ text) =>
      [...document.querySelectorAll(selector)].some((one) => one.textContent?.includes(text));
    const until = Date.now() + PATIENCE;
    // A page that is left takes the question with it.
    while (!(await this.page.evaluate(told, selector, text).catch(() => false))) {
      if (Date.now() > until) {
        const here = await this.page.evaluate(() => `${location} ${document.body.innerText.slice(0, 800)}`);
        throw new Error(`Firefox: ${selector} never says "${text}": ${here}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }

  /** The id of what has the focus. @returns {Promise<string>} */
  focus() {
    return this.page.evaluate(() => document.activeElement?.id ?? "");
  }

  /** Presses Tab until something has the focus. @param {string} id @param {number} [most] */
  async tabTo(id, most = 80) {
    for (let step = 0; step < most; step += 1) {
      if ((await this.focus()) === id) return;
      await this.page.keyboard.press("Tab");
    }
    throw new Error(`Tab does not reach ${id}`);
  }

  /** A dialog takes the focus from a window that nobody sees; another tab in front gives it back. */
  async front() {
    for (let time = 0; time < 10; time += 1) {
      const other = await this.browser.newPage();
      await this.page.bringToFront();
      await other.close();
      if (await this.page.evaluate(() => document.hasFocus())) return;
    }
    throw new Error("Firefox: the window has no focus");
  }

  async close() {
    await this.browser.close();
    rmSync(this.profile, { recursive: true, force: true });
    return this.complaints;
  }
}
