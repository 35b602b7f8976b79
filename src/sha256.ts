// SHA-256 without Node and without WebCrypto, whose digest is asynchronous and takes all bytes at once.
//
// Source   FIPS 180-4, "Secure Hash Standard", sections 5 and 6.2; https://doi.org/10.6028/NIST.FIPS.180-4

/** A hash that takes bytes in pieces. Node's `createHash('sha256')` is one as well, and about ten times as fast. */
export interface Hash {
  update(bytes: Uint8Array): unknown;
  /** The hash of all bytes so far. To be called once. */
  digest(): Uint8Array;
}

/** Bytes of a block, which is what the hash takes at once. */
const BLOCK = 64;

/** The first 32 bits of the fractional parts of the first eight primes' square roots. */
const INITIAL = primes(8).map((prime) => fraction(Math.sqrt(prime)));
/** The same of the first 64 primes' cube roots. */
const ROUND_CONSTANTS = Int32Array.from(primes(64), (prime) => fraction(Math.cbrt(prime)));

export class Sha256 implements Hash {
  readonly #state = Int32Array.from(INITIAL);
  /** The beginning of a block, until there is enough for a whole one. */
  readonly #rest = new Uint8Array(BLOCK);
  readonly #words = new Int32Array(BLOCK);
  #length = 0;

  /** Takes bytes, or a text as UTF-8. */
  update(data: Uint8Array | string): this {
    const bytes = typeof data === 'string' ? new TextEncoder().encode(data) : data;
    const held = this.#length % BLOCK;
    this.#length += bytes.length;
    let done = 0;
    if (held > 0) {
      done = Math.min(BLOCK - held, bytes.length);
      this.#rest.set(bytes.subarray(0, done), held);
      if (held + done < BLOCK) return this;
      this.#blocks(this.#rest);
    }
    const whole = bytes.subarray(done, bytes.length - ((bytes.length - done) % BLOCK));
    this.#blocks(whole);
    this.#rest.set(bytes.subarray(done + whole.length));
    return this;
  }

  digest(): Uint8Array<ArrayBuffer> {
    const bits = BigInt(this.#length) * 8n;
    // A one, zeros, and the length in bits: they fill the last block.
    const padding = new Uint8Array(BLOCK + 8 - ((this.#length + 8) % BLOCK));
    padding[0] = 0x80;
    new DataView(padding.buffer).setBigUint64(padding.length - 8, bits);
    this.update(padding);
    const digest = new Uint8Array(4 * this.#state.length);
    const view = new DataView(digest.buffer);
    for (const [i, word] of this.#state.entries()) view.setInt32(4 * i, word);
    return digest;
  }

  /** Takes whole blocks. */
  #blocks(bytes: Uint8Array): void {
    const state = this.#state;
    const w = this.#words;
    for (let at = 0; at < bytes.length; at += BLOCK) {
      for (let i = 0, p = at; i < 16; i++, p += 4) {
        w[i] = (bytes[p]! << 24) | (bytes[p + 1]! << 16) | (bytes[p + 2]! << 8) | bytes[p + 3]!;
      }
      for (let i = 16; i < 64; i++) {
        const x = w[i - 15]!;
        const y = w[i - 2]!;
        const s0 = ((x >>> 7) | (x << 25)) ^ ((x >>> 18) | (x << 14)) ^ (x >>> 3);
        const s1 = ((y >>> 17) | (y << 15)) ^ ((y >>> 19) | (y << 13)) ^ (y >>> 10);
        w[i] = (w[i - 16]! + s0 + w[i - 7]! + s1) | 0;
      }
      compress(state, w);
    }
  }
}

/** One block, whose 64 words are given: section 6.2.2, steps 2 to 4. */
function compress(state: Int32Array, words: Int32Array): void {
  let a = state[0]!;
  let b = state[1]!;
  let c = state[2]!;
  let d = state[3]!;
  let e = state[4]!;
  let f = state[5]!;
  let g = state[6]!;
  let h = state[7]!;
  for (let i = 0; i < 64; i++) {
    const s1 = ((e >>> 6) | (e << 26)) ^ ((e >>> 11) | (e << 21)) ^ ((e >>> 25) | (e << 7));
    const t1 = (h + s1 + (g ^ (e & (f ^ g))) + ROUND_CONSTANTS[i]! + words[i]!) | 0;
    const s0 = ((a >>> 2) | (a << 30)) ^ ((a >>> 13) | (a << 19)) ^ ((a >>> 22) | (a << 10));
    const t2 = (s0 + ((a & b) | (c & (a | b)))) | 0;
    h = g;
    g = f;
    f = e;
    e = (d + t1) | 0;
    d = c;
    c = b;
    b = a;
    a = (t1 + t2) | 0;
  }
  state[0] = state[0]! + a;
  state[1] = state[1]! + b;
  state[2] = state[2]! + c;
  state[3] = state[3]! + d;
  state[4] = state[4]! + e;
  state[5] = state[5]! + f;
  state[6] = state[6]! + g;
  state[7] = state[7]! + h;
}

/** Lower-case hex, two digits per byte. */
export function toHex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

function primes(count: number): number[] {
  const found: number[] = [];
  for (let n = 2; found.length < count; n++) if (found.every((prime) => n % prime !== 0)) found.push(n);
  return found;
}

/** The first 32 bits behind the point. */
function fraction(root: number): number {
  return Math.floor((root % 1) * 2 ** 32) | 0;
}
