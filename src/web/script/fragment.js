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

/** Where the cursor was, by id. */
function focused() {
  return document.activeElement?.id ?? "";
}

/**
 * Replaces the live parts of this page by those of a fresher copy, where they differ. Focus stays where it was; when
 * what had it is gone, it goes to the part's place.
 * @param {Document} fresh
 */
export function refreshLive(fresh) {
  const active = focused();
  for (const old of document.querySelectorAll("[data-live]")) {
    const now = fresh.getElementById(old.id);
    if (now === null || old.isEqualNode(now)) continue;
    const inside = old.contains(document.activeElement);
    const home = document.activeElement?.closest("[id].place, [id].panel")?.id ?? "";
    old.replaceWith(document.adoptNode(now));
    if (inside) (document.getElementById(active) ?? document.getElementById(home))?.focus({ preventScroll: true });
  }
}
