// One after another: work that shares something, a file handle or memory on the GPU, waits for its turn.

/** A queue of work. */
export class Turns {
  #last: Promise<unknown> = Promise.resolve();

  /** Begins `work` when all work that was given before has ended, well or not. @throws what `work` throws */
  take<T>(work: () => T | Promise<T>): Promise<T> {
    const result = this.#last.then(work);
    this.#last = result.catch(() => {});
    return result;
  }

  /** Waits until all work that was given so far has ended. */
  async ended(): Promise<void> {
    await this.#last;
  }
}
