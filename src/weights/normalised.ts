// Batch normalisation folded into the layer beside it. When pictures are classified it is one scale and one shift for each
// channel, which the layer's own numbers take in:
//
//   behind a layer     s (W x + b) + t  =  (s W) x + (s b + t)      s, t for each output
//   in front of one    W (s x + t) + b  =  (W s) x + (W t + b)      s, t for each input
//
// In front of a convolution with a border that does not hold: its zeros come behind the normalisation.
//
// Source   Ioffe and Szegedy, "Batch Normalization", 2015, arXiv:1502.03167, section 3.1

import type { FoundLayer } from './archive.js';
import { FileFault } from './file.js';
import { gather } from './gather.js';
import type { Storage, StridedTensor } from './source.js';
import { sizeOf, wholeTensor } from './strided.js';
import { quote } from './text.js';

/** y = scale * x + shift, for each channel or each number. */
export interface Affine {
  readonly scale: Float64Array;
  readonly shift: Float64Array;
}

/** As a file keeps it: y = gamma * (x - mean) / sqrt(variance + epsilon) + beta; gamma 1 and beta 0 where they are missing. */
export interface BatchNorm {
  readonly mean: StridedTensor;
  readonly variance: StridedTensor;
  readonly gamma?: StridedTensor | undefined;
  readonly beta?: StridedTensor | undefined;
  readonly epsilon: number;
}

/** What is done to outputs on their way to the next layer; an operand has one number, or one for each output. */
export type Change =
  | { readonly kind: 'normalise'; readonly norm: BatchNorm }
  | { readonly kind: 'add' | 'subtract' | 'multiply' | 'divide'; readonly operand: StridedTensor };

/** Numbers of a kernel that are held at once: 32 MB. */
const BUDGET = 2 ** 23;

/** A vector's numbers. @throws FileFault for a tensor of another size */
async function vectorOf(tensor: StridedTensor, length = sizeOf(tensor.shape)): Promise<Float32Array> {
  if (sizeOf(tensor.shape) !== length)
    throw new FileFault(
      `tensor ${quote(tensor.name)}: expected ${length} numbers, found ${sizeOf(tensor.shape)}`,
    );
  const numbers = new Float32Array(length);
  if (length > 0) await gather(tensor, BUDGET).read(0, numbers);
  return numbers;
}

/** @throws FileFault where its vectors differ in length */
export async function affineOf({ mean, variance, gamma, beta, epsilon }: BatchNorm): Promise<Affine> {
  const means = await vectorOf(mean);
  const { length } = means;
  const variances = await vectorOf(variance, length);
  const gammas = gamma && (await vectorOf(gamma, length));
  const betas = beta && (await vectorOf(beta, length));
  const scale = Float64Array.from(variances, (value, i) => (gammas?.[i] ?? 1) / Math.sqrt(value + epsilon));
  return { scale, shift: scale.map((factor, i) => (betas?.[i] ?? 0) - factor * means[i]!) };
}

/**
 * Several changes, the first first, as one.
 *
 * @param length  of what they change; by default that of the longest operand
 * @throws FileFault where their numbers differ
 */
async function composed(changes: readonly Change[], length = longest(changes)): Promise<Affine> {
  const scale = new Float64Array(length).fill(1);
  const shift = new Float64Array(length);
  for (const change of changes) {
    const next = await affineOfChange(change, length);
    for (let i = 0; i < length; i++) {
      scale[i] = scale[i]! * next.scale[i]!;
      shift[i] = shift[i]! * next.scale[i]! + next.shift[i]!;
    }
  }
  return { scale, shift };
}

function longest(changes: readonly Change[]): number {
  const sizes = changes.map((change) =>
    sizeOf((change.kind === 'normalise' ? change.norm.mean : change.operand).shape),
  );
  return Math.max(0, ...sizes);
}

async function affineOfChange(change: Change, length: number): Promise<Affine> {
  if (change.kind === 'normalise') {
    const affine = await affineOf(change.norm);
    expectLength(change.norm.mean, affine, length);
    return affine;
  }
  const { kind, operand } = change;
  const isSingle = sizeOf(operand.shape) === 1;
  const numbers = await vectorOf(operand, isSingle ? 1 : length);
  const values = Float64Array.from({ length }, (_, i) => numbers[isSingle ? 0 : i]!);
  const zero = new Float64Array(length);
  const one = new Float64Array(length).fill(1);
  switch (kind) {
    case 'add':
      return { scale: one, shift: values };
    case 'subtract':
      return { scale: one, shift: values.map((value) => -value) };
    case 'multiply':
      return { scale: values, shift: zero };
    case 'divide':
      return { scale: values.map((value) => 1 / value), shift: zero };
  }
}

/** Of a map that was flattened by rows, columns and channels, in the order of channels, rows and columns. */
function channelsFirst({ scale, shift }: Affine, channels: number): Affine {
  const pixels = scale.length / channels;
  const moved = (values: Float64Array) =>
    values.map((_, at) => values[(at % pixels) * channels + Math.floor(at / pixels)]!);
  return { scale: moved(scale), shift: moved(shift) };
}

/**
 * A layer with what is done to its inputs and to its outputs.
 *
 * @param layer  kernel (O,I,3,3), (O,I), or (O,C,S,S) over a map
 * @param order  that a map's numbers were flattened in, where they are changed one by one
 * @throws FileFault where their numbers differ
 */
export async function withChanges(
  layer: FoundLayer,
  { inFront = [], behind = [] }: { inFront?: readonly Change[]; behind?: readonly Change[] },
  order: 'CHW' | 'HWC',
): Promise<FoundLayer> {
  let own = layer;
  const [outputs = 0, channels = 0, ...window] = layer.kernel.shape;
  if (inFront.length > 0) {
    const affine = await composed(inFront);
    const isTurned = order === 'HWC' && window.length > 0 && affine.scale.length !== channels;
    own = foldedInFront(own, isTurned ? channelsFirst(affine, channels) : affine);
  }
  return behind.length > 0 ? foldedBehind(own, await composed(behind, outputs)) : own;
}

/** Zeros as a vector: the bias of a layer that has none. @param name  of the layer's kernel, for messages */
export function zeros(name: string, length: number): StridedTensor {
  const storage: Storage = {
    length,
    dtype: 'F32',
    stored: 'F32',
    read: async (_, target) => void target.fill(0),
  };
  return wholeTensor(`${name} (no bias: zeros)`, [length], storage);
}

/** A layer with what is applied to its outputs. @throws FileFault where their numbers differ */
export function foldedBehind({ kernel, bias }: FoundLayer, affine: Affine): FoundLayer {
  const [outputs = 0, ...inputs] = kernel.shape;
  expectLength(kernel, affine, outputs);
  const row = sizeOf(inputs);
  const { scale, shift } = affine;
  return {
    kernel: mapped(kernel, (value, at) => value * scale[Math.floor(at / row)]!),
    bias: mapped(bias, (value, output) => value * scale[output]! + shift[output]!),
  };
}

/**
 * A dense layer with what is applied to its inputs: to each of them, or to each channel of a feature map that it reads.
 *
 * @param layer  kernel (O,I), or (O,C,S,S) over a map
 * @throws FileFault where their numbers differ
 */
export function foldedInFront({ kernel, bias }: FoundLayer, affine: Affine): FoundLayer {
  const [, channels = 0, ...window] = kernel.shape;
  const row = channels * sizeOf(window);
  const isForEach = affine.scale.length === row;
  if (!isForEach) expectLength(kernel, affine, channels);
  const repeats = isForEach ? 1 : row / channels;
  const { scale, shift } = affine;
  let sums: Promise<Float64Array> | undefined;
  const summed = mapped(bias, (value) => value);
  const storage: Storage = {
    ...summed.storage,
    read: async (start, target) => {
      sums ??= rowSums(kernel, row, (at) => shift[Math.floor(at / repeats)]!);
      await summed.storage.read(start, target);
      const added = await sums;
      for (let i = 0; i < target.length; i++) target[i] = target[i]! + added[start + i]!;
    },
  };
  return {
    kernel: mapped(kernel, (value, at) => value * scale[Math.floor((at % row) / repeats)]!),
    bias: { ...summed, storage },
  };
}

function expectLength({ name }: StridedTensor, { scale }: Affine, length: number): void {
  if (scale.length === length) return;
  throw new FileFault(
    `tensor ${quote(name)}: a normalisation of ${scale.length} channels beside it, expected ${length}`,
  );
}

/** Each row of a kernel times one vector. */
async function rowSums(
  kernel: StridedTensor,
  row: number,
  factor: (at: number) => number,
): Promise<Float64Array> {
  const sums = new Float64Array(kernel.shape[0]!);
  const numbers = gather(kernel, BUDGET);
  const values = new Float32Array(row);
  for (const output of sums.keys()) {
    await numbers.read(output * row, values);
    let sum = 0;
    for (let at = 0; at < row; at++) sum += values[at]! * factor(at);
    sums[output] = sum;
  }
  return sums;
}

/** The same shape, row-major, each number made of the old one and of its place. */
function mapped(tensor: StridedTensor, map: (value: number, at: number) => number): StridedTensor {
  const { name, shape, storage } = tensor;
  const numbers = gather(tensor, BUDGET);
  return wholeTensor(name, shape, {
    length: sizeOf(shape),
    dtype: 'F32',
    stored: storage.stored,
    read: async (start, target) => {
      await numbers.read(start, target);
      for (let i = 0; i < target.length; i++) target[i] = map(target[i]!, start + i);
    },
  });
}
