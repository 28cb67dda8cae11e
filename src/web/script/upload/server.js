// What the server remembers: this person's open uploads, and what became of a file.

/**
 * @typedef {{id: string, url: string, sample: string, candidate: string, section: string, name: string,
 *   size: number, offset: number, modified: string | null}} Open
 */

/** @typedef {{kind: 'later', after: null, busy: false} | {kind: 'signed_out'} | {kind: 'gone'}} Nothing */

/** @type {Nothing} */
const LATER = { kind: "later", after: null, busy: false };

/** Asks for JSON. @param {string} url @param {boolean} [background] @returns {Promise<{kind: 'ok', body: any} | Nothing>} */
async function json(url, background = false) {
  const headers = { Accept: "application/json", ...(background ? { "X-Background": "1" } : {}) };
  try {
    const response = await fetch(url, { headers, signal: AbortSignal.timeout(30_000) });
    if (response.ok) return { kind: "ok", body: await response.json() };
    if (response.status === 401) return { kind: "signed_out" };
    return response.status === 404 ? { kind: "gone" } : LATER;
  } catch {
    return LATER;
  }
}

/** All of this person's open uploads. @returns {Promise<{kind: 'ok', uploads: Open[]} | Nothing>} */
export async function openUploads() {
  /** @type {Open[]} */
  const uploads = [];
  let cursor = "";
  do {
    const page = await json(`/api/v1/uploads?state=open&limit=200${cursor === "" ? "" : `&cursor=${encodeURIComponent(cursor)}`}`);
    if (page.kind !== "ok") return page;
    if (!Array.isArray(page.body?.items)) return LATER;
    uploads.push(...page.body.items.map(open));
    cursor = String(page.body.next_cursor ?? "");
  } while (cursor !== "");
  return { kind: "ok", uploads };
}

/** @param {any} item @returns {Open} */
function open(item) {
  return {
    id: String(item.id),
    url: `/files/${item.id}`,
    sample: String(item.sample ?? ""),
    candidate: String(item.candidate ?? ""),
    section: String(item.section ?? ""),
    name: String(item.name ?? item.original_name ?? ""),
    size: Number(item.size ?? -1),
    offset: Number(item.offset ?? 0),
    modified: item.modified ?? null,
  };
}

/**
 * A file's state and what to tell the person.
 * @param {string} id @returns {Promise<{kind: 'ok', state: string, reason: string, message: string} | Nothing>}
 */
export async function fileState(id) {
  const file = await json(`/api/v1/files/${id}`, true);
  if (file.kind !== "ok") return file;
  const { state, reason, message } = file.body;
  return { kind: "ok", state: String(state), reason: String(reason ?? ""), message: String(message ?? "") };
}

/**
 * Whether `file` is the one that `open` was started with. A sender that gave no time of change may have sent another
 * file of that name and size: its upload is nobody's to go on with.
 * @param {Open} open @param {File} file
 */
export function isSame(open, file) {
  return open.name === file.name && open.size === file.size && open.modified !== null
    && Date.parse(open.modified) === file.lastModified;
}
