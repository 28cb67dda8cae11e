// How bytes leave the browser: tus 1.0.0 over XMLHttpRequest, one call a function. What is remembered is whose session
// it is: a change that comes in another's is refused, whoever has signed in meanwhile in another tab.
// Every answer comes back as a plain value; only a bug throws.

/**
 * `component`: its title, for who reads the list.
 * `unheard`: no answer came at all.
 * `sharedWith`: numbers of further candidates, joined by `+`, who get a copy.
 * @typedef {{sample: string, candidate: string, section: string, plan?: string, replaces?: string, sharedWith?: string, component?: string}} Target
 * @typedef {{kind: 'ok', offset: number, url?: string}
 *   | {kind: 'later', after: number | null, busy: boolean, code?: string, unheard?: boolean}
 *   | {kind: 'stopped'} | {kind: 'signed_out'} | {kind: 'gone'}
 *   | {kind: 'refused', code: string, title: string, detail: string}} Answer
 */

const TUS = "1.0.0";
/** No byte moved for this long: the line is dead, milliseconds. */
const IDLE = 30_000;
/** Longest wait for an answer once everything is sent, milliseconds. */
const PATIENCE = 120_000;
/** Longest wait a server may ask for, milliseconds. */
const LONGEST_WAIT = 300_000;

/** The session's token. */ let proof = "";

/** @param {string} token */
export function provedBy(token) {
  proof = token;
}

/** @param {string} text */
function base64(text) {
  const bytes = new TextEncoder().encode(text);
  return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
}

/** @param {Record<string, string>} fields */
export function metadata(fields) {
  return Object.entries(fields)
    .filter(([, value]) => value !== "")
    .map(([key, value]) => `${key} ${base64(value)}`)
    .join(",");
}

/** @param {File} file @param {Target} target @param {string} path @param {string} guard @param {AbortSignal} signal */
export function create(file, target, path, guard, signal) {
  const headers = {
    "Upload-Length": String(file.size),
    "Upload-Metadata": metadata({
      filename: file.name,
      filetype: file.type,
      sample: target.sample,
      // A sample document has no candidate; its code takes the place of a section's.
      ...(target.candidate === ""
        ? { section: "Documents", document: target.section }
        : { candidate: target.candidate, section: target.section }),
      path,
      // The file of a plan that it is, and the accepted file that it takes the place of.
      plan: target.plan ?? "",
      replaces: target.replaces ?? "",
      shared_with: target.sharedWith ?? "",
      modified: new Date(file.lastModified).toISOString(),
      guard,
    }),
  };
  return call("POST", "/files", headers, null, signal);
}

/** @param {string} url @param {AbortSignal} signal */
export function head(url, signal) {
  return call("HEAD", url, {}, null, signal);
}

/**
 * @param {string} url @param {number} offset @param {Blob} slice @param {AbortSignal} signal
 * @param {() => void} moved called as bytes leave.
 */
export function patch(url, offset, slice, signal, moved) {
  const headers = { "Upload-Offset": String(offset), "Content-Type": "application/offset+octet-stream" };
  return call("PATCH", url, headers, slice, signal, moved);
}

/** @param {string} url @param {AbortSignal} signal */
export function remove(url, signal) {
  return call("DELETE", url, {}, null, signal);
}

/**
 * @param {string} method @param {string} url @param {Record<string, string>} headers @param {Blob | null} body
 * @param {AbortSignal} signal @param {() => void} [moved] @returns {Promise<Answer>}
 */
function call(method, url, headers, body, signal, moved) {
  return new Promise((resolve) => {
    const xhr = new XMLHttpRequest();
    let timer = 0;
    const watch = (/** @type {number} */ time) => {
      clearTimeout(timer);
      timer = setTimeout(() => xhr.abort(), time);
    };
    const end = (/** @type {Answer} */ answer) => {
      clearTimeout(timer);
      signal.removeEventListener("abort", stop);
      resolve(answer);
    };
    const stop = () => {
      xhr.abort();
      end({ kind: "stopped" });
    };
    xhr.open(method, url);
    xhr.setRequestHeader("Tus-Resumable", TUS);
    if (proof !== "") xhr.setRequestHeader("X-CSRF-Token", proof);
    for (const [name, value] of Object.entries(headers)) xhr.setRequestHeader(name, value);
    xhr.upload.onprogress = ({ loaded }) => {
      watch(IDLE);
      if (loaded > 0) moved?.();
    };
    xhr.upload.onload = () => watch(PATIENCE);
    xhr.onload = () => end(read(xhr, method));
    xhr.onerror = xhr.onabort = () => end({ kind: "later", after: null, busy: false, unheard: true });
    if (signal.aborted) return stop();
    signal.addEventListener("abort", stop);
    watch(body === null && method !== "HEAD" ? PATIENCE : IDLE);
    xhr.send(body);
  });
}

/** @param {XMLHttpRequest} xhr @param {string} method @returns {Answer} */
function read(xhr, method) {
  const status = xhr.status;
  if (status >= 200 && status < 300) {
    const url = xhr.getResponseHeader("Location") ?? undefined;
    const offset = Number(xhr.getResponseHeader("Upload-Offset") ?? "0");
    return { kind: "ok", offset, url };
  }
  if (status === 401) return { kind: "signed_out" };
  if (method !== "POST" && (status === 404 || status === 410)) return { kind: "gone" };
  const lost = method === "PATCH" && status === 409 && xhr.getResponseHeader("Upload-Offset") !== null;
  if (lost || status === 0 || status === 408 || status === 423 || status === 429 || status >= 500) {
    return { kind: "later", after: retryAfter(xhr), busy: [429, 503, 507].includes(status), code: problem(xhr).code };
  }
  const refused = problem(xhr);
  // Of another session than the page's.
  return refused.code === "cross_site" ? { kind: "signed_out" } : { kind: "refused", ...refused };
}

/** Milliseconds to wait, or null. @param {XMLHttpRequest} xhr */
function retryAfter(xhr) {
  const seconds = Number(xhr.getResponseHeader("Retry-After") ?? Number.NaN);
  return Number.isFinite(seconds) && seconds >= 0 ? Math.min(seconds * 1000, LONGEST_WAIT) : null;
}

/** @param {XMLHttpRequest} xhr */
function problem(xhr) {
  try {
    const { code, title, detail } = JSON.parse(xhr.responseText);
    return { code: String(code ?? ""), title: String(title ?? ""), detail: String(detail ?? "") };
  } catch {
    return { code: "", title: "", detail: "" };
  }
}
