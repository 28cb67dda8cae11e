// The script comes in two parts. The first makes the page usable; what is begun in it that needs the second, which
// uploads, waits here until that has come.

/** @typedef {{take: (files: File[], spot: import("./elements/places.js").Spot) => void, arrived: () => void}} Uploads */

/** @type {PromiseWithResolvers<Uploads>} */
export const door = Promise.withResolvers();
