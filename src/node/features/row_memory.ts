// As many rows in memory as a budget allows: the first that come stay.

/** Rows are taken together in blocks of about this many bytes. */
const BLOCK_BYTES = 2 ** 22;

/** Rows by number. Epochs visit rows in ever new orders, so that throwing one out for another would gain nothing. */
export class RowMemory {
  readonly #blocks: Float32Array[] = [];
  readonly #rowsInBlock: number;
  readonly #capacity: number;
  /** (rows) one more than where in the blocks a row lies; 0 where it does not. */
  readonly #places: Uint32Array;
  #used = 0;

  /** @param bytes  the budget, of which only what is used is taken */
  constructor(
    rows: number,
    private readonly width: number,
    bytes: number,
  ) {
    this.#places = new Uint32Array(rows);
    this.#rowsInBlock = Math.max(1, Math.floor(BLOCK_BYTES / (4 * width)));
    this.#capacity = Math.min(rows, Math.floor(bytes / (4 * width)));
  }

  /** The row itself: not to be changed. */
  get(row: number): Float32Array | undefined {
    const place = this.#places[row]!;
    return place === 0 ? undefined : this.#at(place - 1);
  }

  /** Copies a row, in place of what it was before; false, and nothing done, where there is no room. */
  set(row: number, values: Float32Array): boolean {
    if (this.#places[row] === 0) {
      if (this.#used === this.#capacity) return false;
      if (this.#used % this.#rowsInBlock === 0) {
        const rows = Math.min(this.#rowsInBlock, this.#capacity - this.#used);
        this.#blocks.push(new Float32Array(rows * this.width));
      }
      this.#places[row] = ++this.#used;
    }
    this.#at(this.#places[row]! - 1).set(values);
    return true;
  }

  #at(place: number): Float32Array {
    const block = this.#blocks[Math.floor(place / this.#rowsInBlock)]!;
    const start = (place % this.#rowsInBlock) * this.width;
    return block.subarray(start, start + this.width);
  }
}
