// Parameters on the GPU: what is written is read back, padding stays zero, derived forms follow the value.

import { describe, expect, it } from 'vitest';
import { Recorder } from '../../src/gpu/recorder.js';
import { sizeOf, type Tensor } from '../../src/gpu/tensor.js';
import { Parameter, Parameters } from '../../src/network/parameters.js';
import { PiecedTensor } from '../../src/network/pieced_tensor.js';
import { Gpu } from '../../src/node/gpu.js';
import { decodeFloats, encodeFloats } from '../../src/weights/floats.js';
import { useGpu } from '../support/gpu.js';

const gpu = useGpu();

/** Fills row after row with 1, 2, 3, ..., which f16 holds exactly up to 2048. */
function counting(): (rows: Float32Array) => void {
  let next = 1;
  return (rows) => {
    for (let i = 0; i < rows.length; i++) rows[i] = next++;
  };
}

async function valuesOf(tensor: PiecedTensor): Promise<number[]> {
  const values: number[] = [];
  for await (const rows of tensor.read()) values.push(...rows);
  return values;
}

const SHAPES = [[5], [6, 7], [8, 4], [3, 3, 3, 5], [3, 3, 4, 8], [4, 3, 5]];

describe('PiecedTensor', () => {
  it.each(SHAPES.flatMap((shape) => (['f32', 'f16'] as const).map((dtype) => ({ shape, dtype }))))(
    'of shape $shape as $dtype is written and read row by row, with zeros in its padding',
    async ({ shape, dtype }) => {
      using tensor = await PiecedTensor.create(gpu(), 'k', shape, dtype);
      await tensor.write(counting());
      const count = sizeOf(shape);
      expect(await valuesOf(tensor)).toEqual(Array.from({ length: count }, (_, i) => i + 1));

      const stored = decodeFloats(
        new Uint8Array(await tensor.whole.readBytes()),
        dtype === 'f16' ? 'F16' : 'F32',
      );
      expect(tensor.whole.shape.at(-1)! % 4).toBe(0);
      expect(stored.filter((value) => value !== 0).length).toBe(count);
      expect(stored.reduce((sum, value) => sum + value)).toBe((count * (count + 1)) / 2);
      // Channel 1 of the second tap or pixel lies behind the padding of the first.
      if (shape.length > 2) {
        const [C, O] = shape.slice(-2) as [number, number];
        const [paddedC, paddedO] = [Math.ceil(C / 4) * 4, Math.ceil(O / 4) * 4];
        expect(stored[(paddedC + 1) * paddedO]).toBe(1 + (C + 1) * O);
      }
    },
  );

  it('is cut into pieces of columns that the adapter can bind, but a convolution is not', async () => {
    const lesser = await Gpu.open({ atMost: { maxStorageBufferBindingSize: 65536 } });
    try {
      // 16 columns of 1024 rows as f32.
      using dense = await PiecedTensor.create(lesser, 'k', [4, 255, 40]);
      expect(dense.pieces.map(({ first, k }) => [first, ...k.shape])).toEqual([
        [0, 1024, 16],
        [16, 1024, 16],
        [32, 1024, 8],
      ]);
      await dense.write(counting());
      expect(await valuesOf(dense)).toEqual(Array.from({ length: 4 * 255 * 40 }, (_, i) => i + 1));
      using conv = await PiecedTensor.create(lesser, 'k', [3, 3, 64, 64]);
      expect(conv.pieces.map(({ k }) => k.shape)).toEqual([[3, 3, 64, 64]]);
    } finally {
      lesser.dispose();
    }
  });

  it('rounds to f16 as weights files do', async () => {
    using tensor = await PiecedTensor.create(gpu(), 'k', [4, 4], 'f16');
    const values = Float32Array.from({ length: 16 }, (_, i) => Math.sin(i) / 3);
    await tensor.write((rows) => rows.set(values));
    expect(await valuesOf(tensor)).toEqual([...decodeFloats(encodeFloats(values, 'F16'), 'F16')]);
  });
});

/** Twice the value, by a kernel of this test's own. */
const DOUBLE = `
@group(0) @binding(0) var<storage, read> k: array<f32>;
@group(0) @binding(1) var<storage, read_write> u: array<f32>;
@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) gid: vec3u) {
  if (gid.x < arrayLength(&k)) { u[gid.x] = 2 * k[gid.x]; }
}`;

function doubleOf({ value: { whole: k } }: Parameter) {
  return {
    name: 'double',
    shape: k.shape,
    record: (recorder: Recorder, u: Tensor) =>
      recorder.dispatch('double', { name: 'double', wgsl: DOUBLE }, [k, u], [1, 1, 1]),
  };
}

describe('Parameter', () => {
  it('has a gradient and moments where it is trained, and neither where it is not', async () => {
    using trained = await Parameter.create(gpu(), 'fc1.kernel', [3, 5], { moments: ['m', 'v'] });
    expect(trained.gradient!.shape).toEqual([3, 5]);
    expect([...trained.moments.values()].map(({ label }) => label)).toEqual(['fc1.kernel.m', 'fc1.kernel.v']);
    using frozen = await Parameter.create(gpu(), 'fc1.kernel', [3, 5], { dtype: 'f16' });
    expect([frozen.gradient, frozen.moments.size, frozen.value.whole.dtype]).toEqual([undefined, 0, 'f16']);
  });

  it('computes a derived form once, and again in the same memory when its value has changed', async () => {
    using parameter = await Parameter.create(gpu(), 'fc1.kernel', [4, 4]);
    await parameter.value.write((rows) => rows.fill(1));
    const form = doubleOf(parameter);
    // Two who ask at the same time share it.
    const [u, same] = await Promise.all([parameter.derived(form), parameter.derived(form)]);
    expect(same).toBe(u);
    expect([...(await u.read())]).toEqual(Array(16).fill(2));

    const { version } = parameter;
    await parameter.value.write((rows) => rows.fill(3));
    expect(parameter.version).toBeGreaterThan(version);
    // Whoever only refreshes, a recorded plan for instance, finds the new numbers in the old memory.
    await parameter.refresh();
    expect([...(await u.read())]).toEqual(Array(16).fill(6));

    await gpu().write('k', parameter.value.whole.buffer, new Float32Array(16).fill(5));
    await parameter.refresh();
    expect([...(await u.read())], 'nobody said that it changed').toEqual(Array(16).fill(6));
    parameter.value.changed();
    expect(await parameter.derived(form)).toBe(u);
    expect([...(await u.read())]).toEqual(Array(16).fill(10));
    const recorder = new Recorder(gpu(), 'refresh');
    await parameter.recordRefresh(recorder);
    expect(recorder.dispatches.length).toBe(1);
  });

  it('tries a derived form again that could not be had, and leaves nothing behind', async () => {
    {
      using parameter = await Parameter.create(gpu(), 'fc1.kernel', [4, 4]);
      const form = doubleOf(parameter);
      const failing = {
        ...form,
        record: () => {
          throw new Error('no memory');
        },
      };
      await expect(parameter.derived(failing)).rejects.toThrow('no memory');
      expect(gpu().liveBuffers).toBe(1);
      expect((await parameter.derived(form)).size).toBe(16);
    }
    expect(gpu().liveBuffers).toBe(0);
  });
});

describe('Parameters', () => {
  const layers = [
    { name: 'block1_conv1', kernel: [3, 3, 3, 5] },
    { name: 'fc1', kernel: [10, 7], moments: ['m'] },
  ];

  it('have a kernel and a bias per layer, and a state of what is trained', async () => {
    using parameters = await Parameters.create(gpu(), layers, 'f16');
    expect(parameters.all.map(({ name, shape, value }) => [name, shape, value.dtype])).toEqual([
      ['block1_conv1.kernel', [3, 3, 3, 5], 'f16'],
      ['block1_conv1.bias', [5], 'f32'],
      ['fc1.kernel', [10, 7], 'f16'],
      ['fc1.bias', [7], 'f32'],
    ]);
    expect([...parameters.state.keys()]).toEqual(['fc1.kernel', 'fc1.kernel.m', 'fc1.bias', 'fc1.bias.m']);
    expect(() => parameters.layer('fc2')).toThrow(/no parameters of fc2; .* block1_conv1, fc1/);
  });

  it('leave nothing behind where memory is short', async () => {
    const lesser = await Gpu.open({ atMost: { maxBufferSize: 65536 } });
    try {
      const tooLarge = { name: 'block5_conv3', kernel: [3, 3, 512, 512] };
      await expect(Parameters.create(lesser, [...layers, tooLarge])).rejects.toThrow(/block5_conv3\.kernel/);
      expect(lesser.liveBuffers).toBe(0);
    } finally {
      lesser.dispose();
    }
  });
});
