// The browser's part, once a document: the engine, the tray, the places, soft moves between pages, news.

import { announce } from "./announce.js";
import { clipboardArrived, watchClipboard } from "./elements/clipboard.js";
import { copiesLeft, watchCopies } from "./elements/copies.js";
import { sift, tell, watchCandidates } from "./elements/candidates.js";
import { watchNames } from "./elements/names.js";
import { watchPlaces } from "./elements/places.js";
import { Plans } from "./elements/plans.js";
import { UploadTray } from "./elements/upload-tray.js";
import { listen, look } from "./live.js";
import { softNavigation } from "./navigate.js";
import { Engine } from "./upload/engine.js";
import { viewingArrived, watchViewing } from "./viewing.js";

customElements.define("upload-tray", UploadTray);
/** @type {Plans | null} */ let plans = null;
const tray = document.querySelector("upload-tray");

if (tray instanceof UploadTray) {
  const engine = new Engine();
  tray.start(engine);
  watchPlaces(engine, tray);
  plans = new Plans(engine, tray);
  engine.addEventListener("settled", (event) => look(/** @type {CustomEvent} */ (event).detail.target.candidate));
  addEventListener("online", () => engine.wake());
  addEventListener("offline", () => announce(tray.word("offline"), "assertive"));
  const watch = () => {
    engine.watched = document.visibilityState !== "hidden";
    if (engine.watched) engine.wake();
  };
  document.addEventListener("visibilitychange", watch);
  watch();
  addEventListener("beforeunload", (event) => {
    if (engine.uploads.some((upload) => upload.busy)) event.preventDefault();
  });
}
const arrived = () => {
  tell();
  sift();
  listen();
  copiesLeft();
  clipboardArrived();
  plans?.arrived();
};
watchCandidates(look);
watchViewing();
watchCopies();
watchNames();
watchClipboard();
softNavigation(() => {
  viewingArrived();
  arrived();
});
arrived();
