// News: the server tells what changed in the sample that this page shows, and the page's live parts are fetched
// afresh; of a list of candidates only the rows that the news are about. Where news do not come through, the page looks
// by itself: every 2 seconds while something is under way, every 10 otherwise; how far an upload is, every 3. A hidden
// page neither listens nor looks: over HTTP/1.1 a browser has six connections for all its tabs.

import { sift } from "./elements/candidates.js";
import { fetchPage, refreshLive } from "./fragment.js";

const SOON = 250;
/** The same for a page that costs much to make. */
const SELDOM = 3_000;
const BUSY = 2_000;
const CALM = 10_000;
/** While somebody sends what this page shows: how much has come is no news. */
const SENDING = 3_000;
/** News older than this are no news: two heartbeats, milliseconds. */
const SILENCE = 21_000;
/** With news of more candidates than this, all are looked at. */
const MANY = 50;

/** @type {EventSource | null} */ let source = null;
let sample = "";
let heard = 0;
let timer = 0;
let looking = false;
let again = false;
let soon = false;
/** Numbers of the candidates whose rows are to be looked at. @type {Set<string>} */ let wanted = new Set();
/** The whole page is. */ let whole = false;

/** Looks again at the page, soon: at all of it, or at a candidate's part. @param {string} [candidate] `""`: at none's. */
export function look(candidate) {
  if (candidate === undefined) whole = true;
  else if (candidate !== "") wanted.add(candidate);
  if (soon) return;
  soon = true;
  clearTimeout(timer);
  timer = setTimeout(refresh, document.querySelector("[data-seldom]") === null ? SOON : SELDOM);
}

/** Listens to the sample of the page that is open now. */
export function listen() {
  const now = document.getElementById("main")?.dataset.sample ?? "";
  const hidden = document.visibilityState === "hidden";
  if (now !== sample || hidden) {
    wanted = new Set();
    whole = false;
    source?.close();
    source = null;
    sample = now;
  }
  if (source === null && sample !== "" && !hidden) open();
  plan();
}

function open() {
  source = new EventSource(`/api/v1/events?samples=${encodeURIComponent(sample)}`);
  source.addEventListener("message", (event) => {
    heard = Date.now();
    const { candidate, section, kind } = JSON.parse(event.data);
    // What is of neither a candidate nor a document may have changed anything.
    look(candidate !== "" || section !== "" || String(kind).startsWith("file.") ? candidate : undefined);
  });
  // The first comes at once. A line that is open tells nothing by itself: what stands in between may keep all back.
  source.addEventListener("heartbeat", () => {
    // What was told long ago is not told again.
    if (heard !== 0 && !isFresh()) look();
    heard = Date.now();
  });
}

const isFresh = () => Date.now() - heard < SILENCE;

function plan() {
  if (soon) return;
  clearTimeout(timer);
  if (document.querySelector("[data-live]") === null || sample === "" || document.visibilityState === "hidden") return;
  const moving = document.querySelector('[data-state="received"], [data-state="checking"], [data-state="created"]');
  const sending = document.querySelector('[data-state="receiving"]') !== null && document.querySelector("[data-seldom]") === null;
  timer = setTimeout(refresh, moving !== null && !isFresh() ? BUSY : sending ? SENDING : CALM);
}

/** The address of what is to be looked at: this page, or some rows of its list. */
function address() {
  const url = new URL(location.href);
  if (document.getElementById("candidates") === null || whole || wanted.size > MANY || !isFresh()) return url.href;
  const open = document.querySelector("tr.row.open");
  if (open !== null) wanted.add(open.id.slice(2));
  url.searchParams.set("rows", [...wanted].join(","));
  return url.href;
}

async function refresh() {
  soon = false;
  if (looking) return void (again = true);
  if (document.visibilityState === "hidden") return;
  looking = true;
  const [here, url, all] = [location.href, address(), whole];
  wanted = new Set();
  whole = false;
  const came = await fetchPage(url, { background: true });
  looking = false;
  if (came !== null && came.ok && came.page !== null && here === location.href) {
    refreshLive(came.page);
    sift();
  } else if (here !== location.href) {
    again = true;
    whole ||= all;
  }
  if (again) {
    again = false;
    return look("");
  }
  plan();
}

document.addEventListener("visibilitychange", () => {
  listen();
  if (document.visibilityState !== "hidden") look();
});
