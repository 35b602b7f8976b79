// What was chosen for each shape by measuring it, and which choice counts for a shape that was not measured itself.

import type { Gpu } from '../gpu/gpu.js';
import type { TensorDtype } from '../gpu/tensor.js';
import { type Conv3x3Choice, isConv3x3Candidate } from '../kernels/conv3x3/candidates.js';
import type { Conv3x3Sizes } from '../kernels/conv3x3/rungs.js';
import { isLinearCandidate, type LinearChoice } from '../kernels/linear/candidates.js';
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

/** What choices hold for. */
export interface ChoicesKey {
  readonly adapter: { readonly vendor: string; readonly architecture: string; readonly device: string };
  readonly driver: string;
  readonly version: string;
  readonly dtype: TensorDtype;
}

/** What is written: the key, and what was chosen. */
export interface ChoicesRecord extends ChoicesKey {
  readonly conv3x3: readonly ConvEntry[];
  readonly linear: readonly DenseEntry[];
}

export function choicesKeyOf({ info }: Pick<Gpu, 'info'>, dtype: TensorDtype): ChoicesKey {
  const { vendor, architecture, device, description } = info;
  return { adapter: { vendor, architecture, device }, driver: description, version: __VERSION__, dtype };
}

export function recordOf(key: ChoicesKey, { conv3x3, linear }: Choices): ChoicesRecord {
  return { ...key, conv3x3, linear };
}

/** Choices, and why there are none though there is something. */
export interface FoundChoices {
  readonly choices: Choices;
  readonly fault: string | undefined;
}

/** What a record holds for this key, and that the adapter, as it was opened, can do. */
export function choicesOf(gpu: Gpu, key: ChoicesKey, value: unknown): FoundChoices {
  const none = (fault: string) => ({ choices: Choices.NONE, fault });
  if (!isChoicesRecord(value)) return none('is damaged');
  const { conv3x3, linear, version, driver, adapter, dtype } = value;
  if (version !== key.version) return none(`is of vgg16-webgpu ${version}, this is ${key.version}`);
  if (driver !== key.driver) return none(`is of the driver "${driver}", this is "${key.driver}"`);
  const { vendor, architecture, device } = key.adapter;
  const isOwn =
    adapter.vendor === vendor && adapter.architecture === architecture && adapter.device === device;
  if (!isOwn || dtype !== key.dtype) return none('is of another adapter or dtype');
  const choices = new Choices(
    conv3x3.filter(({ shape, choice }) => isConv3x3Candidate(gpu, shape, key.dtype, choice)),
    linear.filter(({ shape, choice }) => isLinearCandidate(gpu, shape, choice)),
  );
  return { choices, fault: undefined };
}

export function isChoicesRecord(value: unknown): value is ChoicesRecord {
  if (!isObject(value) || !isObject(value.adapter)) return false;
  const texts = [value.driver, value.version, value.dtype];
  return (
    texts.every((text) => typeof text === 'string') &&
    isEntries(value.conv3x3, ['N', 'H', 'W', 'C', 'O']) &&
    value.conv3x3.every(({ shape }) => typeof (shape as { pooled?: unknown }).pooled === 'boolean') &&
    isEntries(value.linear, ['N', 'D', 'O'])
  );
}

function isEntries(value: unknown, sides: readonly string[]): value is readonly Entry<object, object>[] {
  const isEntry = (entry: unknown) =>
    isObject(entry) &&
    isObject(entry.shape) &&
    isObject(entry.choice) &&
    typeof entry.choice.rung === 'string' &&
    sides.every((side) => isCount((entry.shape as Record<string, unknown>)[side])) &&
    typeof entry.ms === 'number' &&
    typeof entry.defaultMs === 'number';
  return Array.isArray(value) && value.every(isEntry);
}

function isCount(value: unknown): boolean {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 1;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
