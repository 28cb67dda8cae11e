// News: the server tells what changed in the sample that this page shows, and the page's live parts are fetched
// afresh. Where news do not come through, the page looks by itself: every 2 seconds while something is under way,
// every 10 otherwise.

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
  if (now !== sample) {
    source?.close();
    source = null;
    sample = now;
    if (sample !== "") open();
  }
  plan();
}

function open() {
  source = new EventSource(`/api/v1/events?samples=${encodeURIComponent(sample)}`);
  const news = () => {
    heard = Date.now();
    look();
  };
  for (const kind of ["message", "file", "section", "candidate", "sample", "refresh"]) source.addEventListener(kind, news);
  source.addEventListener("open", () => (heard = Date.now()));
  source.addEventListener("heartbeat", () => (heard = Date.now()));
}

function plan() {
  clearTimeout(timer);
  if (document.querySelector("[data-live]") === null || sample === "") return;
  const moving = document.querySelector('[data-state="received"], [data-state="checking"], [data-state="created"]');
  const fresh = Date.now() - heard < SILENCE;
  timer = setTimeout(refresh, moving !== null && !fresh ? BUSY : CALM);
}

async function refresh() {
  if (looking) return void (again = true);
  if (document.visibilityState === "hidden") return plan();
  looking = true;
  const url = location.href;
  const page = await fetchPage(url);
  looking = false;
  if (page !== null && page.ok && url === location.href) refreshLive(page.document);
  if (again) {
    again = false;
    return look();
  }
  plan();
}

document.addEventListener("visibilitychange", look);
