// The browser's part, once a document: the places, the list, soft moves between pages, news. What uploads is `uploads.js`.

import { door } from "./door.js";
import { sift, tell, watchCandidates } from "./elements/candidates.js";
import { watchPlaces } from "./elements/places.js";
import { listen, look } from "./live.js";
import { softNavigation } from "./navigate.js";
import { viewingArrived, watchViewing } from "./viewing.js";

const arrived = () => {
  tell();
  sift();
  listen();
  door.promise.then((uploads) => uploads.arrived());
};
watchPlaces((files, spot) => door.promise.then((uploads) => uploads.take(files, spot)));
watchCandidates(look);
watchViewing();
softNavigation(() => {
  viewingArrived();
  arrived();
});
arrived();
