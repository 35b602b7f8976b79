// relu_backward: the reference against differences, the GPU against the reference.

import { describe, expect, it } from 'vitest';
import { Tensor } from '../../src/gpu/tensor.js';
import { reluBackward } from '../../src/kernels/relu_backward/relu_backward.js';
import { seededRandom } from '../../src/random.js';
import { reluBackward as reference } from '../../src/reference/relu_backward.js';
import { useGpu } from '../support/gpu.js';
import { checkGradient } from '../support/gradcheck.js';
import { randomTensor, run } from '../support/kernel.js';
import { ROWS_CASES } from './cases.js';

describe('relu_backward', () => {
  const gpu = useGpu();

  it('is the gradient of ReLU', () => {
    const random = seededRandom(1);
    const dy = Float64Array.from({ length: 16 }, () => random.normal());
    // Away from the kink at 0.
    const x = Float64Array.from({ length: 16 }, (_, i) => (i % 3 === 0 ? -1 : 1) * (0.1 + random.uniform()));
    const relu = (values: Float64Array) => values.map((value) => Math.max(value, 0));
    const f = (values: Float64Array) => relu(values).reduce((sum, value, i) => sum + value * dy[i]!, 0);
    checkGradient(f, x, reference(relu(x), dy));
  });

  it.each(ROWS_CASES)('$N x $O: $why', async ({ N, O }) => {
    using y = await randomTensor(gpu(), 'y', [N, O], { seed: 2 });
    using dy = await randomTensor(gpu(), 'dy', [N, O], { seed: 3, outliers: 20 });
    await run(gpu(), (recorder) => reluBackward(recorder, { label: 'fc1', y: y.tensor, dy: dy.tensor }));
    expect([...(await dy.tensor.read())]).toEqual([...reference(y.values, dy.values)]);
  });

  it('takes zero of either sign for not above zero: padding too', async () => {
    using y = await Tensor.from(gpu(), 'y', [1, 4], new Float32Array([0, -0, 1e-30, 2]));
    using dy = await Tensor.from(gpu(), 'dy', [1, 4], new Float32Array([3, 4, 5, -6]));
    await run(gpu(), (recorder) => reluBackward(recorder, { label: 'fc1', y, dy }));
    expect([...(await dy.read())]).toEqual([0, 0, 5, -6]);
  });
});
