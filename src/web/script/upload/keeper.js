// The keeper: a shared worker in which the same engine runs as one more tab, that nobody sees. While pages drive their
// uploads it only hears of them. When a page goes (a reload, an ordinary link, the way to the sign-in and back) it
// inherits what that had, as any tab would, and goes on with it; the next page finds it in its tray. One a person, by
// its name; a browser that does not let it live without a page for a while begins none (`uploads.js`).

import { Engine } from "./engine.js";
import { Tabs, hearWho } from "./tabs.js";

let begun = false;

addEventListener("connect", (event) => {
  const [port] = /** @type {MessageEvent} */ (event).ports;
  if (port !== undefined) port.onmessage = keep;
});

/** Somebody has found out that this one outlives its page. */
function keep() {
  if (begun) return;
  begun = true;
  const person = self.name;
  const engine = new Engine(person, "");
  engine.unseen = true;
  engine.watched = false;
  const tabs = new Tabs(engine, person);
  hearWho((now) => (now === person ? engine.back() : engine.leave()));
  addEventListener("online", () => engine.wake());
  tabs.stay();
  tabs.meet();
  engine.back();
}
