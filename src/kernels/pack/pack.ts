// Launches pack: which of its two, by what k is stored as.

import { GpuError } from '../../errors.js';
import { workgroupsFor } from '../../gpu/dispatch.js';
import { type Kernel, tilingOf } from '../../gpu/pipelines.js';
import type { Recorder } from '../../gpu/recorder.js';
import type { Tensor } from '../../gpu/tensor.js';
import toF32 from './pack.wgsl';
import toF16 from './pack_f16.wgsl';

/** A thread writes a word of k. */
const PACKS = {
  f32: { name: 'pack', wgsl: toF32, columnsPerWord: 1 },
  f16: { name: 'pack_f16', wgsl: toF16, columnsPerWord: 2 },
} as const;

/** How a file stores its numbers, as the kernel numbers them. */
const DTYPES = { F32: 0, F16: 1, BF16: 2 } as const;

export interface PackArguments {
  /** The layer's name; errors begin with it. */
  readonly label: string;
  /** The file's bytes as words: rows, sourceC, space of them. */
  readonly source: Tensor;
  readonly dtype: keyof typeof DTYPES;
  readonly rows: number;
  readonly sourceC: number;
  readonly space: number;
  /** (space,C,columns), seen as such whatever its shape; f32 or f16. */
  readonly k: Tensor;
  readonly C: number;
  readonly columns: number;
  /** The column of k that the first row becomes; even where k is f16, and an odd row is then followed by a zero. */
  readonly first: number;
}

/** @throws GpuError where the adapter cannot. */
export function pack(recorder: Recorder, args: PackArguments): void {
  const { label, source, dtype, rows, sourceC, space, k, C, columns, first } = args;
  if (first < 0 || first + rows > columns || sourceC > C || space * C * columns > k.size) {
    throw new GpuError(
      `${label}: (${rows},${sourceC},${space}) does not fit from column ${first} into (${space},${C},${columns}) of ${k.label}`,
    );
  }
  const { name, wgsl, columnsPerWord } = PACKS[k.dtype];
  if (first % columnsPerWord !== 0 || columns % columnsPerWord !== 0) {
    throw new GpuError(
      `${label}: columns from ${first} of ${columns} are no whole words of ${k.label}, which is ${k.dtype}`,
    );
  }
  const words = Math.ceil((rows * sourceC * space * (dtype === 'F32' ? 4 : 2)) / 4);
  if (words > source.size)
    throw new GpuError(`${label}: ${source.label} has ${source.size} words, expected ${words}`);
  const kernel: Kernel = {
    name,
    wgsl,
    constants: {
      ...{ ROWS: rows, SPACE: space, SOURCE_C: sourceC, C },
      ...{ COLUMNS: columns, FIRST: first, DTYPE: DTYPES[dtype] },
    },
  };
  const workgroups = workgroupsFor(
    recorder.gpu,
    space * C * Math.ceil(rows / columnsPerWord),
    tilingOf(kernel, 'THREADS'),
  );
  recorder.dispatch(label, kernel, [source, k], workgroups);
}
