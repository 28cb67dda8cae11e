// Moving between pages without leaving the document, so that uploads go on: links and forms fetch the next page and
// swap <main>. Without the Navigation API they are ordinary links and forms.

import { announce } from "./announce.js";
import { fetchPage } from "./fragment.js";

const LEAVES = ["/sign-in", "/sign-out", "/api/", "/files/", "/static/", "/health/"];

/** @param {() => void} arrived called after each swap. */
export function softNavigation(arrived) {
  const { navigation } = /** @type {any} */ (window);
  if (navigation === undefined) return;
  navigation.addEventListener("navigate", (/** @type {any} */ event) => {
    if (!ours(event)) return;
    const url = event.destination.url;
    const form = event.formData === null ? null : new URLSearchParams(event.formData);
    event.intercept({
      focusReset: "manual",
      scroll: "manual",
      handler: async () => {
        const page = await fetchPage(url, event.signal, form);
        if (event.signal.aborted) return;
        // What is no page of ours is loaded as the browser does it.
        if (page === null || page.document.getElementById("main") === null) {
          return location.assign(form === null ? url : location.href);
        }
        swap(page, url);
        arrived();
      },
    });
  });
}

/** @param {any} event */
function ours(event) {
  const url = new URL(event.destination.url);
  const native = event.sourceElement?.closest?.("[data-native]") ?? null;
  return event.canIntercept && !event.hashChange && event.downloadRequest === null && native === null
    // Back and Forward between pages that were swapped in are moves within one document, and still ours.
    && (!event.destination.sameDocument || event.navigationType === "traverse") && event.navigationType !== "reload" && url.origin === location.origin
    && !LEAVES.some((start) => url.pathname.startsWith(start) && url.pathname !== "/api/docs");
}

/** @param {import("./fragment.js").Fetched} page @param {string} asked */
function swap(page, asked) {
  const hash = new URL(asked).hash;
  const target = new URL(page.url);
  if (target.hash === "") target.hash = hash;
  if (target.href !== location.href) history.replaceState(null, "", target.href);
  for (const part of ["top", "page"]) {
    const [old, now] = [document.getElementById(part), page.document.getElementById(part)];
    if (old !== null && now !== null && !old.isEqualNode(now)) old.replaceWith(document.adoptNode(now));
  }
  const accent = 'link[href$="/accent.css"]';
  const [old, now] = [document.querySelector(accent), page.document.querySelector(accent)];
  if (now !== null && now.getAttribute("href") !== old?.getAttribute("href")) {
    old?.remove();
    document.head.append(document.adoptNode(now));
  }
  document.title = page.document.title;
  const goal = hash === "" ? null : document.getElementById(hash.slice(1));
  const heading = goal?.querySelector("[tabindex]") ?? goal ?? document.getElementById("problem")
    ?? document.querySelector("h1");
  if (goal === null) scrollTo(0, 0);
  /** @type {HTMLElement | null} */ (heading)?.focus({ preventScroll: goal === null });
  announce(document.title);
}
