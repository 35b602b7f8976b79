// Launches softmax_cross_entropy.

import { GpuError } from '../../errors.js';
import type { Recorder } from '../../gpu/recorder.js';
import type { Tensor } from '../../gpu/tensor.js';
import { expectShape, expectSides } from '../shapes.js';
import wgsl from './softmax_cross_entropy.wgsl';

/** The label of a row without a picture. */
export const IGNORED = 0xffffffff;

/** Numbers of a row of `rows`: weighted loss, weight, hit (0 or 1), counted (0 or 1). */
export const ROW_NUMBERS = 4;

export interface SoftmaxCrossEntropyArguments {
  readonly label: string;
  /** (N,O) scores, O a multiple of 4. */
  readonly x: Tensor;
  /** (N) u32: the row's class, or IGNORED; of a part of a batch, those of the whole batch. */
  readonly labels: Tensor;
  /** (O): what a picture of each class counts, at least 0; what stands in the padding is not read. */
  readonly classWeights: Tensor;
  /** (N,O): the gradient by x of the batch's mean loss; zero in padding and ignored rows. */
  readonly dx: Tensor;
  /** (N,4): weighted loss, weight, hit, counted; zeros in ignored rows. */
  readonly rows: Tensor;
  /** How many of the O columns are classes; the rest is padding. */
  readonly classes: number;
  /** Share of each row's truth that is spread over all classes, 0 to less than 1. */
  readonly smoothing: number;
  /** The place of x's first row in the batch that it is a part of; 0 by default. */
  readonly firstRow?: number | undefined;
}

/**
 * The loss of torch.nn.CrossEntropyLoss(weight, label_smoothing, reduction='mean') and its gradient. The batch's loss is
 * the sum of the weighted losses over the sum of the weights. The loss of a row is NaN when one of its scores is
 * not finite or its label no class.
 *
 * @throws GpuError where shapes do not fit each other or the adapter.
 */
export function softmaxCrossEntropy(recorder: Recorder, args: SoftmaxCrossEntropyArguments): void {
  const { label, x, labels, classWeights, dx, rows, classes, smoothing, firstRow = 0 } = args;
  const [N, O] = expectSides(label, x, 2);
  if (labels.size < firstRow + N) expectShape(label, labels, [firstRow + N]);
  expectShape(label, classWeights, [O]);
  expectShape(label, dx, [N, O]);
  expectShape(label, rows, [N, ROW_NUMBERS]);
  if (classes < 1 || classes > O)
    throw new GpuError(`${label}: ${classes} classes do not fit into ${O} columns`);
  if (!(smoothing >= 0 && smoothing < 1))
    throw new GpuError(`${label}: a label smoothing of ${smoothing}, expected 0 to less than 1`);
  const kernel = {
    name: 'softmax_cross_entropy',
    wgsl,
    constants: {
      ...{ O, CLASSES: classes, TRUTH: 1 - smoothing, SPREAD: smoothing / classes },
      ...(firstRow > 0 && { FIRST: firstRow }),
    },
  };
  recorder.dispatch(label, kernel, [x, labels, classWeights, dx, rows], [N, 1, 1]);
}
