// Sends films with Uppy in Chromium, as the wish on standard input says; answers with what became of each.
//
// The service refuses pages of other origins, so a small server here stands before it: it has the page, and passes on
// everything else, at the pace of a line, which it can cut.

import { readFileSync } from "node:fs";
import http from "node:http";
import path from "node:path";
import { Transform } from "node:stream";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { chromium } from "playwright-core";

const MIB = 1 << 20;
/** Bytes a second of the line, each way of each connection. */
const PACE = 16 * MIB;
const PATIENCE = 60_000;
const PIECES = { chunkSize: 5 * MIB };

/** @type {{base: string, token: string, films: Record<string, {path: string, meta: Record<string, string>}>}} */
const wish = JSON.parse(readFileSync(0, "utf8"));
const service = new URL(wish.base);
const here = fileURLToPath(new URL(".", import.meta.url));
const bundle = await build({
  entryPoints: [path.join(here, "page.js")], bundle: true, write: false, format: "esm", logLevel: "error",
});
const script = bundle.outputFiles[0].text;
const page = `<!doctype html><meta charset="utf-8"><title>Films</title>
<input type="file"><script type="module" src="/page.js"></script>`;

/** Lets bytes through no faster than the line is. */
const paced = () => new Transform({
  transform(bytes, _, done) {
    setTimeout(() => done(null, bytes), (bytes.length / PACE) * 1000);
  },
});

const sockets = new Set();
const server = http.createServer((request, response) => {
  const own = { "/": ["text/html", page], "/page.js": ["text/javascript", script] }[request.url ?? ""];
  if (own) {
    response.writeHead(200, { "Content-Type": own[0] }).end(own[1]);
    return;
  }
  const { method, url, headers } = request;
  const onward = http.request({ host: service.hostname, port: service.port, method, path: url, headers, agent: false });
  onward.on("response", (answer) => {
    response.writeHead(answer.statusCode ?? 502, answer.headers);
    answer.pipe(response);
  });
  // A line that breaks breaks for both.
  onward.on("error", () => request.socket.destroy());
  request.socket.once("close", () => onward.destroy());
  request.pipe(paced()).pipe(onward);
});
server.on("connection", (socket) => {
  sockets.add(socket);
  socket.on("error", () => {});
  socket.once("close", () => sockets.delete(socket));
});
await new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(null)));
const address = `http://127.0.0.1:${/** @type {import("node:net").AddressInfo} */ (server.address()).port}`;

const browser = await chromium.launch({
  executablePath: process.env.STRONGROOM_TEST_CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox"],
});
const context = await browser.newContext();
context.setDefaultTimeout(PATIENCE);

/** A page that has begun to send a film. @param {string} name @param {object} options */
async function sending(name, options) {
  const film = wish.films[name];
  const tab = await context.newPage();
  const end = Date.now() + PATIENCE;
  await tab.goto(address);
  await tab.locator("input").setInputFiles(film.path);
  await tab.evaluate((given) => globalThis.send(...given), [wish.token, film.meta, options]);
  const file = path.basename(film.path);
  /** How it stands, unless it failed or takes too long. */
  const standing = async () => {
    const found = await tab.evaluate((file) => globalThis.standing(file), file);
    if (found.error !== null) throw new Error(`${name}: ${found.error}`);
    if (Date.now() > end) throw new Error(`${name} stands at ${found.sent}`);
    return found;
  };
  return {
    tab,
    press: () => tab.evaluate((file) => globalThis.pauseOrResume(file), file),
    async until(bytes) {
      for (; ; await pause(10)) {
        const { sent, url } = await standing();
        if (url !== null) throw new Error(`${name} was over before it stood at ${bytes}`);
        if (sent >= bytes) return;
      }
    },
    async whole() {
      for (; ; await pause(50)) {
        const found = await standing();
        if (found.url !== null) return found;
      }
    },
  };
}

const ways = {
  async small() {
    return (await sending("small", {})).whole();
  },
  async pieces() {
    return (await sending("pieces", PIECES)).whole();
  },
  async parallel() {
    return (await sending("parallel", { parallelUploads: 4 })).whole();
  },
  async trouble() {
    const upload = await sending("trouble", PIECES);
    await upload.until(7 * MIB);
    await upload.press();
    await pause(500);
    await upload.press();
    await upload.until(17 * MIB);
    await context.setOffline(true);
    for (const socket of sockets) socket.destroy();
    await pause(1500);
    await context.setOffline(false);
    return upload.whole();
  },
  async closed() {
    const first = await sending("closed", PIECES);
    await first.until(12 * MIB);
    await first.tab.close();
    return (await sending("closed", PIECES)).whole();
  },
};

const told = {};
try {
  for (const [name, send] of Object.entries(ways)) {
    told[name] = await send().catch((error) => ({ error: String(error.message) }));
  }
} finally {
  await browser.close();
  server.closeAllConnections();
  server.close();
}
console.log(JSON.stringify(told));
