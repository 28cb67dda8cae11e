// Beside the page: takes the fingerprint of one file after the other. Two slices are in memory, however large a file is.

import { Sha256 } from "./sha256.js";

/** Bytes read at once. */
const SLICE = 4 << 20;

addEventListener("message", async (/** @type {MessageEvent<{file: File}>} */ { data }) => {
  try {
    postMessage({ digest: await fingerprint(data.file) });
  } catch {
    postMessage({ failed: true });
  }
});

/** @param {File} file */
async function fingerprint(file) {
  const hash = new Sha256();
  const slice = (/** @type {number} */ at) => file.slice(at, at + SLICE).arrayBuffer();
  let next = slice(0);
  for (let at = 0; at < file.size; at += SLICE) {
    const bytes = new Uint8Array(await next);
    next = slice(at + SLICE);
    hash.update(bytes);
    postMessage({ read: bytes.length });
  }
  await next;
  return hash.digest();
}
