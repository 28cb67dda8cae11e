// What the server remembers: this person's open uploads, and what became of a file.

/**
 * @typedef {{id: string, url: string, sample: string, candidate: string, section: string, name: string,
 *   size: number, offset: number, modified: string | null}} Open
 */

/** Asks for JSON; null when there is none to be had now. @param {string} url @returns {Promise<any>} */
async function json(url) {
  try {
    const signal = AbortSignal.timeout(30_000);
    const response = await fetch(url, { headers: { Accept: "application/json" }, signal });
    return response.ok ? await response.json() : null;
  } catch {
    return null;
  }
}

/** This person's open uploads, at most a page of them; null when unknown. @returns {Promise<Open[] | null>} */
export async function openUploads() {
  const page = await json("/api/v1/uploads?state=open&limit=200");
  if (!Array.isArray(page?.items)) return null;
  return page.items.map((/** @type {any} */ item) => ({
    id: String(item.id),
    url: `/files/${item.id}`,
    sample: String(item.sample ?? ""),
    candidate: String(item.candidate ?? ""),
    section: String(item.section ?? ""),
    name: String(item.name ?? item.original_name ?? ""),
    size: Number(item.size ?? -1),
    offset: Number(item.offset ?? 0),
    modified: item.modified ?? null,
  }));
}

/** A file's state and what to tell the person. @param {string} id @returns {Promise<{state: string, message: string} | null>} */
export async function fileState(id) {
  const file = await json(`/api/v1/files/${id}`);
  return file === null ? null : { state: String(file.state), message: String(file.message ?? "") };
}

/** Whether `file` is the one that `open` was started with. @param {Open} open @param {File} file */
export function isSame(open, file) {
  if (open.name !== file.name || open.size !== file.size) return false;
  return open.modified === null || Date.parse(open.modified) === file.lastModified;
}
