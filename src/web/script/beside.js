// The scripts that run beside a page, under the address of all our scripts: the only ones that a page may begin.

/** @type {{createScriptURL: (url: string) => any} | undefined} */
const policy = /** @type {any} */ (window).trustedTypes?.createPolicy("strongroom", {
  createScriptURL: (/** @type {string} */ url) => {
    const { origin, pathname } = new URL(url, location.href);
    if (origin !== location.origin || !/^\/static\/[0-9a-f]+\/script\/(hasher|keeper)\.js$/.test(pathname)) throw new TypeError(url);
    return pathname;
  },
});

/** @param {'hasher' | 'keeper'} name @returns {string} the address as a worker's maker takes it. */
export function beside(name) {
  const url = new URL(`./${name}.js`, import.meta.url).href;
  return policy?.createScriptURL(url) ?? url;
}
