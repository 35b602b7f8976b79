// Pictures that can be used, though hardly anything of them is seen: much smaller than a network's input, or so long that
// the square in their middle shows next to nothing.

import { MIN_INPUT_SIDE } from '../architecture.js';
import { type Framing, IMAGENET_FRAMING } from '../image/framing.js';
import { sizeText } from '../image/picture.js';
import type { Size } from '../image/resize.js';

export interface Oddity {
  readonly kind: 'tiny' | 'oblong';
  /** The rest of a line that begins with the picture's name. */
  readonly reason: string;
}

/** A longer side of so many shorter ones is noted. */
const OBLONG = 8;

/** What is odd about the size of a picture that is framed like this; undefined where nothing is. */
export function oddityOf(size: Size, { resize, crop }: Framing = IMAGENET_FRAMING): Oddity | undefined {
  // Whoever keeps a picture's size wants it as it is.
  if (resize === 'none') return undefined;
  const short = Math.min(size.width, size.height);
  const long = Math.max(size.width, size.height);
  if (typeof crop === 'number' && long > OBLONG * short) {
    const share = `1/${Math.round(long / short)}`;
    return {
      kind: 'oblong',
      reason: `it has an extreme shape, ${sizeText(size)}: the square in its middle that the network sees is ${share} of it`,
    };
  }
  if (short >= MIN_INPUT_SIDE) return undefined;
  return {
    kind: 'tiny',
    reason: `it has only ${sizeText(size)}, much smaller than the network's input, and is enlarged`,
  };
}

/** The odd pictures among many, told in one note. */
export class Oddities {
  #first: string | undefined;
  #count = 0;

  /** @param line  the picture's name and the reason */
  add(line: string): void {
    this.#first ??= line;
    this.#count++;
  }

  /** Undefined where nothing was odd. */
  get note(): string | undefined {
    const others = this.#count - 1;
    if (others <= 0) return this.#first;
    return `${this.#first}; ${others} more ${others === 1 ? 'picture is' : 'pictures are'} very small or very long`;
  }
}
