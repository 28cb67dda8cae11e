// Somebody at Firefox: Debian's own, driven by WebDriver BiDi, which Playwright has only for builds of its own.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import puppeteer from "puppeteer-core";

const PATIENCE = 60_000;

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
    firefox.page = (await firefox.browser.pages())[0] ?? (await firefox.browser.newPage());
    firefox.page.setDefaultTimeout(PATIENCE);
    firefox.page.on("pageerror", (error) => firefox.complaints.push(`script: ${error}`));
    firefox.page.on("console", (message) => {
      if (/Content-Security-Policy|Trusted/i.test(message.text())) firefox.complaints.push(`policy: ${message.text()}`);
    });
    return firefox;
  }

  /** Waits for text in what a selector finds first. @param {string} selector @param {string} text */
  async says(selector, text) {
    const told = ([selector, text]) => [...document.querySelectorAll(selector)].some((one) => one.textContent?.includes(text));
    await this.page.waitForFunction(told, { timeout: PATIENCE, polling: 200 }, [selector, text]).catch(async () => {
      const here = await this.page.evaluate(() => document.body.innerText.slice(0, 800));
      throw new Error(`Firefox: ${selector} never says ${text}: ${here}`);
    });
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

  async close() {
    await this.browser.close();
    rmSync(this.profile, { recursive: true, force: true });
    return this.complaints;
  }
}
