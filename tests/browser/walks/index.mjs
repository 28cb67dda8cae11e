// The walks in their order.

import { bothWidths, errorPages } from "./screens.mjs";
import { keyboardAlone, moderatorDownloads, sampleFromStartToReceipt } from "./sample.mjs";

export const walks = {
  "every screen of a centre, at both widths": bothWidths,
  "what is not there, and what needs signing in": errorPages,
  "by keyboard alone: a file into a section": keyboardAlone,
  "a sample from its first file to the receipt": sampleFromStartToReceipt,
  "the moderator's zip holds what was sent": moderatorDownloads,
};
