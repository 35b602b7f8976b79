// When pictures that cannot be read are too many to train without them: one rule for `vgg16 train`, which stops, and for
// `vgg16 data check`, which says so beforehand.

import { PictureError } from '../../errors.js';
import { listed, pictures } from '../../text.js';
import { type Dataset, PARTS, type Part, type Sample } from '../../train/dataset.js';

/** Of all pictures of a data set, whatever part they are for. */
const MAX_BROKEN_SHARE = 0.05;

/** Whether so many unreadable pictures are too many to go on. One may always be, unless it is the only one. */
export function isTooManyBroken(broken: number, total: number): boolean {
  return broken === total || broken > Math.max(1, MAX_BROKEN_SHARE * total);
}

/** `5 of 48 pictures (10 %) cannot be read, more than 5 %`. */
export function brokenText(broken: number, total: number): string {
  if (total === 1) return 'the only picture cannot be read';
  if (broken === total) return `none of the ${total} pictures can be read`;
  const percent = (100 * broken) / total;
  const share = percent < 10 ? Number(percent.toPrecision(2)) : Math.round(percent);
  return `${broken} of ${pictures(total)} (${share} %) cannot be read, more than ${100 * MAX_BROKEN_SHARE} %`;
}

/** The classes of which none of these samples is. */
export function classesWithout(classes: readonly string[], samples: readonly Sample[]): string[] {
  const labels = new Set(samples.map(({ label }) => label));
  return classes.filter((_, label) => !labels.has(label));
}

/** What is said where all pictures of some classes to train on are broken. */
export function lostText(lost: readonly string[]): string {
  return `no picture of ${listed(lost)} can be read to train on`;
}

/** What is said where all pictures of a part are broken. */
export function lostPartText(part: Part, total: number): string {
  return `${part}: ${brokenText(total, total)}`;
}

/** Why training would stop at a data set, a line each. @param isBroken  of a sample that cannot be read */
export function refusalsOf(dataset: Dataset, isBroken: (sample: Sample) => boolean): string[] {
  const parts = PARTS.filter((part) => dataset[part].length > 0);
  const readable = (part: Part) => dataset[part].filter((sample) => !isBroken(sample));
  const total = parts.reduce((sum, part) => sum + dataset[part].length, 0);
  const broken = parts.reduce((sum, part) => sum + dataset[part].length - readable(part).length, 0);
  if (isTooManyBroken(broken, total)) return [brokenText(broken, total)];
  const lost = classesWithout(dataset.classes, readable('train'));
  return [
    ...(lost.length > 0 ? [lostText(lost)] : []),
    ...parts
      .filter((part) => readable(part).length === 0)
      .map((part) => lostPartText(part, dataset[part].length)),
  ];
}

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
