// The second part of the script: the engine, its tray, the other tabs, plans, copies on this computer, and what only some
// pages have.

import { announce } from "./announce.js";
import { beside } from "./beside.js";
import { door } from "./door.js";
import { clipboardArrived, watchClipboard } from "./elements/clipboard.js";
import { copiesLeft, watchCopies } from "./elements/copies.js";
import { watchNames } from "./elements/names.js";
import { refusal } from "./elements/places.js";
import { Plans } from "./elements/plans.js";
import { UploadTray } from "./elements/upload-tray.js";
import { look } from "./live.js";
import { Engine, Upload } from "./upload/engine.js";
import { Tabs, hearWho, tellWho } from "./upload/tabs.js";

customElements.define("upload-tray", UploadTray);
/** Who was signed in when this document came. */
const person = document.body.dataset.person ?? "";
const tray = document.querySelector("upload-tray");
const started = tray instanceof UploadTray ? start(tray) : null;
watchCopies();
watchNames();
watchClipboard();
if (person !== "") tellWho(person);
door.resolve({
  take: (files, spot) => started?.take(files, spot),
  arrived: () => {
    // The list says of what it shows what the page does not.
    started?.engine.dispatchEvent(new CustomEvent("change"));
    copiesLeft();
    clipboardArrived();
    started?.plans.arrived();
    if (document.querySelector("[data-nobody]") === null) return;
    started?.engine.leave();
    tellWho("");
  },
});

/**
 * Begins the keeper (`upload/keeper.js`), or joins it. Who reads the option lets it outlive the page; in other browsers
 * it would die with it, and is told of nothing. Where there may be none, pages do without.
 * @param {string} proof of the session.
 */
function keep(proof) {
  if (typeof SharedWorker === "undefined" || proof === "") return;
  let lives = false;
  const options = {
    type: "module",
    name: person,
    get extendedLifetime() {
      return (lives = true);
    },
  };
  try {
    const { port } = new SharedWorker(beside("keeper"), /** @type {WorkerOptions} */ (options));
    if (lives) port.postMessage(proof);
  } catch (error) {
    console.warn("uploads end with their page", error);
  }
}

/** @param {UploadTray} tray */
function start(tray) {
  const proof = /** @type {HTMLInputElement | null} */ (document.querySelector("#top input[name=csrf]"))?.value ?? "";
  const engine = new Engine(person, proof);
  const tabs = navigator.locks === undefined ? null : new Tabs(engine, person);
  if (tabs !== null) keep(proof);
  const plans = new Plans(engine, tray);
  const met = tabs?.meet();
  tray.start(engine, met);
  met?.then(() => plans.arrived());
  engine.addEventListener("settled", (event) => look(/** @type {CustomEvent} */ (event).detail.target.candidate));
  engine.addEventListener("out", () => announce(tray.word("signed_out"), "assertive"));
  engine.addEventListener("back", () => {
    tellWho(person);
    look();
  });
  hearWho((now) => (now === person ? engine.back() : engine.leave()));
  addEventListener("online", () => engine.wake());
  addEventListener("offline", () => announce(tray.word("offline"), "assertive"));
  const watch = () => {
    engine.watched = document.visibilityState !== "hidden";
    tabs?.seen();
    if (!engine.watched) return;
    engine.wake();
    if (engine.out) engine.back();
  };
  document.addEventListener("visibilitychange", watch);
  watch();
  addEventListener("beforeunload", (event) => {
    // What the keeper drives goes on for a while only, once no page is there.
    const kept = tabs?.alone ?? false;
    if (engine.uploads.some((upload) => upload.busy || (kept && upload.tab !== "" && upload.active))) event.preventDefault();
  });

  addEventListener("pagehide", () => tabs?.leave());
  addEventListener("pageshow", ({ persisted }) => persisted && tabs?.seen());

  /** @param {File[]} files @param {import("./elements/places.js").Spot} spot */
  const take = (files, { sample, component, candidate, section, replaces, named, mostBytes, accept }) => {
    const uploads = files.map((file) => {
      const upload = new Upload(file, { sample, component, candidate, section, replaces }, named, "");
      const problem = refusal(file, mostBytes, accept);
      if (problem !== null) {
        upload.state = "refused";
        upload.message = tray.word(problem);
        upload.final = true;
      }
      return upload;
    });
    engine.addAll(uploads);
    tray.started(files.length);
  };
  return { engine, plans, take };
}
