// Pictures that cannot be read, counted until they are too many to go on without them.

import { PictureError } from '../../errors.js';
import { brokenText, isTooManyBroken } from './refusals.js';

/** Messages of pictures that the error repeats. */
const NAMED = 3;

const CHECK = '`vgg16 data check` lists all that is wrong';

/** Counts the broken among a known number of pictures. */
export class BrokenCount {
  readonly #named: string[] = [];
  #count = 0;

  constructor(private readonly total: number) {}

  get count(): number {
    return this.#count;
  }

  /** @throws PictureError when these are too many to go on without them */
  add(error: PictureError): void {
    this.#count++;
    if (this.#named.length < NAMED) this.#named.push(error.message);
    const { total } = this;
    if (!isTooManyBroken(this.#count, total)) return;
    const isAll = this.#count === total;
    const what = isAll ? brokenText(total, total) : `stopped: ${brokenText(this.#count, total)}`;
    const advice = isAll ? CHECK : `${CHECK}; mend them or take them out`;
    throw new PictureError(`${what}: ${this.#examples()}; ${advice}`, { cause: error });
  }

  #examples(): string {
    const more = this.#count - this.#named.length;
    return this.#named.join('; ') + (more > 0 ? `; and ${more} more` : '');
  }
}
