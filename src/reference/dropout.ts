// dropout in float64, with the very mask of the kernel.

/** Which mask: whole numbers, of which the lower 32 bits count. */
export interface DropoutKey {
  readonly seed: number;
  readonly step: number;
  readonly layer: number;
}

/** x / (1 - rate) where the mask keeps it, else 0. Position and length of x are part of the mask: pass the padded tensor. */
export function dropout(x: ArrayLike<number>, key: DropoutKey, rate: number): Float64Array {
  const dropped = Math.floor(rate * 2 ** 32);
  let random: Uint32Array | undefined;
  return Float64Array.from(x, (value, i) => {
    // A call of the hash serves a quad.
    if (i % 4 === 0 || !random) random = pcg4d(i / 4, key.layer, key.step, key.seed);
    return random[i % 4]! >= dropped ? value / (1 - rate) : 0;
  });
}

/** Four words to four random words: Jarzynski and Olano, "Hash Functions for GPU Rendering", 2020. */
export function pcg4d(...key: [x: number, y: number, z: number, w: number]): Uint32Array {
  const v = Uint32Array.from(key, (word) => Math.imul(word, 1664525) + 1013904223);
  const mix = () => {
    v[0]! += Math.imul(v[1]!, v[3]!);
    v[1]! += Math.imul(v[2]!, v[0]!);
    v[2]! += Math.imul(v[0]!, v[1]!);
    v[3]! += Math.imul(v[1]!, v[2]!);
  };
  mix();
  for (const [i, word] of v.entries()) v[i] = word ^ (word >>> 16);
  mix();
  return v;
}
