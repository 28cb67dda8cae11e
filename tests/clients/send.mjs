// Sends one file with tus-js-client, as the wish on standard input says; answers with its address and what happened.
//
//   client    the package: "tus-js-client", or "tus-js-client-5" for what is to be its next version
//   source    "file", or "stream" for bytes that come from somewhere and tell no length
//   options   what the client is told beside what stands here
//   cutAt     abort after so many bytes were accepted, and begin anew with nothing but the address
//   keep      a file for the addresses of uploads that are under way: with `cutAt` the first sender stops for good, and
//             without it this one goes on with what it finds there

import { createReadStream, readFileSync } from "node:fs";
import { PassThrough } from "node:stream";

const wish = JSON.parse(readFileSync(0, "utf8"));
const { Upload } = await import(wish.client);
const requests = [];

async function storage() {
  if (!wish.keep) return {};
  const { FileUrlStorage } = await import(
    wish.client === "tus-js-client" ? "tus-js-client" : `${wish.client}/node/FileUrlStorage`
  );
  return { urlStorage: new FileUrlStorage(wish.keep) };
}

const shared = {
  headers: { Authorization: `Bearer ${wish.token}` },
  metadata: wish.metadata,
  retryDelays: [0, 500, 1000, 2000],
  onAfterResponse: (request, response) => {
    requests.push([request.getMethod(), response.getStatus(), response.getHeader("Upload-Offset") ?? null]);
  },
  ...(await storage()),
  ...wish.options,
};

/** A file has a path and can be read anywhere; this cannot. */
function source() {
  const file = createReadStream(wish.path);
  return wish.source === "file" ? file : file.pipe(new PassThrough());
}

/** @param {object} more @param {(upload: Upload) => void} begin @returns {Promise<Upload>} */
function send(more, begin) {
  return new Promise((resolve, reject) => {
    const upload = new Upload(source(), {
      ...shared,
      onError: reject,
      onSuccess: () => resolve(upload),
      ...more(() => upload, resolve),
    });
    begin(upload);
  });
}

/** Sends until `cutAt` bytes have been accepted, aborts, and forgets all but the address. @returns {Promise<string>} */
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

/** Goes on with what is kept for this file. @param {Upload} upload */
async function goOn(upload) {
  const [previous] = await upload.findPreviousUploads();
  if (!previous) throw new Error("nothing is kept of an upload of this file");
  upload.resumeFromPreviousUpload(previous);
  upload.start();
}

let url;
let before = 0;
if (wish.keep && wish.cutAt) {
  url = await interrupted();
} else {
  const address = wish.cutAt ? { uploadUrl: await interrupted() } : wish.address ?? { endpoint: wish.endpoint };
  before = requests.length;
  const begin = wish.keep ? goOn : (upload) => upload.start();
  url = (await send(() => address, begin)).url;
}
console.log(JSON.stringify({ url, requests, resumedBy: requests.slice(before) }));
