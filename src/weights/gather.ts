// Puts the numbers of a strided view in row-major order, in bounded memory.
//
// A view that is in order already is read straight through. Any other is gathered in stripes, which are as many
// leading rows of the result as the budget holds:
//
//   storage (I,O) as a file has it             view (O,I)            stripe
//   o0 o1 o2 o3 ...                            o0 [i0 i1 i2 ...]  \  filled by one pass
//   --- chunk, read forwards ---   scattered   o1 [i0 i1 i2 ...]  /  over the storage
//   o0 o1 o2 o3 ...                   -->      o2 [i0 i1 i2 ...]
//
// Within a chunk, tiles of 4 rows by 32 columns are transposed: 4 numbers lie side by side in the result, and what is
// fetched into the cache is used up before it leaves. The next chunk is read meanwhile.
//
// Where a row of the result has axes in another order than the storage, as in (O,C,H,W) out of (H,W,C,O), neighbours in
// the storage would be far apart in the row. Then a stripe's rows keep the storage's order, (O,H,W,C), and each is put in
// order when it is taken out: a row is small enough for the cache.

import type { StridedTensor } from './source.js';
import { rowMajorStrides, sizeOf } from './strided.js';

/** Numbers that are read at once: 8 MB. */
export const CHUNK_LENGTH = 2 ** 21;

/** Columns of a tile: two cache lines of 64 bytes. */
const TILE = 32;

/** A tensor's numbers in row-major order. */
export interface RowMajor {
  /**
   * Reads the numbers `[start, start + target.length)`. Reading on from where the last call ended is fast. One call at
   * a time.
   *
   * @throws WeightsError where the file ends early or cannot be read
   */
  read(start: number, target: Float32Array): Promise<void>;
}

/** Buffers that several views may use, one after the other. */
export interface Scratch {
  stripe?: Float32Array<ArrayBuffer>;
  /** One is filled while the other is worked on. */
  chunks?: readonly [Float32Array<ArrayBuffer>, Float32Array<ArrayBuffer>];
}

/**
 * @param tensor   a view that stays within its storage
 * @param budget   numbers to hold at most, besides two chunks
 * @param scratch  of views that are not read any more
 */
export function gather(tensor: StridedTensor, budget: number, scratch: Scratch = {}): RowMajor {
  const { storage, offset } = tensor;
  const axes = collapsedAxes(tensor);
  const [only] = axes;
  if (!only || (axes.length === 1 && only.from === 1)) {
    return { read: (start, target) => storage.read(offset + start, target) };
  }
  return new StripedView(tensor, axes, budget, scratch);
}

/** An axis of a view: how many elements, and the way from one to the next in the storage and in the result. */
interface Axis {
  readonly size: number;
  readonly from: number;
  readonly to: number;
}

/** A view's axes without those of size 1, and neighbours as one where a single stride serves both. */
function collapsedAxes({ shape, strides }: StridedTensor): Axis[] {
  const steps = rowMajorStrides(shape);
  const axes: Axis[] = [];
  for (const [i, size] of shape.entries()) {
    if (size === 1) continue;
    const axis = { size, from: strides[i]!, to: steps[i]! };
    const outer = axes.at(-1);
    if (outer?.from === size * axis.from) axes[axes.length - 1] = { ...axis, size: outer.size * size };
    else axes.push(axis);
  }
  return axes;
}

/** A part of the result: `axes` walked from number `position` of the storage. */
interface Stripe {
  readonly start: number;
  readonly length: number;
  readonly position: number;
  readonly axes: readonly Axis[];
}

class StripedView implements RowMajor {
  readonly #tensor: StridedTensor;
  readonly #axes: readonly Axis[];
  /** The axis that is cut into stripes: elements of those after it fit the budget together. */
  readonly #cut: number;
  readonly #rows: number;
  /** The axes of a row from its order in a stripe to that of the result; undefined where they are the same. */
  readonly #reorder: readonly Axis[] | undefined;
  /** Axes of a stripe, from the storage to the stripe. */
  readonly #ofStripe: readonly Axis[];
  readonly #scratch: Scratch;
  /** The stripe that the scratch memory begins with. */
  #stripe: Stripe | undefined;
  /** The row that was put in order last, and which. */
  #row: { readonly start: number; readonly values: Float32Array<ArrayBuffer> } | undefined;

  constructor(tensor: StridedTensor, axes: readonly Axis[], budget: number, scratch: Scratch) {
    this.#tensor = tensor;
    this.#scratch = scratch;
    this.#axes = axes;
    this.#cut = axes.findIndex(({ to }) => to <= budget);
    const { from, to } = axes[this.#cut]!;
    this.#rows = Math.max(1, Math.floor(budget / to));
    const ofRow = axes.slice(this.#cut + 1);
    const stored = ofRow.toSorted((a, b) => b.from - a.from);
    if (to <= CHUNK_LENGTH && stored.some((axis, i) => axis !== ofRow[i])) {
      const steps = rowMajorStrides(stored.map(({ size }) => size));
      this.#reorder = stored.map((axis, i) => ({ size: axis.size, from: steps[i]!, to: axis.to }));
      this.#ofStripe = [{ size: 0, from, to }, ...stored.map((axis, i) => ({ ...axis, to: steps[i]! }))];
    } else {
      this.#ofStripe = axes.slice(this.#cut);
    }
  }

  async read(start: number, target: Float32Array): Promise<void> {
    for (let done = 0; done < target.length; ) {
      const stripe = await this.#stripeAt(start + done);
      const first = start + done - stripe.start;
      const part = target.subarray(done, done + stripe.length - first);
      if (this.#reorder) this.#takeRows(this.#reorder, stripe, first, part);
      else part.set(this.#scratch.stripe!.subarray(first, first + part.length));
      done += part.length;
    }
  }

  /** Puts numbers `[first, first + target.length)` of a stripe's part of the result in order. */
  #takeRows(reorder: readonly Axis[], stripe: Stripe, first: number, target: Float32Array): void {
    const length = this.#axes[this.#cut]!.to;
    const inOrder = (row: number, result: Float32Array) => {
      const values = new Int32Array(this.#scratch.stripe!.buffer, row * length * 4, length);
      const whole = { values, start: 0, end: length };
      scatter(reorder, whole, 0, new Int32Array(result.buffer, result.byteOffset, length), 0);
    };
    for (let done = 0; done < target.length; ) {
      const row = Math.floor((first + done) / length);
      const from = (first + done) % length;
      const part = target.subarray(done, done + length - from);
      if (part.length === length) inOrder(row, part);
      else {
        const start = stripe.start + row * length;
        if (this.#row?.start !== start) {
          const values = this.#row?.values ?? new Float32Array(length);
          this.#row = { start, values };
          inOrder(row, values);
        }
        part.set(this.#row.values.subarray(from, from + part.length));
      }
      done += part.length;
    }
  }

  async #stripeAt(element: number): Promise<Stripe> {
    const held = this.#stripe;
    if (held && element >= held.start && element < held.start + held.length) return held;
    this.#stripe = undefined;
    const stripe = this.#plan(element);
    // One stripe takes the place of another: two would be twice the budget, until the collector comes.
    await fill(stripe, this.#tensor, this.#scratch);
    this.#stripe = stripe;
    return stripe;
  }

  #plan(element: number): Stripe {
    let position = this.#tensor.offset;
    let start = 0;
    for (const [i, { size, from, to }] of this.#axes.entries()) {
      let index = Math.floor((element - start) / to);
      if (i === this.#cut) index -= index % this.#rows;
      position += index * from;
      start += index * to;
      if (i < this.#cut) continue;
      const axes = this.#ofStripe.with(0, { size: Math.min(this.#rows, size - index), from, to });
      return { start, length: sizeOf(axes.map((axis) => axis.size)), position, axes };
    }
    throw new RangeError(`element ${element} of ${this.#tensor.name} lies in no stripe`);
  }
}

/** Reads all that a stripe needs, in order, and scatters it. */
async function fill(stripe: Stripe, { storage }: StridedTensor, scratch: Scratch): Promise<void> {
  const axes = stripe.axes.toSorted((a, b) => b.from - a.from);
  const end = stripe.position + spanOf(axes);
  const chunkLength = Math.min(CHUNK_LENGTH, end - stripe.position);
  if ((scratch.stripe?.length ?? 0) < stripe.length) {
    delete scratch.stripe; // before the larger one is there
    scratch.stripe = new Float32Array(stripe.length);
  }
  if ((scratch.chunks?.[0].length ?? 0) < chunkLength) {
    scratch.chunks = [new Float32Array(chunkLength), new Float32Array(chunkLength)];
  }
  // As integers, so that a NaN keeps its bits.
  const result = new Int32Array(scratch.stripe!.buffer);
  let [buffer, other] = scratch.chunks!;
  const readFrom = async (start: number): Promise<Chunk> => {
    const part = buffer.subarray(0, end - start);
    [buffer, other] = [other, buffer];
    await storage.read(start, part);
    return { values: new Int32Array(part.buffer, 0, part.length), start, end: start + part.length };
  };
  for (let next: Promise<Chunk> | undefined = readFrom(stripe.position); next; ) {
    const chunk: Chunk = await next;
    next = chunk.end < end ? readFrom(chunk.end) : undefined;
    // It is waited for later; until then nobody else may hear of its failure.
    next?.catch(() => {});
    scatter(axes, chunk, stripe.position, result, 0);
  }
}

/** The way from a view's first number to behind its last. */
function spanOf(axes: readonly Axis[]): number {
  return axes.reduce((span, { size, from }) => span + (size - 1) * from, 1);
}

/** Numbers `[start, end)` of a storage. */
interface Chunk {
  readonly values: Int32Array;
  readonly start: number;
  readonly end: number;
}

/**
 * Copies those elements of a view that lie in a chunk.
 *
 * @param axes      outermost in the storage first
 * @param position  of the view's first element in the storage
 * @param index     of the view's first element in the result
 */
function scatter(
  axes: readonly Axis[],
  chunk: Chunk,
  position: number,
  result: Int32Array,
  index: number,
): void {
  const [{ size, from, to }, ...inner] = axes as [Axis, ...Axis[]];
  const span = spanOf(inner);
  const first = Math.max(0, Math.ceil((chunk.start - position - span + 1) / from));
  const last = Math.min(size - 1, Math.floor((chunk.end - 1 - position) / from));
  if (inner.length === 0) {
    let source = position + first * from - chunk.start;
    let target = index + first * to;
    for (let i = first; i <= last; i++, source += from, target += to) result[target] = chunk.values[source]!;
    return;
  }
  for (let i = first; i <= last; i++) {
    const at = position + i * from;
    const complete = Math.min(last + 1, Math.floor((chunk.end - span - position) / from) + 1) - i;
    if (inner.length === 1 && at >= chunk.start && complete > 1) {
      const rows = { size: complete, from, to };
      scatterMatrix(rows, inner[0]!, chunk.values, at - chunk.start, result, index + i * to);
      i += complete - 1;
    } else {
      scatter(inner, chunk, at, result, index + i * to);
    }
  }
}

/** Copies a matrix that lies in a chunk as a whole, tile by tile. */
function scatterMatrix(
  rows: Axis,
  columns: Axis,
  source: Int32Array,
  sourceStart: number,
  target: Int32Array,
  targetStart: number,
): void {
  const [read, write] = [rows.from, rows.to];
  const inFours = rows.size - (rows.size % 4);
  for (let first = 0; first < columns.size; first += TILE) {
    const count = Math.min(TILE, columns.size - first);
    for (let row = 0; row < rows.size; row += row < inFours ? 4 : 1) {
      let s = sourceStart + row * read + first * columns.from;
      let t = targetStart + row * write + first * columns.to;
      if (row < inFours) {
        for (let i = 0; i < count; i++, s += columns.from, t += columns.to) {
          target[t] = source[s]!;
          target[t + write] = source[s + read]!;
          target[t + 2 * write] = source[s + 2 * read]!;
          target[t + 3 * write] = source[s + 3 * read]!;
        }
      } else {
        for (let i = 0; i < count; i++, s += columns.from, t += columns.to) target[t] = source[s]!;
      }
    }
  }
}
