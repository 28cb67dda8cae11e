// Sends one file with tus-js-client, as the wish on standard input says; answers with its address and what happened.

import { createReadStream, readFileSync, statSync } from "node:fs";
import { Upload } from "tus-js-client";

const wish = JSON.parse(readFileSync(0, "utf8"));
const requests = [];

/** @param {object} more @param {(upload: Upload) => void} begin @returns {Promise<Upload>} */
function send(more, begin) {
  return new Promise((resolve, reject) => {
    const upload = new Upload(createReadStream(wish.path), {
      headers: { Authorization: `Bearer ${wish.token}` },
      metadata: wish.metadata,
      chunkSize: wish.chunkSize ?? Infinity,
      uploadSize: statSync(wish.path).size,
      retryDelays: [0, 500, 1000, 2000],
      onAfterResponse: (request, response) => {
        requests.push([request.getMethod(), response.getStatus(), response.getHeader("Upload-Offset") ?? null]);
      },
      onError: reject,
      onSuccess: () => resolve(upload),
      ...more(() => upload, resolve),
    });
    begin(upload);
  });
}

/** Sends until `cutAt` bytes have left, aborts, and forgets all but the address. @returns {Promise<string>} */
async function interrupted() {
  let cut = false;
  const upload = await send(
    (self, resolve) => ({
      endpoint: wish.endpoint,
      onChunkComplete: (_, accepted) => {
        if (accepted < wish.cutAt || cut) return;
        cut = true;
        self().abort().then(() => resolve(self()));
      },
    }),
    (upload) => upload.start(),
  );
  if (!cut) throw new Error("the upload was over before it could be cut");
  return upload.url;
}

const address = wish.cutAt ? { uploadUrl: await interrupted() } : { endpoint: wish.endpoint };
const before = requests.length;
const upload = await send(
  () => ({ ...address, uploadDataDuringCreation: wish.uploadDataDuringCreation }),
  (upload) => upload.start(),
);
console.log(JSON.stringify({ url: upload.url, requests, resumedBy: requests.slice(before) }));
