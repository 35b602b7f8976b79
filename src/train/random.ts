// All that is random in training: streams that a seed and names tell apart. Nothing else has to be remembered for a run to
// be repeated or taken up again, for the stream of epoch 7 is the same whether or not epoch 6 was drawn before it.

import { uniformInt } from 'pure-rand/distribution/uniformInt';
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus';
import { Sha256 } from '../sha256.js';

/** What a stream is for, and which of its kind it is: `'shuffle', epoch`. */
export type StreamName = readonly [
  purpose: 'split' | 'shuffle' | 'init' | 'dropout' | 'augment',
  ...which: (string | number)[],
];

export interface RandomStream {
  /** A whole number from 0 to 2^32 - 1. */
  uint32(): number;
  /** A whole number from 0 to `count` - 1, all alike. */
  below(count: number): number;
  /** A multiple of 2^-32 in [0, 1). */
  uniform(): number;
  /** From the standard normal distribution. */
  normal(): number;
  /** The items in another order (Fisher and Yates); the argument is left as it is. */
  shuffled<T>(items: readonly T[]): T[];
}

/** The numbers drawn for a purpose: the same for the same seed and name, on every machine. */
export function randomStream(seed: number, ...name: StreamName): RandomStream {
  const hash = new Sha256().update(JSON.stringify([seed, ...name])).digest();
  const generator = xoroshiro128plus(new DataView(hash.buffer, hash.byteOffset).getInt32(0, true));
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
