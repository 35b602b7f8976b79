// Launches pack: which of its two, by what k is stored as.

import { GpuError } from '../../errors.js';
import { type Kernel, tilingOf } from '../../gpu/pipelines.js';
import type { Recorder } from '../../gpu/recorder.js';
import type { Tensor } from '../../gpu/tensor.js';
import toF32 from './pack.wgsl';
import toF16 from './pack_f16.wgsl';

/** A thread writes words of k. */
const PACKS = {
  f32: { name: 'pack', wgsl: toF32, columnsPerWord: 1 },
  f16: { name: 'pack_f16', wgsl: toF16, columnsPerWord: 2 },
} as const;

/** How the source's numbers are stored, as the kernels number it. */
const DTYPES = { F32: 0, F16: 1, BF16: 2 } as const;

/** An axis of a box: how many elements, and the way from one to the next, in numbers of the source and of k. */
export interface PackAxis {
  readonly size: number;
  readonly from: number;
  readonly to: number;
}

/** Numbers that are copied from a source into k. */
export interface PackBox {
  /** At most four. The first one is k's columns: its `to` is 1. */
  readonly axes: readonly PackAxis[];
  /** Where the box begins in the source, and in k; even in a k of f16, where an odd number of columns is followed by a zero. */
  readonly from: number;
  readonly to: number;
}

export interface PackArguments {
  /** The layer's name; errors begin with it. */
  readonly label: string;
  /** The source's bytes as words. */
  readonly source: Tensor;
  readonly dtype: keyof typeof DTYPES;
  /** f32 or f16. */
  readonly k: Tensor;
  readonly box: PackBox;
}

/** What `axes` has where a box has fewer than four. */
const NO_AXIS: PackAxis = { size: 1, from: 0, to: 0 };

/** @throws GpuError for a box that does not fit its source or k, and where the adapter cannot. */
export function pack(recorder: Recorder, { label, source, dtype, k, box }: PackArguments): void {
  const [columns = NO_AXIS, ...others] = box.axes;
  const axes = [columns, ...others, NO_AXIS, NO_AXIS, NO_AXIS].slice(0, 4);
  const { name, wgsl, columnsPerWord } = PACKS[k.dtype];
  const steps = [box.to, ...axes.slice(1).map(({ to }) => to)];
  if (steps.some((step) => step % columnsPerWord !== 0)) {
    throw new GpuError(`${label}: ${steps.join(', ')} are no whole words of ${k.label}, which is ${k.dtype}`);
  }
  const end = (side: 'from' | 'to') =>
    axes.reduce((sum, axis) => sum + (axis.size - 1) * axis[side], box[side] + 1);
  const width = k.shape.at(-1)!;
  const isWithin = (box.to % width) + columns.size <= width && end('to') <= k.size;
  if (!isWithin || columns.to !== (columns === NO_AXIS ? 0 : 1) || box.axes.length > 4) {
    throw new GpuError(
      `${label}: a box of ${axes.map(({ size }) => size).join(' x ')} from ${box.to} does not fit into ${k.label}`,
    );
  }
  const words = Math.ceil((end('from') * (dtype === 'F32' ? 4 : 2)) / 4);
  if (words > source.size)
    throw new GpuError(`${label}: ${source.label} has ${source.size} words, expected ${words}`);
  const sides = (side: keyof PackAxis) => axes.map((axis) => axis[side]);
  const words16 = [...sides('size'), ...sides('from'), ...sides('to'), box.from, box.to, DTYPES[dtype], 0];
  const kernel: Kernel = { name, wgsl };
  const most = recorder.gpu.limits.maxComputeWorkgroupsPerDimension;
  const x = Math.ceil(columns.size / columnsPerWord / tilingOf(kernel, 'THREADS'));
  const y = Math.min(most, Math.ceil(axes[1]!.size / tilingOf(kernel, 'ROWS')));
  recorder.dispatch(
    label,
    kernel,
    [source, recorder.constants(label, words16), k],
    [x, y, axes[2]!.size * axes[3]!.size],
  );
}
