// What comes before the first dense layer of a head: features become standardised ones.

import type { Recorder } from '../../gpu/recorder.js';
import { sizeOf, type Tensor } from '../../gpu/tensor.js';
import { standardise } from '../../kernels/standardise/standardise.js';
import type { BackwardArguments, Operation } from '../operation.js';

/** y = (x - mean) * scale, column by column of (N,D). A feature map (N,H,W,C) is read as (N,H*W*C). */
export class Standardise implements Operation {
  readonly name = 'standardise';
  readonly keeps = [] as const;

  /** @param mean  (D), as scale; zeros in padding, so that padding stays zero */
  constructor(
    private readonly mean: Tensor,
    private readonly scale: Tensor,
  ) {}

  outputShape([N, ...sides]: readonly number[]): readonly number[] {
    return [N!, sizeOf(sides)];
  }

  forward(recorder: Recorder, x: Tensor, y: Tensor): void {
    standardise(recorder, { label: this.name, x: flat(x), mean: this.mean, scale: this.scale, y });
  }

  /** dx = dy * scale */
  backward(recorder: Recorder, { dy, dx }: BackwardArguments): void {
    if (!dx) return;
    const mean = recorder.constants('no mean', new Array<number>(this.mean.size).fill(0));
    standardise(recorder, { label: this.name, x: dy, mean, scale: this.scale, y: flat(dx) });
  }
}

/** A feature map (N,H,W,C) as (N,H*W*C): the same memory. */
export function flat(x: Tensor): Tensor {
  const [N, ...sides] = x.shape;
  return sides.length === 1 ? x : x.view(`${x.label}, flat`, [N!, sizeOf(sides)]);
}
