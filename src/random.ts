// Seeded random numbers: the same on every machine. The generator is pure-rand's xoroshiro128+.

import { uniformInt } from 'pure-rand/distribution/uniformInt';
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus';

export interface Random {
  /** A whole number from 0 to 2^32 - 1. */
  uint32(): number;
  /** A whole number from 0 to `count` - 1, each equally likely. */
  below(count: number): number;
  /** A multiple of 2^-32 in [0, 1). */
  uniform(): number;
  /** A number of the standard normal distribution. */
  normal(): number;
  /** The items in another order (Fisher and Yates); the argument is left as it is. */
  shuffled<T>(items: readonly T[]): T[];
}

/** @param seed  any whole number, of which the lower 32 bits count; neighbouring seeds have nothing in common */
export function seededRandom(seed: number): Random {
  return hashedRandom(mixed((seed + 0x9e3779b9) | 0));
}

/** @param hash  32 bits out of a hash. Of a small number, the generator's first numbers would all be large. */
export function hashedRandom(hash: number): Random {
  const generator = xoroshiro128plus(hash);
  const uint32 = () => generator.next() >>> 0;
  const below = (count: number) => uniformInt(generator, 0, count - 1);
  const uniform = () => uint32() / 2 ** 32;
  return {
    uint32,
    below,
    uniform,
    normal() {
      // Box and Muller; 1 - uniform is never 0, whose logarithm is infinite.
      return Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());
    },
    shuffled<T>(items: readonly T[]): T[] {
      const result = [...items];
      for (let last = result.length - 1; last > 0; last--) {
        const other = below(last + 1);
        [result[last], result[other]] = [result[other]!, result[last]!];
      }
      return result;
    },
  };
}

/** The finaliser of MurmurHash3: every bit of the input changes about half of the output's. */
function mixed(word: number): number {
  let h = word;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}
