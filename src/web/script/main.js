// The browser's part, once a document: the engine, the tray, the places, soft moves between pages, news.

import { announce } from "./announce.js";
import { watchPlaces } from "./elements/places.js";
import { UploadTray } from "./elements/upload-tray.js";
import { listen, look } from "./live.js";
import { softNavigation } from "./navigate.js";
import { Engine } from "./upload/engine.js";

customElements.define("upload-tray", UploadTray);
const tray = document.querySelector("upload-tray");

if (tray instanceof UploadTray) {
  const engine = new Engine();
  tray.start(engine);
  watchPlaces(engine, tray);
  engine.addEventListener("settled", look);
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
softNavigation(listen);
listen();
