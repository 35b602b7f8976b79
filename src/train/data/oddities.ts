// Pictures that can be used, though hardly anything of them is seen: much smaller than a network's input, or so long that
// the square in their middle shows next to nothing.

import { sizeText } from '../../image/picture.js';
import type { Size } from '../../image/resize.js';
import { MIN_INPUT_SIDE } from '../../weights/head_input.js';
import type { Problem } from './problems.js';

/** A longer side of so many shorter ones is noted. */
const OBLONG = 8;

/** What is odd about a picture's size; undefined where nothing is. */
export function oddityOf(path: string, size: Size): Problem | undefined {
  const short = Math.min(size.width, size.height);
  const long = Math.max(size.width, size.height);
  if (long > OBLONG * short) {
    const share = `1/${Math.round(long / short)}`;
    return {
      kind: 'oblong',
      path,
      reason: `it has an extreme shape, ${sizeText(size)}: the square in its middle that the network sees is ${share} of it`,
    };
  }
  if (short >= MIN_INPUT_SIDE) return undefined;
  return {
    kind: 'tiny',
    path,
    reason: `it has only ${sizeText(size)}, much smaller than the network's input, and is enlarged`,
  };
}
