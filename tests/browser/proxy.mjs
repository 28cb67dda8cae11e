// A line between browser and service that can be cut and slowed, that counts what goes over it, and that can have
// something in front of the service which asks for a little time.

import http from "node:http";
import { Readable } from "node:stream";

/** @param {string} base of the service. */
export async function lineTo(base) {
  const { hostname, port } = new URL(base);
  /** @type {Set<import("node:net").Socket>} */
  const sockets = new Set();
  const line = {
    base: "",
    /** Bytes of files that came from the browser. */ bytes: 0,
    /** Nothing gets through. */ down: false,
    /** What stands on the line keeps news back: it opens, and nothing comes. */ held: false,
    /** Bytes of files a second, all in all; 0: as they come. */ pace: 0,
    /** Bytes of files that were sent again though the browser had been told that they are there. */ again: 0,
    /** Requests with bytes of files. */ sends: 0,
    /** What was asked of uploads, in its order. @type {{what: string, path: string, offset: number, at: number}[]} */ asked: [],
    /** By what is asked, the seconds after which it may be asked again: said once, in the service's place. @type {Map<string, number>} */ busy: new Map(),
    /** When the last byte of each upload came from the browser, milliseconds since 1970. @type {Map<string, number>} */ last: new Map(),
    cut() {
      for (const socket of sockets) socket.destroy();
    },
    close() {
      line.cut();
      server.close();
    },
  };
  /** By upload, the offset that was told last. @type {Map<string, number>} */
  const told = new Map();
  /** Slowed, one after the other. */
  let turn = Promise.resolve();
  /** @param {AsyncIterable<Buffer>} asked @param {string} url */
  async function* paced(asked, url) {
    for await (const some of asked) {
      line.bytes += some.length;
      line.last.set(url, Date.now());
      yield some;
      if (line.pace === 0) continue;
      turn = turn.then(() => new Promise((resolve) => setTimeout(resolve, (1_000 * some.length) / line.pace)));
      await turn;
    }
  }
  const server = http.createServer((asked, answer) => {
    const url = asked.url ?? "";
    const what = asked.method ?? "";
    if (url.startsWith("/files")) line.asked.push({ what, path: url, offset: Number(asked.headers["upload-offset"] ?? -1), at: Date.now() });
    const later = url.startsWith("/files") ? line.busy.get(what) : undefined;
    if (later !== undefined) {
      line.busy.delete(what);
      answer.writeHead(503, { "Retry-After": String(later), "Content-Type": "text/plain" });
      asked.resume();
      return void answer.end("Busy.");
    }
    // The name it was asked by stays: the service compares it with the page's.
    const request = http.request({ hostname, port, method: asked.method, path: asked.url, headers: asked.headers, agent: false });
    request.on("response", (response) => {
      const offset = Number(response.headers["upload-offset"] ?? 0);
      if (offset > (told.get(url) ?? 0)) told.set(url, offset);
      answer.writeHead(response.statusCode ?? 502, response.headers);
      if (line.held && url.startsWith("/api/v1/events")) return void answer.flushHeaders();
      response.pipe(answer);
      response.on("error", () => answer.destroy());
    });
    request.on("error", () => answer.destroy());
    answer.on("close", () => request.destroy());
    asked.on("error", () => request.destroy());
    if (asked.method !== "PATCH") return void asked.pipe(request);
    line.sends += 1;
    line.again += Math.max(0, (told.get(url) ?? 0) - Number(asked.headers["upload-offset"] ?? 0));
    const body = Readable.from(paced(asked, url));
    body.on("error", () => request.destroy());
    body.pipe(request);
  });
  server.on("connection", (socket) => {
    if (line.down) return void socket.destroy();
    sockets.add(socket);
    socket.on("error", () => {});
    socket.on("close", () => sockets.delete(socket));
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(undefined)));
  const address = /** @type {import("node:net").AddressInfo} */ (server.address());
  line.base = `http://127.0.0.1:${address.port}`;
  return line;
}
