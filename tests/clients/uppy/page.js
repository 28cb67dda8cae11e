// A page that takes files by Uppy, as a board's own portal might. Bundled by send.mjs, which also presses its buttons.

import Uppy from "@uppy/core";
import Tus from "@uppy/tus";

/**
 * @typedef {{uppy: Uppy, id: string, sent: number, url: string | null, error: string | null, requests: any[]}} Sending
 * @type {Map<string, Sending>}
 */
const uploads = new Map();

/**
 * Takes the file that was chosen, and sends it.
 * @param {string} token @param {Record<string, any>} meta @param {object} options
 */
globalThis.send = (token, meta, options) => {
  const input = /** @type {HTMLInputElement} */ (document.querySelector("input"));
  const file = /** @type {File} */ (input.files?.[0]);
  const requests = [];
  const uppy = new Uppy().use(Tus, {
    endpoint: "/files/",
    headers: { Authorization: `Bearer ${token}` },
    onAfterResponse: (request, response) => {
      requests.push([request.getMethod(), response.getStatus(), response.getHeader("Upload-Offset") ?? null]);
    },
    ...options,
  });
  const id = uppy.addFile({ name: file.name, type: file.type, data: file, meta });
  const upload = { uppy, id, sent: 0, url: null, error: null, requests };
  uploads.set(file.name, upload);
  uppy.on("upload-progress", (_, progress) => {
    upload.sent = progress.bytesUploaded || 0;
  });
  uppy.on("upload-success", (_, response) => {
    upload.url = response.uploadURL ?? null;
  });
  uppy.on("upload-error", (_, error) => {
    upload.error = error.message;
  });
  uppy.upload();
};

/** How an upload stands. @param {string} name */
globalThis.standing = (name) => {
  const { sent, url, error, requests } = uploads.get(name);
  return { sent, url, error, requests };
};

/** Pauses it, or lets it go on. @param {string} name */
globalThis.pauseOrResume = (name) => {
  const { uppy, id } = uploads.get(name);
  return uppy.pauseResume(id);
};
