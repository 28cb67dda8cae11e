// SHA-256 (FIPS 180-4) of what comes piece by piece: the browser's own takes a whole file at once, and films are large.

const K = new Int32Array(64);
const START = new Int32Array(8);

// The first 32 bits of the fractions of the cube and square roots of the first primes.
for (let prime = 2, found = 0; found < 64; prime += 1) {
  let whole = true;
  for (let by = 2; by * by <= prime; by += 1) whole &&= prime % by !== 0;
  if (!whole) continue;
  if (found < 8) START[found] = fraction(Math.sqrt(prime));
  K[found] = fraction(Math.cbrt(prime));
  found += 1;
}

/** @param {number} root */
function fraction(root) {
  return ((root - Math.floor(root)) * 4_294_967_296) | 0;
}

const BLOCK = 64;

export class Sha256 {
  #state = START.slice();
  #words = new Int32Array(64);
  /** What is not a block yet. */ #rest = new Uint8Array(BLOCK);
  #kept = 0;
  #bytes = 0;

  /** @param {Uint8Array} bytes */
  update(bytes) {
    this.#bytes += bytes.length;
    let at = 0;
    if (this.#kept > 0) {
      at = Math.min(BLOCK - this.#kept, bytes.length);
      this.#rest.set(bytes.subarray(0, at), this.#kept);
      this.#kept += at;
      if (this.#kept < BLOCK) return;
      this.#blocks(this.#rest, 0, BLOCK);
    }
    const end = bytes.length - ((bytes.length - at) % BLOCK);
    this.#blocks(bytes, at, end);
    this.#rest.set(bytes.subarray(end));
    this.#kept = bytes.length - end;
  }

  /** 64 hexadecimal digits; nothing may come after. */
  digest() {
    const bits = this.#bytes * 8;
    const last = new Uint8Array(this.#kept < BLOCK - 8 ? BLOCK : 2 * BLOCK);
    last.set(this.#rest.subarray(0, this.#kept));
    last[this.#kept] = 0x80;
    const view = new DataView(last.buffer);
    view.setUint32(last.length - 8, Math.floor(bits / 4_294_967_296));
    view.setUint32(last.length - 4, bits % 4_294_967_296);
    this.#blocks(last, 0, last.length);
    return Array.from(this.#state, (word) => (word >>> 0).toString(16).padStart(8, "0")).join("");
  }

  /** @param {Uint8Array} bytes @param {number} from @param {number} to */
  #blocks(bytes, from, to) {
    const w = this.#words;
    const state = this.#state;
    for (let at = from; at < to; at += BLOCK) {
      for (let i = 0, j = at; i < 16; i += 1, j += 4) {
        w[i] = (bytes[j] << 24) | (bytes[j + 1] << 16) | (bytes[j + 2] << 8) | bytes[j + 3];
      }
      for (let i = 16; i < 64; i += 1) {
        const x = w[i - 15];
        const y = w[i - 2];
        const small = ((x >>> 7) | (x << 25)) ^ ((x >>> 18) | (x << 14)) ^ (x >>> 3);
        const great = ((y >>> 17) | (y << 15)) ^ ((y >>> 19) | (y << 13)) ^ (y >>> 10);
        w[i] = (w[i - 16] + small + w[i - 7] + great) | 0;
      }
      // Taken apart by hand: a destructuring walks through the array, once a block.
      let a = state[0];
      let b = state[1];
      let c = state[2];
      let d = state[3];
      let e = state[4];
      let f = state[5];
      let g = state[6];
      let h = state[7];
      for (let i = 0; i < 64; i += 1) {
        const great = ((e >>> 6) | (e << 26)) ^ ((e >>> 11) | (e << 21)) ^ ((e >>> 25) | (e << 7));
        const one = (h + great + ((e & f) ^ (~e & g)) + K[i] + w[i]) | 0;
        const small = ((a >>> 2) | (a << 30)) ^ ((a >>> 13) | (a << 19)) ^ ((a >>> 22) | (a << 10));
        const two = (small + ((a & b) ^ (a & c) ^ (b & c))) | 0;
        h = g;
        g = f;
        f = e;
        e = (d + one) | 0;
        d = c;
        c = b;
        b = a;
        a = (one + two) | 0;
      }
      state[0] += a;
      state[1] += b;
      state[2] += c;
      state[3] += d;
      state[4] += e;
      state[5] += f;
      state[6] += g;
      state[7] += h;
    }
  }
}
