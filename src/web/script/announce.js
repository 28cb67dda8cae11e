// What a screen reader hears: at most one message in five seconds, the latest of what waits.

const PAUSE = 5_000;
/** @type {string[]} */
const waiting = [];
let busy = false;

/** @param {string} text @param {'polite' | 'assertive'} [how] */
export function announce(text, how = "polite") {
  if (how === "assertive") return say(text, how);
  waiting.push(text);
  if (!busy) next();
}

function next() {
  const text = waiting.splice(0).at(-1);
  busy = text !== undefined;
  if (text === undefined) return;
  say(text, "polite");
  setTimeout(next, PAUSE);
}

/** @param {string} text @param {string} id */
function say(text, id) {
  const region = document.getElementById(id);
  if (region !== null) region.textContent = text;
}
