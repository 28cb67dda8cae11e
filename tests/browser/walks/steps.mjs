// Steps that many walks take.

/** @param {import("playwright-core").Page} page @param {RegExp} [component] */
export async function openSample(page, component = /R087/) {
  await page.getByRole("link", { name: /Creative iMedia/ }).click();
  // What is pressed while another page takes its place is not pressed at all; the cards of both look alike.
  await page.locator("h1", { hasText: "Creative iMedia" }).waitFor();
  // Its card; at home a link may stand beside it that says what it needs.
  await page.locator("a.cover", { hasText: component }).click();
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

/** What a page of ours sends with a change. @param {import("playwright-core").Page} page */
export async function proof(page) {
  const me = await (await page.request.get("/api/v1/me")).json();
  return { origin: new URL(page.url()).origin, "x-csrf-token": me.csrf };
}

/**
 * Sends a file in one request, and waits until it is accepted. Its id.
 * @param {import("playwright-core").Page} page @param {string} sample @param {string} candidate
 * @param {string} section @param {string} name @param {Buffer} bytes
 */
export async function uploadTo(page, sample, candidate, section, name, bytes) {
  const answer = await page.request.post(`/files/to/${sample}/${candidate}/${section}`, {
    headers: {
      ...(await proof(page)),
      "tus-resumable": "1.0.0",
      "upload-length": String(bytes.length),
      "upload-metadata": `filename ${Buffer.from(name).toString("base64")}`,
      "content-type": "application/offset+octet-stream",
    },
    data: bytes,
  });
  if (answer.status() !== 201) throw new Error(`${name}: ${answer.status()} ${await answer.text()}`);
  const id = answer.headers()["location"].split("/").at(-1) ?? "";
  const until = Date.now() + 60_000;
  for (;;) {
    const known = await (await page.request.get(`/api/v1/files/${id}`)).json();
    if (known.state === "accepted") return id;
    const waits = ["created", "receiving", "received", "checking"].includes(known.state) && Date.now() < until;
    if (!waits) throw new Error(`${name}: ${JSON.stringify(known)}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** Marks all that is not there as Missing. @param {import("playwright-core").Page} page @param {string} sample */
export async function nothingElse(page, sample) {
  const address = `/api/v1/samples/${sample}`;
  const headers = await proof(page);
  const list = await (await page.request.get(`${address}/candidates?filter=incomplete&limit=200`)).json();
  for (const { number, in_sample } of list.items) {
    if (!in_sample) continue;
    const candidate = `${address}/candidates/${number}`;
    const { sections } = await (await page.request.get(candidate)).json();
    for (const { code, required, files, missing } of sections) {
      if (!required || files.some((/** @type {any} */ one) => one.state === "accepted") || missing !== null) continue;
      const answer = await page.request.put(`${candidate}/sections/${code}/missing`, { headers, data: { reason: "lost" } });
      if (!answer.ok()) throw new Error(`${number} ${code}: ${await answer.text()}`);
    }
  }
}

/** Marks all that is not there as Missing, declares, and submits. @param {import("playwright-core").Page} page @param {string} sample */
export async function submitSample(page, sample) {
  await nothingElse(page, sample);
  const address = `/api/v1/samples/${sample}`;
  const headers = await proof(page);
  const { declarations } = await (await page.request.get(`${address}/check`)).json();
  const data = { declarations: declarations.map((/** @type {any} */ one) => ({ id: one.id, version: one.version, accepted: true })) };
  const answer = await page.request.post(`${address}/submissions`, { headers, data });
  if (answer.status() !== 201) throw new Error(`not submitted: ${answer.status()} ${await answer.text()}`);
}

/** Counts what a person clicks. @param {import("playwright-core").Page} page */
export function clicks(page) {
  let count = 0;
  return {
    /** @param {string} what */
    on: async (what) => {
      count += 1;
      await page.locator(what).click();
    },
    get count() {
      return count;
    },
  };
}
