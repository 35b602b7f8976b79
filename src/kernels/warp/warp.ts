// Launches warp.

import { GpuError } from '../../errors.js';
import { workgroupsFor } from '../../gpu/dispatch.js';
import { type Kernel, tilingOf } from '../../gpu/pipelines.js';
import type { Recorder } from '../../gpu/recorder.js';
import type { Tensor } from '../../gpu/tensor.js';
import { expectShape } from '../shapes.js';
import wgsl from './warp.wgsl';

/** How one picture is made of a source. Matrices as wgpu-matrix has them, which is as WGSL reads them. */
export interface WarpView {
  /** Where the source begins among the bytes of all. */
  readonly firstByte: number;
  /** The source's size in px. */
  readonly width: number;
  readonly height: number;
  /** From a place in the result to the place in the source, in px from the upper left corner: a mat3, 12 numbers. */
  readonly map: ArrayLike<number>;
  /** From the source's (r,g,b,1), bytes, to the result's: a mat4, 16 numbers. */
  readonly colour: ArrayLike<number>;
}

/** The struct View of the kernel. */
export const VIEW_WORDS = 32;

/** Views as the kernel reads them: (N, VIEW_WORDS). @throws GpuError for a source that is not within `bytes` bytes */
export function viewWords(label: string, views: readonly WarpView[], bytes: number): Float32Array {
  const words = new Float32Array(views.length * VIEW_WORDS);
  const wholes = new Uint32Array(words.buffer);
  views.forEach(({ firstByte, width, height, map, colour }, n) => {
    if (firstByte + width * height * 3 > bytes) {
      throw new GpuError(
        `${label}: source ${n} of ${width} x ${height} px ends after the ${bytes} bytes given`,
      );
    }
    wholes.set([firstByte, width, height], n * VIEW_WORDS);
    words.set(map, n * VIEW_WORDS + 4);
    words.set(colour, n * VIEW_WORDS + 16);
  });
  return words;
}

export interface WarpArguments {
  readonly label: string;
  /** Words: the RGB bytes of all sources, little-endian. */
  readonly pixels: Tensor;
  /** (N, VIEW_WORDS), as `viewWords` makes them. */
  readonly views: Tensor;
  /** ceil(N*size*size*3 / 4) words: RGB bytes, as normalise reads them. */
  readonly y: Tensor;
  /** Side of the results in px. */
  readonly size: number;
}

/** @throws GpuError where shapes do not fit each other or the adapter. */
export function warp(recorder: Recorder, { label, pixels, views, y, size }: WarpArguments): void {
  const N = views.shape[0]!;
  expectShape(label, views, [N, VIEW_WORDS]);
  expectShape(label, y, [Math.ceil((N * size * size * 3) / 4)]);
  const kernel: Kernel = { name: 'warp', wgsl, constants: { S: size } };
  const quads = Math.ceil((N * size * size) / 4);
  const workgroups = workgroupsFor(recorder.gpu, quads, tilingOf(kernel, 'THREADS'));
  recorder.dispatch(label, kernel, [pixels, views, y], workgroups);
}
