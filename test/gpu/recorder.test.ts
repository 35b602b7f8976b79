// Recorder and Plan: shared memory changes no result, nothing is left behind, runs in flight do not mix.

import { afterEach, describe, expect, it } from 'vitest';
import { GpuError } from '../../src/errors.js';
import type { Kernel } from '../../src/gpu/pipelines.js';
import { Recorder, runOnce } from '../../src/gpu/recorder.js';
import { type Shape, sizeOf, Tensor } from '../../src/gpu/tensor.js';
import { conv3x3 } from '../../src/kernels/conv3x3/conv3x3.js';
import { pointsOf, type WinogradRung } from '../../src/kernels/conv3x3/rungs.js';
import { winogradFilter } from '../../src/kernels/conv3x3/winograd.js';
import { linear } from '../../src/kernels/linear/linear.js';
import { maxPool2x2 } from '../../src/kernels/maxpool2x2/maxpool2x2.js';
import { softmax } from '../../src/kernels/softmax/softmax.js';
import { useGpu } from '../support/gpu.js';
import { poisoned, randomTensor } from '../support/kernel.js';

const gpu = useGpu();
afterEach(() => {
  expect(gpu().liveBuffers).toBe(0);
});

function kernel(name: string, declarations: string, body: string): Kernel {
  const wgsl = `${declarations}
@compute @workgroup_size(64) fn main(@builtin(global_invocation_id) gid: vec3u) {
  let i = gid.x;
  if (i < arrayLength(&y)) { ${body} }
}`;
  return { name, wgsl };
}
const X_Y = `@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;`;
const DOUBLE = kernel('double', X_Y, 'y[i] = 2 * x[i];');
const ADD = kernel('add', X_Y, 'y[i] += x[i];');
const WORDS = kernel(
  'words',
  `@group(0) @binding(0) var<storage, read> a: array<u32>;
@group(0) @binding(1) var<storage, read> b: array<u32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;`,
  'y[i] = f32(100 * a[i % arrayLength(&a)] + b[0]);',
);
const BROKEN: Kernel = {
  name: 'broken',
  wgsl: '@compute @workgroup_size(1) fn main() { let a: u32 = 1.5; }',
};

const numbers = (count: number, first = 1) => Float32Array.from({ length: count }, (_, i) => first + i);
const record1 = (recorder: Recorder, label: string, what: Kernel, tensors: Tensor[]) =>
  recorder.dispatch(label, what, tensors, [Math.ceil(tensors.at(-1)!.size / 64), 1, 1]);
const soon = () => new Promise((resolve) => setTimeout(resolve, 20));

describe('temporary tensors', () => {
  const sizes = { N: 2, H: 14, W: 18, C: 8, O: 16 };
  const { N, H, W, C, O } = sizes;
  const D = 7 * 9 * O;

  it.each(['05_winograd_2x2', '05_winograd_4x4'] as const)(
    'share memory, and real kernels compute what they do with memory of their own (%s)',
    async (rung: WinogradRung) => {
      using x = await randomTensor(gpu(), 'x', [N, H, W, C], { seed: 1 });
      using k1 = await randomTensor(gpu(), 'k1', [3, 3, C, O], { seed: 2 });
      using k2 = await randomTensor(gpu(), 'k2', [3, 3, O, O], { seed: 3 });
      using b = await randomTensor(gpu(), 'b', [O], { seed: 4 });
      using fc = await randomTensor(gpu(), 'fc', [D, 12], { seed: 5 });
      using c = await randomTensor(gpu(), 'c', [12], { seed: 6 });
      const shapes: Shape[] = [
        [N, H, W, O],
        [pointsOf(rung), O, O],
        [N, H, W, O],
        [N, H, W, O],
        [N, 7, 9, O],
        [N, 12],
        [N, 12],
      ];
      /** A small network, through these tensors. */
      const network = (recorder: Recorder, [t0, u, t1, t2, pooled, scores, y]: Tensor[]) => {
        const common = { b: b.tensor, relu: true };
        conv3x3(recorder, { label: 'c1', x: x.tensor, k: k1.tensor, y: t0!, rung: '01_naive', ...common });
        winogradFilter(recorder, { label: 'c2', k: k2.tensor, u: u!, rung });
        // Memory for a few of the tiles only: several chunks.
        const scratchBytes = 4 * pointsOf(rung) * O * 32;
        conv3x3(recorder, { label: 'c2', x: t0!, k: u!, y: t1!, rung, scratchBytes, ...common });
        conv3x3(recorder, {
          label: 'c3',
          x: t1!,
          k: k2.tensor,
          y: t2!,
          rung: '03_register_blocked',
          ...common,
        });
        maxPool2x2(recorder, { label: 'pool', x: t2!, y: pooled! });
        const flat = pooled!.view('flat', [N, D]);
        const pieces = [{ first: 0, k: fc.tensor }];
        linear(recorder, { label: 'fc', x: flat, pieces, b: c.tensor, y: scores!, relu: false });
        softmax(recorder, { label: 'softmax', x: scores!, y: y!, classes: 11 });
        for (const tensor of [pooled!, scores!, y!]) recorder.read(tensor.label, tensor);
      };

      const separate = await Promise.all(shapes.map((shape, i) => poisoned(gpu(), `t${i}`, shape)));
      const unshared = new Recorder(gpu(), 'separate');
      network(unshared, separate);
      using alone = await unshared.finish();
      const expected = await alone.run();
      for (const tensor of separate) tensor.dispose();

      const recorder = new Recorder(gpu(), 'shared');
      const temporary = shapes.map((shape, i) => recorder.temporary(`t${i}`, shape));
      network(recorder, temporary);
      using plan = await recorder.finish();
      const own = shapes.reduce((bytes, shape) => bytes + 4 * sizeOf(shape), 0);
      // The convolutions' scratch memory is temporary in both plans.
      expect(plan.bytes).toBeLessThan(own + alone.bytes);
      expect(new Set(temporary.map(({ buffer }) => buffer)).size).toBeLessThan(temporary.length);
      for (const value of [Number.NaN, 1e30]) {
        await plan.poison(value);
        const actual = await plan.run();
        expect([...actual.keys()]).toEqual(['t4', 't5', 't6']);
        for (const [key, values] of actual) expect(values).toEqual(expected.get(key));
      }
      expect(expected.get('t6')!.every(Number.isFinite)).toBe(true);
    },
  );

  it('are read back in the middle of a chain, before others take their memory', async () => {
    const recorder = new Recorder(gpu(), 'chain');
    const x = recorder.persistent('x', [100], numbers(100));
    const chain = Array.from({ length: 5 }, (_, i) => recorder.temporary(`t${i}`, [100]));
    for (const [i, y] of chain.entries()) {
      record1(recorder, `layer ${i}`, DOUBLE, [chain[i - 1] ?? x, y]);
      recorder.read(y.label, y);
    }
    using plan = await recorder.finish();
    const places = chain.map(({ buffer, offset }) => ({ buffer, offset }));
    expect([2, 4].map((i) => places[i]!.buffer === places[0]!.buffer)).toEqual([true, true]);
    expect(places[2]!.offset).toBe(places[0]!.offset);
    const results = await plan.run();
    for (const i of chain.keys()) {
      expect(results.get(`t${i}`)).toEqual(numbers(100).map((value) => 2 ** (i + 1) * value));
    }
  });

  it('have no memory before the plan is made', () => {
    const recorder = new Recorder(gpu(), 'plan');
    expect(() => recorder.temporary('t', [4]).buffer).toThrow('t: has no memory before its plan is made');
    expect(gpu().liveBuffers).toBe(0);
  });
});

describe('views', () => {
  it('that begin at a byte offset are bound there, written there and read back from there', async () => {
    const recorder = new Recorder(gpu(), 'views');
    const x = recorder.persistent('x', [160], numbers(160));
    const y = recorder.persistent('y', [160]);
    const from = x.view('from', [32], 256);
    const to = y.view('to', [32], 512);
    record1(recorder, 'double', DOUBLE, [from, to]);
    recorder.read('to', to);
    recorder.read('inner', to.view('inner', [2], 8));
    using plan = await recorder.finish();
    const results = await plan.run();
    const doubled = numbers(32, 65).map((value) => 2 * value);
    expect(results.get('to')).toEqual(doubled);
    expect(results.get('inner')).toEqual(doubled.slice(2, 4));
    const whole = await y.read();
    expect(whole).toEqual(whole.map((_, i) => (i < 128 ? 0 : doubled[i - 128]!)));
    expect(await from.read()).toEqual(numbers(32, 65));
    await to.write(numbers(2, -9));
    expect((await y.read()).slice(126, 131)).toEqual(Float32Array.of(0, 0, -9, -8, doubled[2]!));
  });

  it('that begin where nothing can be bound are refused, naming the layer', async () => {
    const recorder = new Recorder(gpu(), 'views');
    const x = recorder.persistent('x', [160]);
    record1(recorder, 'fc1', DOUBLE, [x.view('odd', [8], 4), recorder.temporary('y', [8])]);
    await expect(recorder.finish()).rejects.toThrow(/^fc1 \(double\): /);
  });
});

describe('constants', () => {
  it('are one buffer, with equal words once, and right', async () => {
    const recorder = new Recorder(gpu(), 'constants');
    const words = [[1, 2, 3], [7], [1, 2], [12], [1, 2, 3], [7]];
    const tensors = words.map((each, i) => recorder.constants(`c${i}`, each));
    expect(tensors[4]).toBe(tensors[0]);
    expect(tensors[5]).toBe(tensors[1]);
    for (const [i, [a, b]] of [
      [0, 1],
      [2, 3],
      [4, 3],
    ].entries()) {
      const y = recorder.temporary(`y${i}`, [4]);
      record1(recorder, `layer ${i}`, WORDS, [tensors[a!]!, tensors[b!]!, y]);
      recorder.read(y.label, y);
    }
    using plan = await recorder.finish();
    expect(new Set(tensors.map(({ buffer }) => buffer)).size).toBe(1);
    expect(new Set(tensors.map(({ offset }) => offset)).size).toBe(4);
    const results = await plan.run();
    expect([...results.values()].map((values) => [...values])).toEqual([
      [107, 207, 307, 107],
      [112, 212, 112, 212],
      [112, 212, 312, 112],
    ]);
  });
});

describe('persistent tensors', () => {
  it('keep what they hold from run to run, and begin with zeros or what they are given', async () => {
    const recorder = new Recorder(gpu(), 'sums');
    const x = recorder.persistent('x', [4], Float32Array.of(1, 2, 3, 4));
    const zeros = recorder.persistent('zeros', [4]);
    const given = recorder.persistent('given', [4], Float32Array.of(10, 20, 30, 40));
    for (const sum of [zeros, given]) {
      record1(recorder, sum.label, ADD, [x, sum]);
      recorder.read(sum.label, sum);
    }
    using plan = await recorder.finish();
    const run = async (...inputs: Parameters<typeof plan.run>) =>
      [...(await plan.run(...inputs)).values()].map((values) => [...values]);
    expect(await run()).toEqual([
      [1, 2, 3, 4],
      [11, 22, 33, 44],
    ]);
    await plan.poison(Number.NaN);
    expect(await run()).toEqual([
      [2, 4, 6, 8],
      [12, 24, 36, 48],
    ]);
    const values = Float32Array.of(100, 0, 0, 0);
    expect(await run([[x, values]])).toEqual([
      [102, 4, 6, 8],
      [112, 24, 36, 48],
    ]);
    // An input stays, too.
    expect((await run())[0]).toEqual([202, 4, 6, 8]);
  });

  it('are refused values that do not fill them', () => {
    const recorder = new Recorder(gpu(), 'plan');
    expect(() => recorder.persistent('x', [2, 2], new Float32Array(3))).toThrow(
      'x: 3 values do not fill the shape (2, 2)',
    );
  });
});

describe('routes', () => {
  it('go through the same memory, each with its own dispatches and read-backs', async () => {
    const recorder = new Recorder(gpu(), 'train');
    const x = recorder.persistent('x', [8], numbers(8));
    const sum = recorder.persistent('sum', [8]);
    const [a, b] = [recorder.temporary('a', [8]), recorder.temporary('b', [8])];
    recorder.on('train', 'eval');
    record1(recorder, 'a', DOUBLE, [x, a]);
    recorder.on('train');
    record1(recorder, 'sum', ADD, [a, sum]);
    recorder.on('train', 'eval');
    record1(recorder, 'b', DOUBLE, [a, b]);
    recorder.read('b', b);
    recorder.on('train');
    recorder.read('sum', sum);
    using plan = await recorder.finish();
    const times = (factor: number) => numbers(8).map((value) => factor * value);
    expect([...(await plan.run([], 'eval'))]).toEqual([['b', times(4)]]);
    expect([...(await plan.run())]).toEqual([
      ['b', times(4)],
      ['sum', times(2)],
    ]);
    expect([...(await plan.run([], 'train'))]).toEqual([
      ['b', times(4)],
      ['sum', times(4)],
    ]);
    expect([...(await plan.run([], 'eval')).keys()]).toEqual(['b']);
    await expect(plan.run([], 'test')).rejects.toThrow('the plan has no route "test", only train, eval');
  });
});

describe('what fails', () => {
  it('leaves nothing behind where a launcher throws, and begins with its label', async () => {
    const record = (recorder: Recorder) => {
      const t = recorder.temporary('t', [8]);
      recorder.persistent('p', [8], numbers(8));
      record1(recorder, 'first', DOUBLE, [recorder.constants('c', [1]), t]);
      recorder.dispatch('second', DOUBLE, [t, t], [2 ** 31, 1, 1]);
    };
    expect(() => record(new Recorder(gpu(), 'plan'))).toThrow(/^second: needs 2147483648 x 1 x 1 workgroups/);
    await expect(runOnce(gpu(), 'plan', record)).rejects.toThrow(GpuError);
  });

  it('leaves nothing behind where a kernel does not compile', async () => {
    const recorder = new Recorder(gpu(), 'plan');
    const y = recorder.temporary('y', [8]);
    record1(recorder, 'first', DOUBLE, [recorder.persistent('x', [8]), y]);
    record1(recorder, 'second', BROKEN, [y]);
    await expect(recorder.finish()).rejects.toThrow(/^broken: line 1: /);
  });

  it('leaves nothing behind where memory is too short, naming the tensor', async () => {
    const recorder = new Recorder(gpu(), 'plan');
    const y = recorder.temporary('y', [8]);
    record1(recorder, 'first', DOUBLE, [recorder.constants('c', [1, 2]), y]);
    recorder.persistent('small', [8]);
    recorder.persistent('huge', [2 ** 45]);
    await expect(recorder.finish()).rejects.toThrow(/^huge: needs a buffer of .* MiB, the adapter allows/);
  });

  it('leaves nothing behind at whichever buffer it fails, and a run that failed lets the next one begin', async () => {
    const { createBuffer } = gpu();
    /** How many buffers could be made before the first that could not; undefined when all could. */
    const attempt = async (most: number) => {
      let made = 0;
      gpu().createBuffer = (request) =>
        made++ === most ? Promise.reject(new GpuError('no memory')) : createBuffer(request);
      const recorder = new Recorder(gpu(), 'plan');
      const x = recorder.persistent('x', [8], numbers(8));
      const [a, b] = [recorder.temporary('a', [8]), recorder.temporary('b', [8])];
      record1(recorder, 'a', DOUBLE, [x, a]);
      record1(recorder, 'b', WORDS, [recorder.constants('c', [3]), recorder.constants('d', [5]), b]);
      record1(recorder, 'b', ADD, [a, b]);
      recorder.read('b', b);
      let plan: Awaited<ReturnType<typeof recorder.finish>>;
      try {
        plan = await recorder.finish({ timed: true });
      } catch (error) {
        expect((error as Error).message).toBe('no memory');
        expect(gpu().liveBuffers).toBe(0);
        return 'finish';
      }
      try {
        await plan.run();
        return 'nothing';
      } catch {
        expect((await plan.run()).get('b')).toEqual(numbers(8).map((value) => 305 + 2 * value));
        return 'run';
      } finally {
        plan.dispose();
        expect(gpu().liveBuffers).toBe(0);
      }
    };
    try {
      const failed: string[] = [];
      while (failed.at(-1) !== 'nothing') failed.push(await attempt(failed.length));
      const timers = gpu().features.has('timestamp-query') ? 2 : 0;
      // Two temporary buffers, x and the constants; then what each timer needs; then the read-back.
      expect(failed).toEqual([...new Array(4 + timers).fill('finish'), 'run', 'nothing']);
    } finally {
      gpu().createBuffer = createBuffer;
    }
  });

  it('says which plan it was, and lets the next run begin', async () => {
    const recorder = new Recorder(gpu(), 'network');
    const x = recorder.persistent('x', [8], numbers(8));
    const y = recorder.temporary('y', [8]);
    record1(recorder, 'double', DOUBLE, [x, y]);
    recorder.read('y', y);
    using plan = await recorder.finish();
    await expect(plan.run([[x, new Float32Array(99)]])).rejects.toThrow(/^network: /);
    expect(plan.isIdle).toBe(true);
    expect((await plan.run()).get('y')).toEqual(numbers(8).map((value) => 2 * value));
  });
});

describe('runs in flight', () => {
  /** y = 2 x, read back; read-backs wait until `release` is called. */
  async function held(inFlight?: number, timed = false) {
    const recorder = new Recorder(gpu(), 'network');
    const x = recorder.persistent('x', [8]);
    const y = recorder.temporary('y', [8]);
    record1(recorder, 'double', DOUBLE, [x, y]);
    recorder.read('y', y);
    const plan = await recorder.finish({ ...(inFlight && { inFlight }), timed });
    const { readMapped } = gpu();
    const read = readMapped.bind(gpu());
    let open!: () => void;
    const gate = new Promise<void>((resolve) => {
      open = resolve;
    });
    gpu().readMapped = async (...args) => {
      await gate;
      return read(...args);
    };
    const release = () => {
      gpu().readMapped = readMapped;
      open();
    };
    return { plan, x, release };
  }

  const doubled = (first: number) => numbers(8, first).map((value) => 2 * value);

  it('give their own results, two at once; a third waits', async () => {
    const { plan, x, release } = await held(2);
    const input = numbers(8, 100);
    const one = await plan.begin([[x, input]]);
    // It may be changed as soon as the run has begun.
    input.fill(-1);
    const two = await plan.begin([[x, numbers(8, 200)]]);
    let third = false;
    const three = plan.begin([[x, numbers(8, 300)]]).then((begun) => {
      third = true;
      return begun;
    });
    await soon();
    expect([third, plan.isIdle]).toEqual([false, false]);
    release();
    expect((await two.results).get('y')).toEqual(doubled(200));
    expect((await one.results).get('y')).toEqual(doubled(100));
    expect((await (await three).results).get('y')).toEqual(doubled(300));
    await plan.idle();
    expect(plan.isIdle).toBe(true);
    plan.dispose();
  });

  it.each([{ timed: false }, { timed: true }])(
    'are never more than allowed, whoever begins at the same time: %o',
    async ({ timed }) => {
      const { plan, x, release } = await held(timed ? 4 : 1, timed);
      let begun = 0;
      const runs = [10, 20, 30].map(async (first) => {
        const { results } = await plan.begin([[x, numbers(8, first)]]);
        begun++;
        return (await results).get('y');
      });
      await soon();
      expect(begun).toBe(1);
      release();
      expect(await Promise.all(runs)).toEqual([10, 20, 30].map(doubled));
      plan.dispose();
    },
  );
});

describe('timed plans', () => {
  it.each([{ reads: true }, { reads: false }])('have a time for each step: %o', async ({ reads }) => {
    const recorder = new Recorder(gpu(), 'network');
    const [a, b, c] = ['a', 'b', 'c'].map((label) => recorder.temporary(label, [64]));
    const x = recorder.persistent('x', [64], numbers(64));
    record1(recorder, 'alone', DOUBLE, [x, a!]);
    recorder.step('one');
    record1(recorder, 'first', DOUBLE, [a!, b!]);
    if (reads) recorder.read('b', b!);
    record1(recorder, 'second', DOUBLE, [b!, c!]);
    recorder.step('two');
    record1(recorder, 'third', DOUBLE, [c!, a!]);
    if (reads) recorder.read('a', a!);
    using plan = await recorder.finish({ timed: true });
    expect(plan.timings.size).toBe(0);
    const results = await plan.run();
    if (reads) expect(results.get('a')).toEqual(numbers(64).map((value) => 16 * value));
    const hasTimes = gpu().features.has('timestamp-query');
    expect([...plan.timings.keys()]).toEqual(hasTimes ? ['alone', 'one', 'two'] : []);
    for (const time of plan.timings.values()) expect(time).toBeGreaterThanOrEqual(0);
  });
});

describe('a plan', () => {
  it('can be repeated, and recorded elsewhere with fewer workgroups', async () => {
    const recorder = new Recorder(gpu(), 'sums');
    const x = recorder.persistent('x', [128], new Float32Array(128).fill(1));
    const y = recorder.persistent('y', [128]);
    record1(recorder, 'add', ADD, [x, y]);
    using plan = await recorder.finish();
    await plan.repeat(3);
    expect(await y.read()).toEqual(new Float32Array(128).fill(3));
    const encoder = gpu().device.createCommandEncoder();
    plan.record(encoder, { label: 'half', repeats: 2, workgroups: [1, 1, 1] });
    await gpu().submit('half', encoder.finish());
    expect(await y.read()).toEqual(new Float32Array(128).map((_, i) => (i < 64 ? 5 : 3)));
  });

  it('poisons what is temporary, and nothing else', async () => {
    const recorder = new Recorder(gpu(), 'poison');
    const x = recorder.persistent('x', [8], numbers(8));
    const c = recorder.constants('c', [3]);
    // More than is poisoned at once.
    const t = recorder.temporary('t', [2 ** 20 + 12]);
    recorder.read('t', t);
    record1(recorder, 'double', DOUBLE, [x, t]);
    record1(recorder, 'words', WORDS, [c, c, recorder.temporary('y', [8])]);
    using plan = await recorder.finish();
    await plan.poison(7);
    expect((await plan.run()).get('t')!.every((value) => value === 7)).toBe(true);
    expect(await x.read()).toEqual(numbers(8));
    expect([...new Uint32Array(await c.readBytes())]).toEqual([3]);
  });

  it('frees its memory, once', async () => {
    using x = await Tensor.from(gpu(), 'x', [8], numbers(8));
    const recorder = new Recorder(gpu(), 'plan');
    const y = recorder.temporary('y', [8]);
    record1(recorder, 'double', DOUBLE, [x, y]);
    recorder.read('y', y);
    const plan = await recorder.finish();
    await plan.run();
    expect(gpu().liveBuffers).toBe(3);
    plan.dispose();
    expect(gpu().liveBuffers).toBe(1);
    plan.dispose();
    y.dispose();
    expect(await x.read()).toEqual(numbers(8));
  });
});
