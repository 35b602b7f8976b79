// Pooling: the largest of each 2x2, and the average over a whole feature map.

import type { Recorder } from '../../gpu/recorder.js';
import type { Tensor } from '../../gpu/tensor.js';
import { avgPool } from '../../kernels/avgpool/avgpool.js';
import { maxPool2x2 } from '../../kernels/maxpool2x2/maxpool2x2.js';
import type { Operation } from '../operation.js';

/** (N,H,W,C) to (N,floor(H/2),floor(W/2),C). */
export class MaxPool2x2 implements Operation {
  /** Its backward pass will keep a record of its own: the position of each maximum, in 2 bits. */
  readonly keeps = [] as const;

  constructor(readonly name: string) {}

  outputShape([N, H, W, C]: readonly number[]): number[] {
    return [N!, Math.floor(H! / 2), Math.floor(W! / 2), C!];
  }

  forward(recorder: Recorder, x: Tensor, y: Tensor): void {
    maxPool2x2(recorder, { label: this.name, x, y });
  }
}

/** (N,H,W,C) to (N,C). */
export class AvgPool implements Operation {
  readonly keeps = [] as const;

  constructor(readonly name: string) {}

  outputShape([N, , , C]: readonly number[]): number[] {
    return [N!, C!];
  }

  forward(recorder: Recorder, x: Tensor, y: Tensor): void {
    avgPool(recorder, { label: this.name, x, y });
  }
}
