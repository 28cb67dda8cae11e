// Keys without Ctrl or Alt that do something: a person may not want them, on whatever page.

const KEPT = "single-keys";

export function singleKeys() {
  return localStorage.getItem(KEPT) !== "off";
}

/** @param {boolean} on */
export function useSingleKeys(on) {
  if (on) localStorage.removeItem(KEPT);
  else localStorage.setItem(KEPT, "off");
}
