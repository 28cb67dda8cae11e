// The walks in their order.

import {
  aFolderIsDropped, byFolder, filledInAndStarted, filledInWithoutScript, fiveThousandFiles, namesAreTried, nastyNames, oneByOne,
  reloadInThePlan, sharedByTwo, thirtyCandidatesByName,
} from "./bulk.mjs";
import { discarded, fortyOnAnotherMachine, knownByContent } from "./engine.mjs";
import { aLineThatBreaks } from "./cuts.mjs";
import {
  bytesThatDoNotArrive, cancelOffline, choosingWhileThePageChanges, goingOnWithoutKnowing, hiddenPagesAreSilent,
  newsThatDoNotCome, noPlaceForMore, pagesThatDoNotCome,
} from "./line.mjs";
import { checkMyCopy, fingerprintsAreRight } from "./copies.mjs";
import { busyForAWhile, pagesAreTurned, serviceBegunAnew } from "./going.mjs";
import { plannedByKeys, submittedByKeys, submittedWithoutScript } from "./keys.mjs";
import { fiveHundredCandidates } from "./large.mjs";
import { slownessIsSeen } from "./pace.mjs";
import { byKeysInTheList, inPlaceOfFiles, quickerThanAnswers, refusedEach, replaceAndMove, whoseFileIsIt, withoutRedrawing } from "./panel.mjs";
import {
  downloads, othersSeeNothing, sampleWithEveryKind, sendingBack, viewer, viewerByKeys, viewerOnAPhone,
} from "./moderator.mjs";
import {
  boardWithoutScript, importAList, importWithoutScript, listToWriteBy, moreTime, namesForTheBoard, progressIsARecount,
} from "./board.mjs";
import { infectedOriginals } from "./incidents.mjs";
import { withoutScript } from "./noscript.mjs";
import { usableSoon } from "./soon.mjs";
import { bothWidths, coloursOfTheReader, errorPages } from "./screens.mjs";
import { thePageIsLeft } from "./keeper.mjs";
import { drivingTabClosed, oneTrayInTwoTabs, signedOutAndIn, somebodyElse } from "./tabs.mjs";
import { fromLastByteToWords } from "./verdict.mjs";
import { byCandidate, fiveThousandInTheTray } from "./tray.mjs";
import { keyboardAlone, moderatorDownloads, sampleFromStartToReceipt } from "./sample.mjs";

export const walks = {
  "every screen of a centre, at both widths": bothWidths,
  "what is not there, and what needs signing in": errorPages,
  "colours of the reader's own, and no movement": coloursOfTheReader,
  "a slow page is seen": slownessIsSeen,
  "five hundred candidates": fiveHundredCandidates,
  "five hundred candidates, of whom nothing is kept from before: soon usable": usableSoon,
  "by keyboard alone: a file into a section": keyboardAlone,
  "pages that do not come, and coming back": pagesThatDoNotCome,
  "a file chosen while the page changes": choosingWhileThePageChanges,
  "bytes that do not arrive, and a file that is gone": bytesThatDoNotArrive,
  "a centre that has as much as it may, and a service without room": noPlaceForMore,
  "a cancel without a line": cancelOffline,
  "an upload gone on with, though nobody knew of it at first": goingOnWithoutKnowing,
  "engine: a file is known again by what is in it": knownByContent,
  "engine: forty uploads of another machine: two clicks and a dialog": fortyOnAnotherMachine,
  "engine: what is left is thrown away": discarded,
  "keeper: a page is left, its uploads go on": thePageIsLeft,
  "pages are turned while a file goes up: what sends is begun once": pagesAreTurned,
  "the service asks for a little time": busyForAWhile,
  "the service is begun anew in the middle of a file": serviceBegunAnew,
  "tabs: one tray in two": oneTrayInTwoTabs,
  "tabs: the one that drives is closed": drivingTabClosed,
  "tabs: signed out in one, in again in another": signedOutAndIn,
  "tabs: somebody else signs in": somebodyElse,
  "tray: by candidate, problems first, beside the page": byCandidate,
  "tray: five thousand files": fiveThousandInTheTray,
  "a line that breaks: cuts, a long silence, a reload, signed out": aLineThatBreaks,
  "news that do not come": newsThatDoNotCome,
  "hidden pages neither listen nor look": hiddenPagesAreSilent,
  "the list by its keys": byKeysInTheList,
  "the list, quicker than its answers": quickerThanAnswers,
  "one row changes, the others stay": withoutRedrawing,
  "replace, move, delete and undo": replaceAndMove,
  "refused, each in its words, and the others go on": refusedEach,
  "whose file is it": whoseFileIsIt,
  "what is said in place of files": inPlaceOfFiles,
  "a candidate without script: send, replace, delete, Missing": withoutScript,
  "a sample from its first file to the receipt": sampleFromStartToReceipt,
  "the moderator's zip holds what was sent": moderatorDownloads,
  "sixty files of thirty candidates by their names: three clicks and a dialog": thirtyCandidatesByName,
  "the same sixty one by one: ninety actions": oneByOne,
  "a folder for each candidate": byFolder,
  "a folder dropped on the page": aFolderIsDropped,
  "names that say nothing certain, or something else": nastyNames,
  "what is filled in in a plan counts when it starts": filledInAndStarted,
  "what is filled in in a plan, without script": filledInWithoutScript,
  "a file of two candidates: sent once": sharedByTwo,
  "a plan after a reload, and its files chosen again": reloadInThePlan,
  "five thousand files are planned, and the page answers all the while": fiveThousandFiles,
  "the help page reads names": namesAreTried,
  "from a file's last byte to its verdict in words": fromLastByteToWords,
  "a sample with a file of every kind": sampleWithEveryKind,
  "what is another moderator's is not there": othersSeeNothing,
  "a moderator looks at every kind of file": viewer,
  "a moderator's keys": viewerByKeys,
  "a moderator with a phone, and without script": viewerOnAPhone,
  "a moderator takes the work away": downloads,
  "a moderator sends work back": sendingBack,
  "fingerprints taken in the browser are right": fingerprintsAreRight,
  "a receipt on paper, and check my copy": checkMyCopy,
  "the board: what its pages count equals a recount": progressIsARecount,
  "the board: more time for chosen centres": moreTime,
  "the board: a list to write to centres by": listToWriteBy,
  "the board: a list is looked at and then applied": importAList,
  "the board: lists without script, and what changed meanwhile": importWithoutScript,
  "the board: how names are read": namesForTheBoard,
  "infected originals, for whoever answers incidents": infectedOriginals,
  "the board: without script, and for nobody else": boardWithoutScript,
  "by keyboard alone: many files are planned": plannedByKeys,
  "by keyboard alone: from the check to the receipt": submittedByKeys,
  "without script: from a file to the receipt": submittedWithoutScript,
};

/** Those of the line, of what outlives a page, and of the keyboard; in the order of the others. Not
 * those that choose a folder, which the driver of Firefox cannot. */
const ALSO = [
  "by keyboard alone: a file into a section",
  "pages that do not come, and coming back",
  "bytes that do not arrive, and a file that is gone",
  "a centre that has as much as it may, and a service without room",
  "a cancel without a line",
  "an upload gone on with, though nobody knew of it at first",
  "engine: a file is known again by what is in it",
  "engine: what is left is thrown away",
  "pages are turned while a file goes up: what sends is begun once",
  "the service asks for a little time",
  "the service is begun anew in the middle of a file",
  "tabs: one tray in two",
  "tabs: the one that drives is closed",
  "tabs: signed out in one, in again in another",
  "tabs: somebody else signs in",
  "a line that breaks: cuts, a long silence, a reload, signed out",
  "news that do not come",
  "the list by its keys",
  "the list, quicker than its answers",
  "a sample from its first file to the receipt",
  "sixty files of thirty candidates by their names: three clicks and a dialog",
  "the same sixty one by one: ninety actions",
  "a sample with a file of every kind",
  "a moderator looks at every kind of file",
  "a moderator's keys",
  "by keyboard alone: many files are planned",
  "by keyboard alone: from the check to the receipt",
];
/** @type {Partial<typeof walks>} */
const chosen = Object.fromEntries(Object.entries(walks).filter(([name]) => ALSO.includes(name)));
export const walksInFirefox = Object.fromEntries(Object.entries(chosen).map(([name, walk]) => [`Firefox: ${name}`, walk]));
