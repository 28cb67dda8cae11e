// What tells a file from another of its name and size, and knows it again where its time of change does not: a copy on
// a stick has another time and is the same file. One SHA-256 over pieces of it: the first, the last, and some between.
// 2 MiB in all: read in a moment from a slow stick too, and with room for what tells films, archives and documents
// apart, which is at their beginning or their end. Sound and pictures that are not compressed may begin and end alike;
// that is what the pieces between are for. A smaller file is read whole.

const PIECES = 8;
/** Bytes. */
const PIECE = 256 * 1024;

/** @type {WeakMap<File, Promise<string | null>>} */
const known = new WeakMap();

/**
 * A file's guard, 64 hexadecimal digits; `""` where the browser makes no digests (a page that came without TLS), null
 * when the file cannot be read. `anew`: as it is now.
 * @param {File} file @param {boolean} [anew]
 */
export function guardOf(file, anew = false) {
  let made = known.get(file);
  if (made === undefined || anew) known.set(file, (made = read(file)));
  return made;
}

/** @param {File} file @returns {Promise<string | null>} */
async function read(file) {
  if (globalThis.crypto.subtle === undefined) return "";
  const step = (file.size - PIECE) / (PIECES - 1);
  const pieces = Array.from({ length: PIECES }, (_, at) => Math.round(at * step));
  const whole = file.size <= PIECES * PIECE;
  const read = whole ? file : new Blob(pieces.map((from) => file.slice(from, from + PIECE)));
  try {
    const digest = await crypto.subtle.digest("SHA-256", await read.arrayBuffer());
    return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("");
  } catch {
    known.delete(file);
    return null;
  }
}

/**
 * What the server says of an upload's file, or this browser of one that it began.
 * @typedef {{name: string, size: number, modified: string | null, guard: string}} Held
 */

/**
 * Whether `file` is the one that an upload was started with. Where its sender gave no guard, the time of change says
 * so; where they gave none of both, it may be another, and the upload is nobody's to go on with.
 * @param {Held} held @param {File} file @param {string | null} guard of the file.
 */
export function isSame(held, file, guard) {
  if (held.name !== file.name || held.size !== file.size || guard === null) return false;
  if (held.guard !== "" && guard !== "") return held.guard === guard;
  return held.modified !== null && Date.parse(held.modified) === file.lastModified;
}

/**
 * Which of the files each upload was started with. One file may be that of several: the same was sent to two places.
 * Where none is, and one alone has its name, that is it, and has changed.
 * @template {{held: Held | null}} T
 * @param {T[]} uploads @param {File[]} files @returns {Promise<[T, File][]>}
 */
export async function matched(uploads, files) {
  const named = Map.groupBy(files, (file) => file.name);
  /** @type {[T, File][]} */
  const pairs = [];
  for (const upload of uploads) {
    const { held } = upload;
    const some = held === null ? [] : named.get(held.name) ?? [];
    let found = some.length === 1 ? some[0] : undefined;
    for (const file of some) {
      if (held !== null && file.size === held.size && isSame(held, file, await guardOf(file))) {
        found = file;
        break;
      }
    }
    if (found !== undefined) pairs.push([upload, found]);
  }
  return pairs;
}
