// The random numbers of training: streams that a seed and names tell apart. A run that is repeated or resumed needs to
// remember nothing else, because the stream of epoch 7 is the same whether or not epoch 6 was drawn before it.

import { hashedRandom, type Random } from '../random.js';
import { Sha256 } from '../sha256.js';

/** What a stream is for, and which of its kind it is: `'shuffle', epoch`. */
export type StreamName = readonly [
  purpose: 'split' | 'shuffle' | 'init' | 'dropout' | 'augment',
  ...which: (string | number)[],
];

/** The numbers drawn for a purpose: the same for the same seed and name, on every machine. */
export function randomStream(seed: number, ...name: StreamName): Random {
  const hash = new Sha256().update(JSON.stringify([seed, ...name])).digest();
  return hashedRandom(new DataView(hash.buffer, hash.byteOffset).getInt32(0, true));
}
