// Operations in a row: forward, backward, and what is one with the next.

import { describe, expect, it } from 'vitest';
import { Recorder } from '../../src/gpu/recorder.js';
import type { Tensor } from '../../src/gpu/tensor.js';
import { CONTROL_WORDS } from '../../src/kernels/control.js';
import { dropout } from '../../src/kernels/dropout/dropout.js';
import { fused, type Operation, recordBackward, recordForward } from '../../src/network/operation.js';
import { Conv3x3 } from '../../src/network/operations/conv3x3.js';
import { Linear } from '../../src/network/operations/linear.js';
import { AvgPool, MaxPool2x2 } from '../../src/network/operations/pooling.js';
import { Softmax } from '../../src/network/operations/softmax.js';
import { Parameters } from '../../src/network/parameters.js';
import { seededRandom } from '../../src/random.js';
import { linear } from '../../src/reference/linear.js';
import {
  linearBackwardBias,
  linearBackwardInput,
  linearBackwardKernel,
} from '../../src/reference/linear_backward.js';
import { reluBackward } from '../../src/reference/relu_backward.js';
import { expectClose } from '../support/allclose.js';
import { useGpu } from '../support/gpu.js';

const gpu = useGpu();

/** Three dense layers: 8 -> 12 -> 12 -> 4. */
const WIDTHS = [8, 12, 12, 4];
const N = 5;
const TOLERANCE = { atol: 1e-5, rtol: 1e-5 };

function normal(seed: number, length: number): Float32Array<ArrayBuffer> {
  const random = seededRandom(seed);
  return Float32Array.from({ length }, () => random.normal());
}

/** Writes the same numbers to the GPU as are returned. */
async function filled(parameters: Parameters): Promise<Map<string, Float32Array>> {
  const values = new Map<string, Float32Array>();
  for (const [i, { name, value, shape }] of parameters.all.entries()) {
    const numbers = normal(
      100 + i,
      shape.reduce((product, side) => product * side, 1),
    );
    values.set(name, numbers);
    let done = 0;
    await value.write((rows) => {
      rows.set(numbers.subarray(done, done + rows.length));
      done += rows.length;
    });
  }
  return values;
}

async function denseParameters(moments: readonly string[]): Promise<Parameters> {
  const layers = WIDTHS.slice(1).map((O, i) => ({ name: `fc${i + 1}`, kernel: [WIDTHS[i]!, O], moments }));
  return Parameters.create(gpu(), layers);
}

function denseOperations(parameters: Parameters): Linear[] {
  return [1, 2, 3].map(
    (i) => new Linear({ name: `fc${i}`, parameters: parameters.layer(`fc${i}`), relu: i < 3 }),
  );
}

describe('recordBackward', () => {
  it('gives every parameter the gradient that float64 has, through memory that is shared', async () => {
    using parameters = await denseParameters(['m']);
    const values = await filled(parameters);
    const recorder = new Recorder(gpu(), 'gradients');
    const x = recorder.persistent('x', [N, 8]);
    const recorded = recordForward(recorder, denseOperations(parameters), x);
    const dy = recorder.persistent('dy', [N, 4]);
    recordBackward(recorder, recorded, dy);
    using plan = await recorder.finish();
    await plan.poison(Number.NaN);
    const [given, seed] = [normal(1, N * 8), normal(2, N * 4)];
    await plan.run([
      [x, given],
      [dy, seed],
    ]);

    const activations: Float64Array[] = [Float64Array.from(given)];
    for (let i = 1; i <= 3; i++) {
      const sizes = { N, D: WIDTHS[i - 1]!, O: WIDTHS[i]! };
      const [k, b] = [values.get(`fc${i}.kernel`)!, values.get(`fc${i}.bias`)!];
      activations.push(linear(activations[i - 1]!, k, b, sizes, i < 3));
    }
    let gradient = Float64Array.from(seed);
    for (let i = 3; i >= 1; i--) {
      const sizes = { N, D: WIDTHS[i - 1]!, O: WIDTHS[i]! };
      if (i < 3) gradient = reluBackward(activations[i]!, gradient) as Float64Array<ArrayBuffer>;
      const { kernel, bias } = parameters.layer(`fc${i}`);
      const dk = linearBackwardKernel(activations[i - 1]!, gradient, sizes);
      expectClose(await kernel.gradient!.whole.read(), dk, TOLERANCE);
      expectClose(await bias.gradient!.whole.read(), linearBackwardBias(gradient, sizes), TOLERANCE);
      gradient = linearBackwardInput(
        gradient,
        values.get(`fc${i}.kernel`)!,
        sizes,
      ) as Float64Array<ArrayBuffer>;
    }
  });

  it('keeps what a backward pass reads, and shares the memory of what none reads', async () => {
    using trained = await denseParameters(['m']);
    const bytes = async (backward: boolean) => {
      const recorder = new Recorder(gpu(), 'plan');
      const x = recorder.persistent('x', [256, 8]);
      const recorded = recordForward(recorder, denseOperations(trained), x);
      if (backward) recordBackward(recorder, recorded, recorder.persistent('dy', [256, 4]));
      else recorder.read('y', recorded.at(-1)!.y);
      using plan = await recorder.finish();
      return plan.bytes;
    };
    expect(await bytes(true)).toBeGreaterThan(await bytes(false));
  });

  it('gives an operation only what it keeps, and stops at the lowest that has parameters', async () => {
    const seen: [string, ...unknown[]][] = [];
    const operation = (name: string, keeps: Operation['keeps'], parameters?: Operation['parameters']) => ({
      ...{ name, keeps, ...(parameters && { parameters }) },
      outputShape: (shape: readonly number[]) => shape,
      forward: () => {},
      backward: (
        _: Recorder,
        { x, y, dx }: { x?: Tensor | undefined; y?: Tensor | undefined; dx?: Tensor | undefined },
      ) => {
        seen.push([name, x !== undefined, y !== undefined, dx !== undefined]);
      },
    });
    using parameters = await denseParameters(['m']);
    const own = [parameters.layer('fc1').kernel];
    const recorder = new Recorder(gpu(), 'plan');
    const x = recorder.persistent('x', [4]);
    const operations = [
      operation('frozen', ['input']),
      operation('lowest', ['input'], own),
      operation('between', []),
      operation('highest', ['input', 'output'], own),
    ];
    recordBackward(recorder, recordForward(recorder, operations, x), recorder.persistent('dy', [4]));
    expect(seen).toEqual([
      ['highest', true, true, true],
      ['between', false, false, true],
      ['lowest', true, false, false],
    ]);
  });

  it('says which operation has no gradients', async () => {
    using parameters = await denseParameters(['m']);
    const recorder = new Recorder(gpu(), 'plan');
    const operations = [...denseOperations(parameters), new Softmax('softmax', 4)];
    const recorded = recordForward(recorder, operations, recorder.persistent('x', [N, 8]));
    const dy = recorder.persistent('dy', [N, 4]);
    expect(() => recordBackward(recorder, recorded, dy)).toThrow('softmax: has no gradients');
    expect(gpu().liveBuffers, 'the parameters alone').toBe(18);
  });
});

describe('fused', () => {
  const layer = { name: 'block1_conv2', kernel: [3, 3, 8, 20] };
  const names = (operations: readonly Operation[]) => operations.map(({ name }) => name);
  const operationsOf = (parameters: Parameters, rung: '05_winograd_4x4' | '03_register_blocked') => [
    new Conv3x3({ name: layer.name, parameters: parameters.layer(layer.name), choice: { rung }, relu: true }),
    new MaxPool2x2('block1_pool'),
    new AvgPool('avgpool'),
  ];

  it('makes a Winograd convolution and its pooling one, unless the result between them is asked for', async () => {
    using parameters = await Parameters.create(gpu(), [layer]);
    const operations = operationsOf(parameters, '05_winograd_4x4');
    expect(names(fused(operations, new Set()))).toEqual(['block1_pool', 'avgpool']);
    expect(names(fused(operations, new Set(['block1_pool'])))).toEqual(['block1_pool', 'avgpool']);
    expect(names(fused(operations, new Set(['block1_conv2'])))).toEqual(names(operations));
    const direct = operationsOf(parameters, '03_register_blocked');
    expect(names(fused(direct, new Set()))).toEqual(names(direct));
  });

  it('computes the same, to the bit', async () => {
    using parameters = await Parameters.create(gpu(), [layer]);
    await filled(parameters);
    const given = normal(3, 2 * 9 * 7 * 8);
    const results = [];
    for (const wanted of [new Set<string>(), new Set([layer.name])]) {
      const operations = fused(operationsOf(parameters, '05_winograd_4x4'), wanted);
      await Promise.all(operations.map((operation) => operation.ready?.()));
      const recorder = new Recorder(gpu(), 'plan');
      const x = recorder.persistent('x', [2, 9, 7, 8]);
      recordForward(recorder, operations, x, {
        onOutput: ({ name }, y) => {
          if (name === 'block1_pool') recorder.read('pooled', y);
        },
      });
      using plan = await recorder.finish();
      results.push((await plan.run([[x, given]])).get('pooled')!);
    }
    expect(results[0]!.length).toBe(2 * 4 * 3 * 20);
    expect(results[1]).toEqual(results[0]);
  });
});

/** Leaves out half of x, in place. */
class Halving implements Operation {
  readonly inPlace = true;
  readonly keeps = [] as const;

  constructor(
    readonly name: string,
    private readonly control: Tensor,
    readonly trainingOnly = false,
  ) {}

  outputShape(inputShape: readonly number[]): readonly number[] {
    return inputShape;
  }

  forward(recorder: Recorder, x: Tensor): void {
    dropout(recorder, { label: this.name, x, control: this.control, rate: 0.5, layer: 0 });
  }
}

describe('recordForward', () => {
  it('writes over its input where an operation works in place, and goes its training operations only in training', async () => {
    const recorder = new Recorder(gpu(), 'train');
    const x = recorder.persistent('x', [2, 4]);
    const control = recorder.persistent('control', [CONTROL_WORDS]);
    const [first, again] = [new Halving('first', control), new Halving('again', control, true)];
    const recorded = recordForward(recorder, [first, again], x, {
      routes: ['train', 'predict'],
      trainingRoutes: ['train'],
    });
    expect(recorded.map(({ y }) => y)).toEqual([x, x]);
    using plan = await recorder.finish();
    const given = new Float32Array([1, 2, 3, 4, 5, 6, 7, 8]);
    await plan.run([[x, given]], 'predict');
    const once = await x.read();
    await plan.run([[x, given]], 'train');
    const twice = await x.read();
    // Half of the numbers are left out, the others doubled; the second time the same half.
    expect(once.some((value, i) => value === 2 * given[i]!)).toBe(true);
    expect([...twice]).toEqual([...once].map((value) => 2 * value));
  });
});
