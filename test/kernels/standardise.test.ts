// standardise on the GPU against float64.

import { describe, expect, it } from 'vitest';
import { Tensor } from '../../src/gpu/tensor.js';
import { standardise } from '../../src/kernels/standardise/standardise.js';
import { standardise as reference } from '../../src/reference/standardise.js';
import { expectClose } from '../support/allclose.js';
import { useGpu } from '../support/gpu.js';
import { poisoned, randomTensor, run } from '../support/kernel.js';
import { ROWS_CASES } from './cases.js';

describe('standardise', () => {
  const gpu = useGpu();

  it.each(ROWS_CASES)('$N x $O: $why', async ({ N, O: D }) => {
    using x = await randomTensor(gpu(), 'x', [N, D], { seed: 1, outliers: 20 });
    using mean = await randomTensor(gpu(), 'mean', [D], { seed: 2 });
    using scale = await randomTensor(gpu(), 'scale', [D], { seed: 3, outliers: 20 });
    using y = await poisoned(gpu(), 'y', [N, D]);
    const [mu, sigma] = [mean.tensor, scale.tensor];
    await run(gpu(), (recorder) =>
      standardise(recorder, { label: 'in', x: x.tensor, mean: mu, scale: sigma, y }),
    );
    // A difference of numbers up to 60, scaled by as much.
    expectClose(await y.read(), reference(x.values, mean.values, scale.values), {
      atol: 2e-4,
      rtol: 1e-6,
    });
  });

  it('leaves padding zero, whatever its scale', async () => {
    using x = await Tensor.from(gpu(), 'x', [2, 4], new Float32Array([5, 7, 0, 0, 3, 9, 0, 0]));
    using y = await poisoned(gpu(), 'y', [2, 4]);
    using mean = await Tensor.from(gpu(), 'mean', [4], new Float32Array([4, 8, 0, 0]));
    using scale = await Tensor.from(gpu(), 'scale', [4], new Float32Array([0.5, 2, 1, 1e30]));
    await run(gpu(), (recorder) => standardise(recorder, { label: 'input', x, mean, scale, y }));
    expect([...(await y.read())]).toEqual([0.5, -2, 0, 0, -0.5, 2, 0, 0]);
  });
});
