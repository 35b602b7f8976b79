// Which pictures of a class are kept from training to validate with.

import { randomStream } from '../../train/random.js';

export interface Divided {
  readonly train: readonly string[];
  readonly val: readonly string[];
}

/**
 * Divides a class: the `share` of its pictures with the lowest draws is for validation, at least one and never all of
 * them; a single picture is for training. Each picture draws from a stream of its own name, so that its part does not
 * hang on other classes, on the order of the files, or, but for a few at the edge, on pictures that come and go.
 *
 * @param files  names below the data set's folder, in the order that both parts keep
 */
export function divide(files: readonly string[], seed: number, share: number): Divided {
  const held = Math.min(Math.max(Math.round(files.length * share), 1), files.length - 1);
  const drawn = files.map((file) => ({ file, draw: randomStream(seed, 'split', file).uint32() }));
  drawn.sort((a, b) => a.draw - b.draw || (a.file < b.file ? -1 : 1));
  const val = new Set(drawn.slice(0, held).map(({ file }) => file));
  return { train: files.filter((file) => !val.has(file)), val: files.filter((file) => val.has(file)) };
}
