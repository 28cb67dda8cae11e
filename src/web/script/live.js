// News: the server tells what changed in the sample that this page shows, and the page's live parts are fetched
// afresh. Where news do not come through, the page looks by itself: every 2 seconds while something is under way,
// every 10 otherwise. A hidden page neither listens nor looks: over HTTP/1.1 a browser has six connections for all its
// tabs.

import { fetchPage, refreshLive } from "./fragment.js";

const SOON = 250;
const BUSY = 2_000;
const CALM = 10_000;
/** News older than this are no news, milliseconds. */
const SILENCE = 40_000;

/** @type {EventSource | null} */ let source = null;
let sample = "";
let heard = 0;
let timer = 0;
let looking = false;
let again = false;

/** Looks again at the page, soon. */
export function look() {
  clearTimeout(timer);
  timer = setTimeout(refresh, SOON);
}

/** Listens to the sample of the page that is open now. */
export function listen() {
  const now = document.getElementById("main")?.dataset.sample ?? "";
  const hidden = document.visibilityState === "hidden";
  if (now !== sample || hidden) {
    source?.close();
    source = null;
    sample = now;
  }
  if (source === null && sample !== "" && !hidden) open();
  plan();
}

function open() {
  source = new EventSource(`/api/v1/events?samples=${encodeURIComponent(sample)}`);
  source.addEventListener("message", () => {
    heard = Date.now();
    look();
  });
  for (const sign of ["open", "heartbeat"]) source.addEventListener(sign, () => (heard = Date.now()));
}

function plan() {
  clearTimeout(timer);
  if (document.querySelector("[data-live]") === null || sample === "" || document.visibilityState === "hidden") return;
  const moving = document.querySelector('[data-state="received"], [data-state="checking"], [data-state="created"]');
  const fresh = Date.now() - heard < SILENCE;
  timer = setTimeout(refresh, moving !== null && !fresh ? BUSY : CALM);
}

async function refresh() {
  if (looking) return void (again = true);
  if (document.visibilityState === "hidden") return;
  looking = true;
  const url = location.href;
  const came = await fetchPage(url, { background: true });
  looking = false;
  if (came !== null && came.ok && came.page !== null && url === location.href) refreshLive(came.page);
  if (again) {
    again = false;
    return look();
  }
  plan();
}

document.addEventListener("visibilitychange", () => {
  listen();
  if (document.visibilityState !== "hidden") look();
});
