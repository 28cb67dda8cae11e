// The keeper: a shared worker in which the same engine runs as one more tab, that nobody sees. While pages drive their
// uploads it only hears of them. When a page goes (a reload, an ordinary link, the way to the sign-in and back) it
// inherits what that had, as any tab would, and goes on with it; the next page finds it in its tray. One a person, by
// its name; a browser that does not let it live without a page for a while begins none (`uploads.js`). A browser ends it
// minutes after its last page (Chromium 156: five), so that page still asks before it closes.

import { Engine } from "./engine.js";
import { Tabs, hearWho, tellWho } from "./tabs.js";

/** @type {Engine | null} */ let engine = null;

addEventListener("connect", (event) => {
  const [port] = /** @type {MessageEvent} */ (event).ports;
  if (port !== undefined) port.onmessage = ({ data }) => keep(String(data));
});

/** A page has found out that this one outlives it. @param {string} proof of its session. */
function keep(proof) {
  if (engine === null) engine = begin(proof);
  else engine.renew(proof);
}

/** @param {string} proof */
function begin(proof) {
  const person = self.name;
  const engine = new Engine(person, proof);
  engine.unseen = true;
  engine.watched = false;
  const tabs = new Tabs(engine, person);
  hearWho((now) => (now === person ? engine.back() : engine.leave()));
  engine.addEventListener("back", () => tellWho(person));
  addEventListener("online", () => engine.wake());
  tabs.stay();
  tabs.meet();
  return engine;
}
