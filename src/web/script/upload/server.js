// What the server remembers: this person's open uploads, and what became of a file.

/**
 * `begun`, `until`: when it began, and until when it is kept.
 * @typedef {{url: string, sample: string, candidate: string, section: string, replaces: string, sharedWith: string, path: string,
 *   name: string, size: number, offset: number, modified: string | null, guard: string, begun: Date, until: Date}} Open
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

/** Who is signed in, and their session's token. @returns {Promise<{kind: 'ok', id: string, proof: string} | Nothing>} */
export async function me() {
  const found = await json("/api/v1/me", true);
  return found.kind === "ok" ? { kind: "ok", id: String(found.body?.id), proof: String(found.body?.csrf ?? "") } : found;
}

/** Sends JSON. @param {string} url @param {unknown} body @returns {Promise<{kind: 'ok', body: any} | {kind: 'refused', detail: string} | Nothing>} */
export async function post(url, body) {
  // The session's token as it is now: somebody may have signed in again in another tab.
  const me = await json("/api/v1/me");
  if (me.kind !== "ok") return me;
  const headers = { Accept: "application/json", "Content-Type": "application/json", "X-CSRF-Token": String(me.body?.csrf) };
  try {
    const response = await fetch(url, { method: "POST", headers, body: JSON.stringify(body), signal: AbortSignal.timeout(60_000) });
    if (response.ok) return { kind: "ok", body: await response.json() };
    if (response.status === 401) return { kind: "signed_out" };
    if (response.status >= 500 || [408, 423, 429].includes(response.status)) return LATER;
    const { title, detail } = await response.json();
    return { kind: "refused", detail: [title, detail].filter(Boolean).join(". ") };
  } catch {
    return LATER;
  }
}

/**
 * The uploads of a plan that are not whole yet.
 * @param {string} plan @returns {Promise<{kind: 'ok', files: any[]} | Nothing>}
 */
export async function begun(plan) {
  /** @type {any[]} */
  const files = [];
  let cursor = "";
  do {
    const page = await json(`/api/v1/bulk_plans/${plan}?state=begun&limit=500${cursor === "" ? "" : `&cursor=${encodeURIComponent(cursor)}`}`);
    if (page.kind !== "ok") return page;
    if (!Array.isArray(page.body?.files)) return LATER;
    files.push(...page.body.files.filter((/** @type {any} */ file) => ["created", "receiving"].includes(file.upload?.state)));
    cursor = String(page.body.next_cursor ?? "");
  } while (cursor !== "");
  return { kind: "ok", files };
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
    url: `/files/${item.id}`,
    sample: String(item.sample ?? ""),
    candidate: String(item.candidate ?? ""),
    section: String(item.section ?? ""),
    replaces: String(item.replaces ?? ""),
    sharedWith: (item.shared_with ?? []).map((/** @type {any} */ share) => String(share.candidate)).join("+"),
    path: String(item.path ?? ""),
    name: String(item.name ?? item.original_name ?? ""),
    size: Number(item.size ?? -1),
    offset: Number(item.offset ?? 0),
    guard: String(item.guard ?? ""),
    begun: new Date(item.created_at),
    until: new Date(item.expires_at),
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
