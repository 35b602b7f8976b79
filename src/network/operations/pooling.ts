// Pooling: the largest of each 2x2, and what a head may begin with: averages, and the largest of a whole feature map.

import type { Recorder } from '../../gpu/recorder.js';
import type { Tensor } from '../../gpu/tensor.js';
import { averagedShape, avgPool, avgPoolBackward } from '../../kernels/avgpool/avgpool.js';
import { maxPool, maxPoolBackward } from '../../kernels/maxpool/maxpool.js';
import { maxPool2x2, maxPool2x2Backward, positionsShape } from '../../kernels/maxpool2x2/maxpool2x2.js';
import type { BackwardArguments, Operation } from '../operation.js';

/** (N,H,W,C) to (N,floor(H/2),floor(W/2),C). */
export class MaxPool2x2 implements Operation {
  readonly keeps = ['output'] as const;
  readonly masksInput = true;
  readonly rectified = 'as its input';

  constructor(readonly name: string) {}

  outputShape([N, H, W, C]: readonly number[]): number[] {
    return [N!, Math.floor(H! / 2), Math.floor(W! / 2), C!];
  }

  /** Where each largest number was. */
  recordShape(inputShape: readonly number[]): number[] {
    return positionsShape(inputShape);
  }

  forward(recorder: Recorder, x: Tensor, y: Tensor, positions?: Tensor): void {
    maxPool2x2(recorder, { label: this.name, x, y, positions });
  }

  backward(recorder: Recorder, { y, record, dy, dx, isMasked, maskX }: BackwardArguments): void {
    if (!dx) return;
    const mask = maskX && !isMasked;
    maxPool2x2Backward(recorder, { label: this.name, dy, y: y!, positions: record!, mask, dx });
  }
}

/** (N,H,W,C) to (N,C); over windows of `window` x `window` pixels, to (N,H/window,W/window,C). */
export class AvgPool implements Operation {
  readonly keeps = [] as const;

  constructor(
    readonly name: string,
    private readonly window?: number,
  ) {}

  outputShape(inputShape: readonly number[]): number[] {
    return averagedShape(inputShape, this.window);
  }

  forward(recorder: Recorder, x: Tensor, y: Tensor): void {
    avgPool(recorder, { label: this.name, x, y, window: this.window });
  }

  backward(recorder: Recorder, { dy, dx }: BackwardArguments): void {
    if (dx) avgPoolBackward(recorder, { label: this.name, dy, dx, window: this.window });
  }
}

/** (N,H,W,C) to (N,C), the largest of each channel. */
export class MaxPool implements Operation {
  readonly keeps = ['input', 'output'] as const;

  constructor(readonly name: string) {}

  outputShape([N, , , C]: readonly number[]): number[] {
    return [N!, C!];
  }

  forward(recorder: Recorder, x: Tensor, y: Tensor): void {
    maxPool(recorder, { label: this.name, x, y });
  }

  backward(recorder: Recorder, { x, y, dy, dx }: BackwardArguments): void {
    if (dx) maxPoolBackward(recorder, { label: this.name, x: x!, y: y!, dy, dx });
  }
}
