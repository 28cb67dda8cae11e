// The walks in their order.

import {
  bytesThatDoNotArrive, cancelOffline, choosingWhileThePageChanges, goingOnWithoutKnowing, hiddenPagesAreSilent,
  noPlaceForMore, pagesThatDoNotCome,
} from "./line.mjs";
import { bothWidths, errorPages } from "./screens.mjs";
import { keyboardAlone, moderatorDownloads, sampleFromStartToReceipt } from "./sample.mjs";

export const walks = {
  "every screen of a centre, at both widths": bothWidths,
  "what is not there, and what needs signing in": errorPages,
  "by keyboard alone: a file into a section": keyboardAlone,
  "pages that do not come, and coming back": pagesThatDoNotCome,
  "a file chosen while the page changes": choosingWhileThePageChanges,
  "bytes that do not arrive, and a file that is gone": bytesThatDoNotArrive,
  "a centre that has as much as it may, and a service without room": noPlaceForMore,
  "a cancel without a line": cancelOffline,
  "an upload gone on with, though nobody knew of it at first": goingOnWithoutKnowing,
  "hidden pages neither listen nor look": hiddenPagesAreSilent,
  "a sample from its first file to the receipt": sampleFromStartToReceipt,
  "the moderator's zip holds what was sent": moderatorDownloads,
};
