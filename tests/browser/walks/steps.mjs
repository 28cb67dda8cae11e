// Steps that many walks take.

/** @param {import("playwright-core").Page} page @param {RegExp} [component] */
export async function openSample(page, component = /R087/) {
  await page.getByRole("link", { name: /Creative iMedia/ }).click();
  await page.getByRole("link", { name: component }).click();
  await page.locator("#candidate").waitFor();
}

/** @param {import("playwright-core").Page} page @param {string} place @param {string | string[] | {name: string, mimeType: string, buffer: Buffer}[]} files */
export async function choose(page, place, files) {
  const chooser = page.waitForEvent("filechooser");
  await page.locator(`#section-${place}-choose`).click();
  await (await chooser).setFiles(files);
}

/** A file's state becomes this word by itself. @param {import("playwright-core").Page} page @param {string} place @param {string} name @param {string} word */
export async function becomes(page, place, name, word) {
  const row = page.locator(`#section-${place} .file`, { hasText: name });
  await row.locator(".state", { hasText: word }).waitFor({ timeout: 60_000 });
}
