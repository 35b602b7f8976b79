// The gradients of a whole narrow VGG16: float64 against central differences, the GPU against float64.

import { describe, expect, it } from 'vitest';
import { Recorder } from '../../src/gpu/recorder.js';
import { sizeOf } from '../../src/gpu/tensor.js';
import type { Conv3x3Rung } from '../../src/kernels/conv3x3/rungs.js';
import { canRun } from '../../src/kernels/conv3x3/rungs.js';
import { padToQuad } from '../../src/kernels/shapes.js';
import { chooseKernels, operationOf, paddedShape } from '../../src/network/build.js';
import type { PlannedLayer } from '../../src/network/layers.js';
import { fused, recordBackward, recordForward } from '../../src/network/operation.js';
import { Parameters } from '../../src/network/parameters.js';
import { seededRandom } from '../../src/random.js';
import { nmse } from '../../src/reference/compare.js';
import { conv3x3 } from '../../src/reference/conv3x3.js';
import {
  conv3x3BackwardBias,
  conv3x3BackwardInput,
  conv3x3BackwardKernel,
} from '../../src/reference/conv3x3_backward.js';
import { maxPool2x2, maxPool2x2Backward } from '../../src/reference/maxpool2x2.js';
import { reluBackward } from '../../src/reference/relu_backward.js';
import { useGpu } from '../support/gpu.js';
import { narrowShape } from '../train/networks.js';

const N = 2;
/** 37 px: every map but the last has an odd side that a pooling cuts. */
const NETWORK = { blocks: [1, 2, 3, 4, 5], side: 37, pool: 'avg', hidden: [] } as const;
const CHANNELS = [5, 6, 9, 8, 10];
const LAYERS = narrowShape(CHANNELS, 3, NETWORK).body!.layers;

type Values = Map<string, Float64Array>;

function drawn(): { values: Values; x: Float64Array; weights: Float64Array } {
  const random = seededRandom(7);
  const normals = (length: number, scale: number) =>
    Float64Array.from({ length }, () => Math.fround(scale * random.normal()));
  const values: Values = new Map();
  for (const { name, operation, inputShape, shape } of LAYERS) {
    if (operation !== 'conv3x3') continue;
    const [C, O] = [inputShape.at(-1)!, shape.at(-1)!];
    values.set(`${name}.kernel`, normals(9 * C * O, Math.sqrt(2 / (9 * C))));
    values.set(`${name}.bias`, normals(O, 0.1));
  }
  const x = normals(N * sizeOf(LAYERS[0]!.inputShape), 1);
  return { values, x, weights: normals(N * sizeOf(LAYERS.at(-1)!.shape), 1) };
}

const sizesOf = ({ inputShape: [H, W, C], shape }: PlannedLayer) => {
  return { N, H: H!, W: W!, C: C!, O: shape.at(-1)! };
};

/** What each layer reads, and the last result. */
function forward(values: Values, x: Float64Array): Float64Array[] {
  const all = [x];
  for (const layer of LAYERS) {
    const input = all.at(-1)!;
    const [k, b] = [values.get(`${layer.name}.kernel`), values.get(`${layer.name}.bias`)];
    all.push(k ? conv3x3(input, k, b!, sizesOf(layer), true) : maxPool2x2(input, sizesOf(layer)));
  }
  return all;
}

/** The gradients of the weighted sum of the last results, by every parameter and by x. */
function gradients(values: Values, x: Float64Array, weights: Float64Array): Values {
  const all = forward(values, x);
  const result: Values = new Map();
  let dy: Float64Array = weights;
  for (const [i, layer] of [...LAYERS.entries()].reverse()) {
    const input = all[i]!;
    const sizes = sizesOf(layer);
    const k = values.get(`${layer.name}.kernel`);
    if (!k) {
      dy = maxPool2x2Backward(input, dy, sizes);
      continue;
    }
    dy = reluBackward(all[i + 1]!, dy);
    result.set(`${layer.name}.kernel`, conv3x3BackwardKernel(input, dy, sizes));
    result.set(`${layer.name}.bias`, conv3x3BackwardBias(dy, sizes));
    dy = conv3x3BackwardInput(dy, k, sizes);
  }
  return result.set('x', dy);
}

describe('the float64 gradients of a whole network', () => {
  it('agree with central differences in every layer', () => {
    const { values, x, weights } = drawn();
    const analytic = gradients(values, x, weights);
    const loss = () =>
      forward(values, x)
        .at(-1)!
        .reduce((sum, value, i) => sum + weights[i]! * value, 0);
    const random = seededRandom(9);
    const step = 1e-6;
    for (const [name, tensor] of [...values, ['x', x] as const]) {
      for (let trial = 0; trial < 4; trial++) {
        const i = random.below(tensor.length);
        const value = tensor[i]!;
        tensor[i] = value + step;
        const above = loss();
        tensor[i] = value - step;
        const numeric = (above - loss()) / (2 * step);
        tensor[i] = value;
        expect(analytic.get(name)![i]!, `${name}[${i}]`).toBeCloseTo(numeric, 5);
      }
    }
  });
});

describe('a whole network on the GPU', () => {
  const gpu = useGpu();
  const WINOGRAD = ['05_winograd_2x2', '05_winograd_4x4', '06_subgroup'] as const;
  // Directly, every layer is a pipeline of its own: 22 s to compile on SwiftShader.
  const RUNGS = process.env.FULL ? (['03_register_blocked', ...WINOGRAD] as const) : WINOGRAD;

  it.each(RUNGS)('has the gradients that float64 has, with %s', async (rung: Conv3x3Rung) => {
    if (!canRun(gpu(), rung, 'f32')) return;
    const { values, x, weights } = drawn();
    const expected = gradients(values, x, weights);
    const shapes = LAYERS.filter(({ operation }) => operation === 'conv3x3').map((layer) => {
      const kernel = [3, 3, layer.inputShape.at(-1)!, layer.shape.at(-1)!];
      return { name: layer.name, kernel, moments: [] };
    });
    using parameters = await Parameters.create(gpu(), shapes);
    for (const { name, value } of parameters.all) {
      let done = 0;
      await value.write((rows) => {
        rows.set(values.get(name)!.subarray(done, done + rows.length));
        done += rows.length;
      });
    }
    const rungs = { conv3x3: rung };
    const chosen = chooseKernels(gpu(), LAYERS, N, { rungs });
    const operations = fused(
      chosen.map((layer) => operationOf(layer, parameters, rungs)),
      new Set(),
      { trained: true },
    );
    expect(operations.length).toBe(rung.endsWith('4x4') || rung.startsWith('06') ? 13 : 18);
    for (const operation of operations) await operation.ready?.();
    const recorder = new Recorder(gpu(), 'gradients');
    const given = recorder.persistent('x', paddedShape(N, LAYERS[0]!.inputShape));
    const recorded = recordForward(recorder, operations, given, { trained: true });
    const dy = recorder.persistent('dy', recorded.at(-1)!.y.shape);
    const { dx } = recordBackward(recorder, recorded, dy, { toInput: true })!;
    recorder.read('dx', dx);
    using plan = await recorder.finish();
    await plan.poison(Number.NaN);
    const results = await plan.run([
      [given, padded(x, 3)],
      [dy, padded(weights, CHANNELS[4]!)],
    ]);
    expect(nmse(withoutPadding(results.get('dx')!, 3), expected.get('x')!)).toBeLessThan(1e-8);
    for (const { name, gradient } of parameters.all) {
      const read: number[] = [];
      for await (const rows of gradient!.read()) read.push(...rows);
      expect(nmse(read, expected.get(name)!), name).toBeLessThan(1e-8);
    }
  });
});

function padded(values: Float64Array, channels: number): Float32Array<ArrayBuffer> {
  const columns = padToQuad(channels);
  const result = new Float32Array((values.length / channels) * columns);
  values.forEach((value, i) => {
    result[Math.floor(i / channels) * columns + (i % channels)] = value;
  });
  return result;
}

function withoutPadding(values: Float32Array, channels: number): Float32Array {
  return values.filter((_, i) => i % padToQuad(channels) < channels);
}
