// How much of the time the GPU had nothing to do.

/** Adds up the time in which at least one piece of work is under way. */
export class Busy {
  #running = 0;
  #since = 0;
  #busy = 0;
  #first: number | undefined;
  #last = 0;

  /** @param now  milliseconds of a clock that never goes back */
  constructor(private readonly now: () => number = () => performance.now()) {}

  async during<Result>(work: () => Promise<Result>): Promise<Result> {
    if (this.#running++ === 0) this.#since = this.now();
    this.#first ??= this.#since;
    try {
      return await work();
    } finally {
      this.#last = this.now();
      if (--this.#running === 0) this.#busy += this.#last - this.#since;
    }
  }

  /** Share of the time from the first work's begin to the last one's end in which none was under way; 0 without work. */
  get idleShare(): number {
    if (this.#first === undefined) return 0;
    const underWay = this.#running > 0 ? this.now() - this.#since : 0;
    const end = this.#running > 0 ? this.now() : this.#last;
    const total = end - this.#first;
    return total > 0 ? 1 - (this.#busy + underWay) / total : 0;
  }
}
