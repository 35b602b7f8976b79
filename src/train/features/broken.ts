// When pictures that cannot be read are too many to go on without them.

import { PictureError } from '../../errors.js';

const MAX_SHARE = 0.05;
/** Messages of pictures that the error repeats. */
const NAMED = 3;

const CHECK = '`vgg16 data check` lists all that is wrong';

/** Counts the broken among a known number of pictures. One may always be, unless it is the only one. */
export class BrokenCount {
  readonly #named: string[] = [];
  #count = 0;

  constructor(private readonly total: number) {}

  get count(): number {
    return this.#count;
  }

  /** @throws PictureError when that makes more than 5 %, or all */
  add(error: PictureError): void {
    this.#count++;
    if (this.#named.length < NAMED) this.#named.push(error.message);
    const { total } = this;
    if (this.#count === total) {
      const what = total === 1 ? 'the only picture cannot' : `none of the ${total} pictures can`;
      throw new PictureError(`${what} be read: ${this.#examples()}; ${CHECK}`, { cause: error });
    }
    if (this.#count > Math.max(1, MAX_SHARE * total)) {
      throw new PictureError(
        `stopped at ${this.#count} pictures of ${total} that cannot be read, more than 5 %: ${this.#examples()}; ` +
          `${CHECK}; mend them or take them out`,
        { cause: error },
      );
    }
  }

  #examples(): string {
    const more = this.#count - this.#named.length;
    return this.#named.join('; ') + (more > 0 ? `; and ${more} more` : '');
  }
}
