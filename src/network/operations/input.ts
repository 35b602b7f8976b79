// What comes before the first layer: pixels become numbers, features become standardised ones.

import type { Recorder } from '../../gpu/recorder.js';
import type { Tensor } from '../../gpu/tensor.js';
import { standardise } from '../../kernels/standardise/standardise.js';
import type { Operation } from '../operation.js';

/** x = (x - mean) * scale, column by column of (N,D). */
export class Standardise implements Operation {
  readonly name = 'standardise';
  readonly inPlace = true;
  readonly keeps = [] as const;

  /** @param mean  (D), as scale; zeros in padding, so that padding stays zero */
  constructor(
    private readonly mean: Tensor,
    private readonly scale: Tensor,
  ) {}

  outputShape(inputShape: readonly number[]): readonly number[] {
    return inputShape;
  }

  forward(recorder: Recorder, x: Tensor): void {
    standardise(recorder, { label: this.name, x, mean: this.mean, scale: this.scale });
  }
}
