// What a screen reader hears: at most one message in five seconds. What comes meanwhile waits, and is said as one; of two
// about the same, the later.

const PAUSE = 5_000;
/** Messages that wait; of more, the latest. */
const MOST = 4;
/** @type {Map<string, {text: string, how: 'polite' | 'assertive'}>} */
const waiting = new Map();
let busy = false;

/** @param {string} text @param {'polite' | 'assertive'} [how] @param {string} [about] what it takes the place of. */
export function announce(text, how = "polite", about = text) {
  waiting.delete(about);
  waiting.set(about, { text, how });
  for (const [oldest] of waiting) if (waiting.size > MOST) waiting.delete(oldest);
  if (!busy) next();
}

function next() {
  const some = [...waiting.values()];
  waiting.clear();
  busy = some.length > 0;
  if (!busy) return;
  const region = document.getElementById(some.some(({ how }) => how === "assertive") ? "assertive" : "polite");
  if (region !== null) region.textContent = some.map(({ text }) => text).join(". ");
  setTimeout(next, PAUSE);
}
