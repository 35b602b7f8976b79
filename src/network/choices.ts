// What was chosen for each shape by measuring it, and which choice counts for a shape that was not measured itself.

import type { Conv3x3Choice } from '../kernels/conv3x3/candidates.js';
import type { Conv3x3Sizes } from '../kernels/conv3x3/rungs.js';
import type { LinearChoice } from '../kernels/linear/candidates.js';
import { GEMV_MAX_BATCH } from '../kernels/linear/linear.js';

/** A convolution, and whether a 2x2 pooling follows it in the network, which its time then includes. */
export interface ConvShape extends Conv3x3Sizes {
  readonly pooled: boolean;
}

export interface DenseShape {
  readonly N: number;
  readonly D: number;
  readonly O: number;
}

export interface Entry<Shape, Choice> {
  readonly shape: Shape;
  readonly choice: Choice;
  /** Of the choice, and of what would be taken without it. */
  readonly ms: number;
  readonly defaultMs: number;
}

export type ConvEntry = Entry<ConvShape, Conv3x3Choice>;
export type DenseEntry = Entry<DenseShape, LinearChoice>;

/** A choice counts for batches up to so many times as large, or as small, as the one that was measured. */
const FARTHEST = 4;

/** Choices for one adapter, driver and dtype. */
export class Choices {
  /** None: the default for every shape. */
  static readonly NONE = new Choices([], []);

  constructor(
    readonly conv3x3: readonly ConvEntry[],
    readonly linear: readonly DenseEntry[],
  ) {}

  /** Of how many shapes. */
  get size(): number {
    return this.conv3x3.length + this.linear.length;
  }

  get isEmpty(): boolean {
    return this.size === 0;
  }

  /** That of the nearest batch; undefined where none is near. */
  forConv3x3(shape: ConvShape): Conv3x3Choice | undefined {
    return nearest(
      this.conv3x3.filter((entry) => isSameButBatch(entry.shape, shape)),
      shape.N,
    )?.choice;
  }

  /** As `forConv3x3`. */
  forLinear(shape: DenseShape): LinearChoice | undefined {
    const same = this.linear.filter((entry) => isSameButBatch(entry.shape, shape));
    const choice = nearest(same, shape.N)?.choice;
    return choice?.rung === '03_gemv' && shape.N > GEMV_MAX_BATCH ? undefined : choice;
  }

  /** Those for these convolutions, whatever the batch. */
  forConvs(shapes: readonly ConvShape[]): Choices {
    const isAmong = ({ shape }: ConvEntry) => shapes.some((other) => isSameButBatch(other, shape));
    return new Choices(this.conv3x3.filter(isAmong), []);
  }

  /** These and others; of two for the same shape, the other one. */
  with({ conv3x3, linear }: Choices): Choices {
    return new Choices(merged(this.conv3x3, conv3x3), merged(this.linear, linear));
  }
}

function isSameButBatch<Shape extends { readonly N: number }>(a: Shape, b: Shape): boolean {
  return (Object.keys(a) as (keyof Shape)[]).every((side) => side === 'N' || a[side] === b[side]);
}

function nearest<E extends Entry<{ readonly N: number }, unknown>>(
  entries: readonly E[],
  N: number,
): E | undefined {
  const distance = ({ shape }: E) => Math.abs(Math.log2(shape.N / N));
  // Of two as near, the one for fewer: the order in the file must not count.
  const [first] = [...entries].sort((a, b) => distance(a) - distance(b) || a.shape.N - b.shape.N);
  return first && distance(first) <= Math.log2(FARTHEST) ? first : undefined;
}

function merged<E extends Entry<{ readonly N: number }, unknown>>(
  old: readonly E[],
  others: readonly E[],
): E[] {
  const isReplaced = ({ shape }: E) =>
    others.some((other) => other.shape.N === shape.N && isSameButBatch(other.shape, shape));
  return [...old.filter((entry) => !isReplaced(entry)), ...others];
}
