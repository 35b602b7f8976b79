// What follows the last layer's scores: probabilities.

import type { Recorder } from '../../gpu/recorder.js';
import type { Tensor } from '../../gpu/tensor.js';
import { softmax } from '../../kernels/softmax/softmax.js';
import type { Operation } from '../operation.js';

/** y = softmax(x) over the first `classes` columns, (N,O) to (N,O). */
export class Softmax implements Operation {
  readonly keeps = [] as const;

  constructor(
    readonly name: string,
    private readonly classes: number,
  ) {}

  outputShape(inputShape: readonly number[]): readonly number[] {
    return inputShape;
  }

  forward(recorder: Recorder, x: Tensor, y: Tensor): void {
    softmax(recorder, { label: this.name, x, y, classes: this.classes });
  }
}
