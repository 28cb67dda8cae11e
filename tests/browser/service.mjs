// The service under the walks: the built binary with demonstration data in a folder of its own.

import { execFileSync, spawn } from "node:child_process";
import { appendFileSync, cpSync, mkdtempSync, openSync } from "node:fs";
import net from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url));
const READY = 120_000;

/** A port that was free a moment ago. @returns {Promise<number>} */
function freePort() {
  return new Promise((resolve, reject) => {
    const server = net.createServer();
    server.on("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const { port } = /** @type {net.AddressInfo} */ (server.address());
      server.close(() => resolve(port));
    });
  });
}

/** The demonstration data, a class of thirty at 20461, and somebody without a role. @param {string} data */
function demo(data) {
  cpSync(path.join(root, "config/components"), path.join(data, "config/components"), { recursive: true });
  cpSync(path.join(root, "config/demo"), path.join(data, "config/demo"), { recursive: true });
  const row = (/** @type {unknown} */ _, /** @type {number} */ at) =>
    `june-2026,01_3357_R087_01,20461,${3001 + at},Pupil ${String.fromCharCode(65 + (at % 26))}${at},,entered\n`;
  appendFileSync(path.join(data, "config/demo/candidates.csv"), Array.from({ length: 30 }, row).join(""));
  appendFileSync(path.join(data, "config/demo/people.csv"), "newcomer,Nell Newcomer\n");
  return path.join(data, "config/demo");
}

/**
 * `stop`: it ends in its own time. `kill`: at once, in the middle of whatever it does; then `begin` begins it anew, with
 * what it had and where it was.
 * @typedef {{base: string, stop: () => Promise<void>, kill: () => Promise<void>, begin: () => Promise<void>}} Service
 */

/** Starts it. @returns {Promise<Service>} */
export async function start() {
  const binary = process.env.STRONGROOM_TEST_BINARY ?? path.join(root, "target/debug/strongroom");
  const data = mkdtempSync(path.join(tmpdir(), "strongroom-walk-"));
  execFileSync(binary, ["import", "--data", data, demo(data)], { cwd: root, stdio: ["ignore", "ignore", "inherit"] });
  const base = `http://127.0.0.1:${await freePort()}`;
  const bind = new URL(base).host;
  const log = openSync(path.join(data, "service.log"), "w");
  /** @type {import("node:child_process").ChildProcess} */ let child;
  /** @type {Promise<unknown>} */ let ended;
  const running = () => child.exitCode === null && child.signalCode === null;
  const kill = async () => {
    child.kill("SIGKILL");
    await ended;
  };
  const stop = async () => {
    child.kill("SIGTERM");
    await Promise.race([ended, new Promise((resolve) => setTimeout(resolve, 30_000))]);
    if (running()) await kill();
  };
  const begin = async () => {
    child = spawn(binary, ["serve", "--data", data, "--bind", bind], { cwd: root, stdio: ["ignore", log, log] });
    ended = new Promise((resolve) => child.once("exit", resolve));
    const until = Date.now() + READY;
    while (Date.now() < until && running()) {
      const answer = await fetch(`${base}/health/ready`).catch(() => null);
      if (answer?.ok) return;
      await new Promise((resolve) => setTimeout(resolve, 250));
    }
    await stop();
    throw new Error("the service did not become ready");
  };
  await begin();
  return { base, stop, kill, begin };
}
