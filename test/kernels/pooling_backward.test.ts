// The gradients of what a head may begin with: averages, and the largest of a whole map.

import { describe, expect, it } from 'vitest';
import { Tensor } from '../../src/gpu/tensor.js';
import { avgPoolBackward } from '../../src/kernels/avgpool/avgpool.js';
import { maxPool, maxPoolBackward } from '../../src/kernels/maxpool/maxpool.js';
import { seededRandom } from '../../src/random.js';
import * as average from '../../src/reference/avgpool.js';
import * as largest from '../../src/reference/maxpool.js';
import { expectClose } from '../support/allclose.js';
import { useGpu } from '../support/gpu.js';
import { checkGradient } from '../support/gradcheck.js';
import { poisoned, randomTensor, run } from '../support/kernel.js';
import { AVGPOOL_CASES, WINDOW_CASES } from './cases.js';

describe('the float64 gradients', () => {
  const random = seededRandom(1);
  const normal = (length: number) => Float64Array.from({ length }, () => random.normal());
  // No two alike: no maximum changes within a step.
  const x = Float64Array.from({ length: 120 }, (_, i) => (i * 7919) % 127);

  it.each([{ window: 2 }, {}])('of averages agree with central differences: %o', (windows) => {
    const sizes = { N: 2, H: 5, W: 4, C: 3, ...windows };
    const weights = normal(average.avgPool(x, sizes).length);
    const loss = () => average.avgPool(x, sizes).reduce((sum, value, i) => sum + weights[i]! * value, 0);
    checkGradient(loss, x, average.avgPoolBackward(weights, sizes));
  });

  it('of the largest agrees with central differences', () => {
    const sizes = { N: 2, H: 5, W: 4, C: 3 };
    const weights = normal(2 * 3);
    const loss = () => largest.maxPool(x, sizes).reduce((sum, value, i) => sum + weights[i]! * value, 0);
    checkGradient(loss, x, largest.maxPoolBackward(x, weights, sizes));
  });
});

describe('avgpool, backward', () => {
  const gpu = useGpu();

  it.each([...WINDOW_CASES, ...AVGPOOL_CASES])(
    '$N x $H x $W x $C, windows of $window: $why',
    async (sizes) => {
      const { N, H, W, C } = sizes;
      const window = 'window' in sizes ? sizes.window : undefined;
      const shape = window ? [N, Math.floor(H / window), Math.floor(W / window), C] : [N, C];
      using dy = await randomTensor(gpu(), 'dy', shape, { seed: 1 });
      using dx = await poisoned(gpu(), 'dx', [N, H, W, C]);
      await run(gpu(), (recorder) => avgPoolBackward(recorder, { label: 'mean', dy: dy.tensor, dx, window }));
      expectClose(await dx.read(), average.avgPoolBackward(dy.values, sizes), { atol: 0, rtol: 1e-6 });
    },
  );
});

describe('maxpool, backward', () => {
  const gpu = useGpu();

  it.each(AVGPOOL_CASES)('$N x $H x $W x $C: $why', async ({ N, H, W, C }) => {
    using x = await randomTensor(gpu(), 'x', [N, H, W, C], { seed: 1 });
    using dy = await randomTensor(gpu(), 'dy', [N, C], { seed: 2 });
    using y = await poisoned(gpu(), 'y', [N, C]);
    using dx = await poisoned(gpu(), 'dx', [N, H, W, C]);
    await run(gpu(), (recorder) => {
      maxPool(recorder, { label: 'largest', x: x.tensor, y });
      maxPoolBackward(recorder, { label: 'largest', x: x.tensor, y, dy: dy.tensor, dx });
    });
    expectClose(await dx.read(), largest.maxPoolBackward(x.values, dy.values, { N, H, W, C }), {
      atol: 0,
      rtol: 0,
    });
  });

  it('gives it to the first of several that are equal', async () => {
    using x = await Tensor.from(gpu(), 'x', [1, 2, 2, 4], new Float32Array(16));
    using dy = await Tensor.from(gpu(), 'dy', [1, 4], new Float32Array([1, 2, 3, 4]));
    using y = await poisoned(gpu(), 'y', [1, 4]);
    using dx = await poisoned(gpu(), 'dx', [1, 2, 2, 4]);
    await run(gpu(), (recorder) => {
      maxPool(recorder, { label: 'largest', x, y });
      maxPoolBackward(recorder, { label: 'largest', x, y, dy, dx });
    });
    expect([...(await dx.read())]).toEqual([1, 2, 3, 4, ...Array.from({ length: 12 }, () => 0)]);
  });
});
