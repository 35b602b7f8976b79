// The first few of many, in the order of a comparison, without keeping the rest.

export class Largest<T> {
  readonly #kept: T[] = [];

  /** @param compare as of `Array.sort`: negative where the first argument comes first */
  constructor(
    readonly limit: number,
    readonly compare: (a: T, b: T) => number,
  ) {}

  add(item: T): void {
    const last = this.#kept.at(-1);
    if (this.#kept.length === this.limit) {
      if (last === undefined || this.compare(item, last) >= 0) return;
      this.#kept.pop();
    }
    // Behind its equals: of those, the ones that came first stay.
    const after = this.#kept.findIndex((kept) => this.compare(item, kept) < 0);
    this.#kept.splice(after < 0 ? this.#kept.length : after, 0, item);
  }

  /** Those that are kept, the first first. */
  sorted(): T[] {
    return [...this.#kept];
  }
}
