// Moving between pages without leaving the document, so that uploads go on: links and forms fetch the next page and
// swap <main>. Without the Navigation API they are ordinary links and forms.

import { announce } from "./announce.js";
import { turn, turned } from "./elements/candidates.js";
import { fetchPage } from "./fragment.js";
import { swapViewing } from "./viewing.js";

const LEAVES = ["/sign-in", "/sign-out", "/api/", "/files/", "/static/", "/health/"];

/** Where the page on screen was, while its successor is on its way. @type {{url: string, key: string} | null} */
let left = null;
/** Counts the moves: an old one that ends late changes nothing. */
let moves = 0;
/** The address that the browser itself shall load, or put back. */
let passed = "";

/** @param {() => void} arrived called after each swap. */
export function softNavigation(arrived) {
  const { navigation } = /** @type {any} */ (window);
  if (navigation === undefined) return;
  navigation.addEventListener("navigate", (/** @type {any} */ event) => {
    const url = event.destination.url;
    const pass = url === passed;
    passed = "";
    if (pass || !ours(event)) {
      // Another document comes: nothing of this one is put back.
      if (!event.destination.sameDocument && event.downloadRequest === null) moves += 1;
      return;
    }
    const move = ++moves;
    left ??= { url: location.href, key: navigation.currentEntry.key };
    const from = left.url;
    const form = event.formData === null ? null : new URLSearchParams(event.formData);
    event.intercept({
      focusReset: "manual",
      scroll: "manual",
      handler: async () => {
        const part = form === null ? turn(url, from) : null;
        const came = await fetchPage(part?.fetch ?? url, { signal: event.signal, form });
        if (move !== moves) return;
        const { aborted } = event.signal;
        const { person } = came?.page?.body.dataset ?? {};
        if (!aborted && person !== undefined && person !== document.body.dataset.person) {
          // Somebody else has signed in: nothing of the person's whose document this is stays.
          passed = came?.url ?? url;
          return location.assign(passed);
        }
        if (came !== null && came.page !== null && !aborted) {
          left = null;
          if (part !== null && turned(came.page, new URL(url).hash.slice(1))) {
            trouble(false);
            if (part.url !== location.href) history.replaceState(null, "", part.url);
          } else swap({ ...came, page: came.page }, url, from);
          return arrived();
        }
        stay(navigation, event.navigationType);
        if (aborted) return;
        if (came !== null && came.ok && form === null) {
          // No page of ours: loaded as the browser does it.
          passed = url;
          return location.assign(url);
        }
        trouble(true);
      },
    });
  });
}

/**
 * The move failed: the page stays, so that its uploads go on, and the address is again that of the page.
 * @param {any} navigation @param {string} kind
 */
function stay(navigation, kind) {
  const back = left;
  left = null;
  if (back === null || back.url === location.href) return;
  if (kind !== "traverse") return history.replaceState(null, "", back.url);
  passed = back.url;
  navigation.traverseTo(back.key).finished.catch(() => {});
}

/** Says that a page did not come, or takes that back. @param {boolean} on */
function trouble(on) {
  const banner = document.getElementById("trouble");
  if (banner === null) return;
  // Shown afresh, it is spoken afresh.
  banner.hidden = true;
  if (on) requestAnimationFrame(() => (banner.hidden = false));
}

/** @param {any} event */
function ours(event) {
  const url = new URL(event.destination.url);
  const native = event.sourceElement?.closest?.("[data-native]") ?? null;
  // What is within a page is the browser's. Pressed twice, a link seems to be, while its page is only on its way.
  const here = location.href.split("#")[0];
  const twice = event.userInitiated && (left !== null || url.href.split("#")[0] !== here);
  return event.canIntercept && (!event.hashChange || twice) && event.downloadRequest === null && native === null
    // Back and Forward between pages that were swapped in are moves within one document, and still ours.
    && (!event.destination.sameDocument || twice || event.navigationType === "traverse") && event.navigationType !== "reload" && url.origin === location.origin
    && !LEAVES.some((start) => url.pathname.startsWith(start) && url.pathname !== "/api/docs");
}

/** @param {{page: Document, url: string}} came @param {string} asked @param {string} here where it came from. */
function swap({ page, url }, asked, here) {
  trouble(false);
  const hash = new URL(asked).hash;
  const target = new URL(url);
  const kept = target.pathname === new URL(here).pathname ? document.activeElement?.id ?? "" : "";
  if (target.hash === "") target.hash = hash;
  if (target.searchParams.has("rows")) target.searchParams.delete("rows");
  if (target.href !== location.href) history.replaceState(null, "", target.href);
  const within = swapViewing(page);
  for (const part of within ? ["top"] : ["top", "page"]) {
    const [old, now] = [document.getElementById(part), page.getElementById(part)];
    if (old !== null && now !== null && !old.isEqualNode(now)) old.replaceWith(document.adoptNode(now));
  }
  const accent = 'link[href$="/accent.css"]';
  const [old, now] = [document.querySelector(accent), page.querySelector(accent)];
  if (now !== null && now.getAttribute("href") !== old?.getAttribute("href")) {
    old?.remove();
    document.head.append(document.adoptNode(now));
  }
  document.title = page.title;
  // What a redirect's fragment was, no script is told; the page says it.
  const main = within ? page.getElementById("main") : document.getElementById("main");
  const wanted = main?.dataset.goal ?? hash.slice(1);
  const goal = wanted === "" ? null : document.getElementById(wanted);
  const inside = goal?.hasAttribute("tabindex") ? goal : goal?.querySelector("[tabindex]");
  // A filter that was chosen is still there, and keeps the focus.
  const chosen = goal === null && kept !== "" ? document.getElementById(kept) : null;
  const heading = inside ?? goal ?? document.getElementById("problem") ?? chosen ?? document.querySelector("h1");
  if (goal === null && heading === chosen) chosen?.scrollIntoView({ block: "nearest" });
  else if (within) goal?.scrollIntoView({ block: "nearest" });
  else if (goal === null) scrollTo(0, 0);
  else goal.scrollIntoView({ block: "start" });
  /** @type {HTMLElement | null} */ (heading)?.focus({ preventScroll: true });
  announce(document.title, "polite", "page");
}
