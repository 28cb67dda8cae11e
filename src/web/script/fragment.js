// Pages fetched in the background: parsed by the browser into an inert document, never through text that becomes HTML.

/**
 * What came: `page` is null where it is none of ours.
 * @typedef {{page: Document | null, url: string, ok: boolean}} Fetched
 */

/**
 * @param {string} url
 * @param {{signal?: AbortSignal, form?: URLSearchParams | null, background?: boolean}} [how] `background`: nobody
 *   asked for it; it does not count as somebody being there.
 * @returns {Promise<Fetched | null>} null when no answer came.
 */
export function fetchPage(url, { signal, form = null, background = false } = {}) {
  return new Promise((resolve) => {
    const xhr = new XMLHttpRequest();
    xhr.open(form === null ? "GET" : "POST", url);
    xhr.responseType = "document";
    xhr.timeout = 30_000;
    xhr.setRequestHeader("Accept", "text/html");
    if (background) xhr.setRequestHeader("X-Background", "1");
    xhr.onload = () => {
      const document = xhr.responseXML;
      const page = document === null || document.getElementById("main") === null ? null : document;
      resolve({ page, url: xhr.responseURL, ok: xhr.status < 400 });
    };
    xhr.onerror = xhr.onabort = xhr.ontimeout = () => resolve(null);
    signal?.addEventListener("abort", () => xhr.abort());
    xhr.send(form);
  });
}

/**
 * Replaces the live parts of this page by those of a fresher copy, where they differ. Focus stays where it was; when
 * what had it is gone, it goes to the part's place. A list whose rows are others now is replaced as a whole; of a copy
 * with some rows alone, only those are looked at.
 * @param {Document} fresh
 */
export function refreshLive(fresh) {
  const [list, now] = [document.getElementById("candidates"), fresh.getElementById("candidates")];
  if (list !== null && now !== null && now.dataset.part === undefined && rows(list) !== rows(now)) replace(list, now);
  for (const old of document.querySelectorAll("[data-live]")) {
    const now = old.isConnected ? fresh.getElementById(old.id) : null;
    if (now === null) continue;
    // What a person has opened stays open.
    for (const { id } of old.querySelectorAll("details[open]")) now.querySelector(`details[id="${id}"]`)?.setAttribute("open", "");
    if (!old.isEqualNode(now)) replace(old, now);
  }
}

/** @param {Element} list */
const rows = (list) => Array.from(list.querySelectorAll("tr"), (row) => row.id).join();

/** @param {Element} old @param {Element} now */
function replace(old, now) {
  const active = document.activeElement;
  const inside = old.contains(active);
  const home = active?.closest("[id].place, [id].panel")?.id ?? "";
  // A cell has no name of its own: it is found by its place.
  const cell = old instanceof HTMLTableRowElement ? Array.from(old.cells).findIndex((one) => one.contains(active)) : -1;
  old.replaceWith(document.adoptNode(now));
  if (!inside) return;
  const same = document.getElementById(active?.id ?? "") ?? now.children[cell]?.querySelector("a") ?? document.getElementById(home);
  /** @type {HTMLElement | null} */ (same)?.focus({ preventScroll: true });
}

/** Puts rows of the list into their places, and the open candidate below its row. @param {Document} fresh */
export function addPart(fresh) {
  const panel = fresh.getElementById("panel-row");
  document.getElementById("panel-row")?.remove();
  refreshLive(fresh);
  const row = panel === null ? null : document.querySelector("tr.row.open");
  if (panel !== null) row?.after(document.adoptNode(panel));
}
