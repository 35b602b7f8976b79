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
// Within a chunk, runs of a cache line's length are scattered from each of its rows in turn: whatever is fetched into
// the cache is used up before it leaves.

import type { StridedTensor } from './archive.js';
import { rowMajorStrides, sizeOf } from './strided.js';

/** Numbers that are read at once: 8 MB. */
export const CHUNK_LENGTH = 2 ** 21;

/** 32-bit numbers in a cache line of 64 bytes. */
const LINE = 16;

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

/**
 * @param tensor  a view that stays within its storage
 * @param budget  numbers to hold at most, besides a chunk
 */
export function gather(tensor: StridedTensor, budget: number): RowMajor {
  const { storage, offset } = tensor;
  const axes = collapsedAxes(tensor);
  const [only] = axes;
  if (!only || (axes.length === 1 && only.from === 1)) {
    return { read: (start, target) => storage.read(offset + start, target) };
  }
  return new StripedView(tensor, axes, budget);
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
  /** The stripe that `#values` begins with. */
  #stripe: Stripe | undefined;
  #values = new Float32Array(0);

  constructor(tensor: StridedTensor, axes: readonly Axis[], budget: number) {
    this.#tensor = tensor;
    this.#axes = axes;
    this.#cut = axes.findIndex(({ to }) => to <= budget);
    this.#rows = Math.max(1, Math.floor(budget / axes[this.#cut]!.to));
  }

  async read(start: number, target: Float32Array): Promise<void> {
    for (let done = 0; done < target.length; ) {
      const stripe = await this.#stripeAt(start + done);
      const first = start + done - stripe.start;
      const part = this.#values.subarray(first, Math.min(first + target.length - done, stripe.length));
      target.set(part, done);
      done += part.length;
    }
  }

  async #stripeAt(element: number): Promise<Stripe> {
    const held = this.#stripe;
    if (held && element >= held.start && element < held.start + held.length) return held;
    this.#stripe = undefined;
    const stripe = this.#plan(element);
    // One stripe takes the place of another: two would be twice the budget, until the collector comes.
    if (this.#values.length < stripe.length) this.#values = new Float32Array(stripe.length);
    await fill(this.#values, stripe, this.#tensor);
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
      const axes = this.#axes.slice(i).with(0, { size: Math.min(this.#rows, size - index), from, to });
      return { start, length: sizeOf(axes.map((axis) => axis.size)), position, axes };
    }
    throw new RangeError(`element ${element} of ${this.#tensor.name} lies in no stripe`);
  }
}

/** Reads all that a stripe needs, in order, and scatters it. */
async function fill(values: Float32Array, stripe: Stripe, { storage }: StridedTensor): Promise<void> {
  const axes = stripe.axes.toSorted((a, b) => b.from - a.from);
  const end = stripe.position + spanOf(axes);
  const chunk = new Float32Array(Math.min(CHUNK_LENGTH, end - stripe.position));
  // As integers, so that a NaN keeps its bits.
  const result = new Int32Array(values.buffer);
  for (let start = stripe.position; start < end; start += chunk.length) {
    const part = chunk.subarray(0, end - start);
    await storage.read(start, part);
    const read = { values: new Int32Array(part.buffer, 0, part.length), start, end: start + part.length };
    scatter(axes, read, stripe.position, result, 0);
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

/** Copies a matrix that lies in a chunk as a whole. */
function scatterMatrix(
  rows: Axis,
  columns: Axis,
  source: Int32Array,
  sourceStart: number,
  target: Int32Array,
  targetStart: number,
): void {
  for (let first = 0; first < columns.size; first += LINE) {
    const count = Math.min(LINE, columns.size - first);
    for (let row = 0; row < rows.size; row++) {
      let s = sourceStart + row * rows.from + first * columns.from;
      let t = targetStart + row * rows.to + first * columns.to;
      for (let i = 0; i < count; i++, s += columns.from, t += columns.to) target[t] = source[s]!;
    }
  }
}
