// A line between browser and service that can be cut, and that counts what goes over it.

import http from "node:http";

/** @param {string} base of the service. */
export async function lineTo(base) {
  const { hostname, port } = new URL(base);
  /** @type {Set<import("node:net").Socket>} */
  const sockets = new Set();
  const line = {
    base: "",
    /** Bytes of files that came from the browser. */ bytes: 0,
    /** Nothing gets through. */ down: false,
    cut() {
      for (const socket of sockets) socket.destroy();
    },
    close() {
      line.cut();
      server.close();
    },
  };
  const server = http.createServer((asked, answer) => {
    // The name it was asked by stays: the service compares it with the page's.
    const request = http.request({ hostname, port, method: asked.method, path: asked.url, headers: asked.headers, agent: false });
    request.on("response", (response) => {
      answer.writeHead(response.statusCode ?? 502, response.headers);
      response.pipe(answer);
      response.on("error", () => answer.destroy());
    });
    request.on("error", () => answer.destroy());
    answer.on("close", () => request.destroy());
    if (asked.method === "PATCH") asked.on("data", (some) => (line.bytes += some.length));
    asked.on("error", () => request.destroy());
    asked.pipe(request);
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
