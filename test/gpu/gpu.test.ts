import { describe, expect, it } from 'vitest';
import { DeviceLostError, GpuError, NoAdapterError } from '../../src/errors.js';
import { isSoftwareAdapter } from '../../src/gpu/device.js';
import { dispatch } from '../../src/gpu/dispatch.js';
import { specialise, tilingOf } from '../../src/gpu/pipelines.js';
import { Recorder } from '../../src/gpu/recorder.js';
import { SUBGROUP_MATRIX } from '../../src/gpu/subgroups.js';
import { Tensor } from '../../src/gpu/tensor.js';
import { Timer } from '../../src/gpu/timer.js';
import { Gpu } from '../../src/node/gpu.js';
import { useGpu } from '../support/gpu.js';

const DOUBLE = `
override COUNT: u32 = 4;
const THREADS: u32 = 64;
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@compute @workgroup_size(THREADS)
fn main(@builtin(global_invocation_id) gid: vec3u) {
  if (gid.x < COUNT) {
    y[gid.x] = 2 * x[gid.x];
  }
}`;

describe('an adapter', () => {
  it.each([
    // As Dawn names them.
    {
      vendor: 'mesa',
      architecture: 'software',
      description: 'llvmpipe: Mesa 25.0.7 (LLVM 15.0.6)',
      is: true,
    },
    { vendor: 'google', architecture: 'swiftshader', description: 'SwiftShader driver-5.0.0', is: true },
    { vendor: 'microsoft', architecture: 'warp', device: 'Microsoft Basic Render Driver', is: true },
    { vendor: 'nvidia', architecture: 'hopper', description: 'NVIDIA: 570.00', is: false },
    { vendor: 'amd', architecture: 'rdna-3', description: 'radv: Mesa 25.0.7 (LLVM 15.0.6)', is: false },
    { vendor: 'unknown', isFallbackAdapter: true, is: true },
  ])('of $vendor $architecture is software: $is', ({ is, ...info }) => {
    expect(isSoftwareAdapter(info, 'system')).toBe(is);
    expect(isSoftwareAdapter(info, 'swiftshader')).toBe(true);
  });
});

describe('specialise', () => {
  it('rewrites the const lines that are named, and no others', () => {
    const kernel = { name: 'k', wgsl: 'const BM: u32 = 64;\nconst BN: u32 = BM;\nconst BK: u32 = 8u;\n' };
    expect(specialise({ ...kernel, tiling: { BM: 32, BK: 4 } })).toBe(
      'const BM: u32 = 32;\nconst BN: u32 = BM;\nconst BK: u32 = 4;\n',
    );
    expect(tilingOf(kernel, 'BM')).toBe(64);
    expect(tilingOf({ ...kernel, tiling: { BM: 16 } }, 'BM')).toBe(16);
    expect(() => specialise({ ...kernel, tiling: { BN: 4 } })).toThrow(
      'k: has no line "const BN: u32 = ...;"',
    );
    expect(() => tilingOf(kernel, 'TM')).toThrow(GpuError);
  });

  it('rewrites the two lines that say how weights are stored, and no others', () => {
    const quads = [
      '// k',
      'alias WeightQuad = vec4f;',
      'fn widen(q: WeightQuad) -> vec4f { return vec4f(q); }',
      'fn other(q: vec4f) -> vec4f { return vec4f(q); }',
    ];
    const kernel = { name: 'k', wgsl: quads.join('\n') };
    expect(specialise({ ...kernel, weights: 'f32' })).toBe(kernel.wgsl);
    expect(specialise({ ...kernel, weights: 'f16' }).split('\n')).toEqual([
      'enable f16; // k',
      'alias WeightQuad = vec4h;',
      ...quads.slice(2),
    ]);
    expect(specialise({ ...kernel, weights: 'packed-f16' }).split('\n')).toEqual([
      '// k',
      'alias WeightQuad = vec2u;',
      'fn widen(q: WeightQuad) -> vec4f { return vec4f(unpack2x16float(q.x), unpack2x16float(q.y)); }',
      quads[3],
    ]);
    const ones = 'alias Weight = f32;\nfn weight(index: u32) -> f32 { return f32(k[index]); }';
    expect(specialise({ name: 'k', wgsl: ones, weights: 'packed-f16' })).toBe(
      'alias Weight = u32;\nfn weight(index: u32) -> f32 { return unpack2x16float(k[index / 2])[index % 2]; }',
    );
    for (const wgsl of ['', quads[1]!, `${quads[1]}\n${ones.split('\n')[1]}`]) {
      expect(() => specialise({ name: 'k', wgsl, weights: 'f32' })).toThrow(
        'k: has no line "alias WeightQuad = vec4f;" or "alias Weight = f32;", with its function, to specialise',
      );
    }
  });
});

describe('Gpu', () => {
  const gpu = useGpu();

  it('computes, reads back and counts its buffers', async () => {
    const x = await Tensor.from(gpu(), 'x', [4], new Float32Array([1, 2, 3, 4]));
    const y = await Tensor.create(gpu(), 'y', [4]);
    expect(gpu().liveBuffers).toBe(2);
    expect(gpu().liveBytes).toBe(32);
    const timer = await Timer.create(gpu(), 1);
    const recorder = new Recorder(gpu(), 'twice');
    recorder.dispatch('twice', { name: 'double', wgsl: DOUBLE }, [x, y], [1, 1, 1]);
    const plan = await recorder.finish();
    const encoder = gpu().device.createCommandEncoder();
    plan.record(encoder, { label: 'twice', timestampWrites: timer?.writes(0) });
    timer?.resolve(encoder);
    await gpu().submit('twice', encoder.finish());
    expect([...(await y.read())]).toEqual([2, 4, 6, 8]);
    if (timer) expect((await timer.read())[0]).toBeGreaterThanOrEqual(0);
    timer?.dispose();
    plan.dispose();
    for (const tensor of [x, y, y]) tensor.dispose();
    expect(gpu().liveBuffers).toBe(0);
    expect(gpu().liveBytes).toBe(0);
  });

  it('compiles a kernel once for the same text and constants', async () => {
    const { pipelines } = gpu();
    const one = pipelines.get({ name: 'double', wgsl: DOUBLE, constants: { COUNT: 3 } });
    expect(pipelines.get({ name: 'double', wgsl: DOUBLE, constants: { COUNT: 3 } })).toBe(one);
    expect(pipelines.get({ name: 'double', wgsl: DOUBLE, constants: { COUNT: 4 } })).not.toBe(one);
    await one;
  });

  it('names the kernel and the line of a mistake in it', async () => {
    const wrong = gpu().pipelines.get({
      name: 'conv3x3/99',
      wgsl: '\n@compute @workgroup_size(1) fn main() { let a: u32 = 1.5; }',
    });
    await expect(wrong).rejects.toThrow(GpuError);
    await expect(wrong).rejects.toThrow(/^conv3x3\/99: line 2: /);
    const unknown = gpu().pipelines.get({ name: 'double', wgsl: DOUBLE, constants: { NOSUCH: 1 } });
    await expect(unknown).rejects.toThrow(/^double: .*NOSUCH/);
  });

  it('turns what WebGPU reports out of band into exceptions that name the layer', async () => {
    const invalid = gpu().checked('fc1', () =>
      gpu().device.createBuffer({ size: 16, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.STORAGE }),
    );
    await expect(invalid).rejects.toThrow(GpuError);
    await expect(invalid).rejects.toThrow(/^fc1: /);
    const huge = gpu().createBuffer({ label: 'fc1 kernel', size: 2 ** 50, usage: GPUBufferUsage.STORAGE });
    await expect(huge).rejects.toThrow(/^fc1 kernel: needs a buffer of .* MiB, the adapter allows/);
    expect(gpu().liveBuffers).toBe(0);
  });

  it('throws what went wrong outside of any call from the next one', async () => {
    const x = await Tensor.create(gpu(), 'x', [1]);
    gpu().device.queue.writeBuffer(x.buffer, 0, new Float32Array(2));
    await new Promise((resolve) => setTimeout(resolve, 50));
    await expect(x.read()).rejects.toThrow(/^outside of any call: /);
    expect([...(await x.read())]).toEqual([0]);
    await expect(gpu().write('x', x.buffer, new Float32Array(2))).rejects.toThrow(/^x: /);
    x.dispose();
  });

  it('keeps no more pipelines than it needs', async () => {
    const { pipelines } = gpu();
    for (let COUNT = 0; COUNT < 300; COUNT++)
      await pipelines.get({ name: 'double', wgsl: DOUBLE, constants: { COUNT } });
    expect(pipelines.size).toBe(128);
    const last = pipelines.get({ name: 'double', wgsl: DOUBLE, constants: { COUNT: 299 } });
    expect(pipelines.get({ name: 'double', wgsl: DOUBLE, constants: { COUNT: 299 } })).toBe(last);
  });

  it('refuses bindings and workgroups beyond the limits before WebGPU drops them', async () => {
    const lesser = await Gpu.open({
      atMost: { maxStorageBufferBindingSize: 1024, maxComputeWorkgroupsPerDimension: 8 },
    });
    const x = await Tensor.create(lesser, 'x', [256]);
    const y = await Tensor.create(lesser, 'y', [257]);
    const kernel = { name: 'double', wgsl: DOUBLE };
    expect(() => dispatch(lesser, 'fc1', kernel, [x, y], [1, 1, 1])).toThrow(/^fc1: y needs a binding of/);
    expect(() => dispatch(lesser, 'fc1', kernel, [x, x], [9, 1, 1])).toThrow(
      /^fc1: needs 9 x 1 x 1 workgroups/,
    );
    lesser.dispose();
  });

  it('stores f16 in half the memory, in whole words', async () => {
    const bits = Uint16Array.of(0x3c00, 0xc000, 1, 0x7bff);
    const k = await Tensor.from(gpu(), 'k', [2, 2], bits);
    expect([k.dtype, k.size, k.byteLength, gpu().liveBytes]).toEqual(['f16', 4, 8, 8]);
    expect(new Uint16Array(await k.readBytes())).toEqual(bits);
    await expect(k.read()).rejects.toThrow('k: is f16; readBytes() gives its bits');
    k.dispose();
    await expect(Tensor.create(gpu(), 'odd', [3], 'f16')).rejects.toThrow(
      'odd: the shape (3) of f16 fills no whole number of words',
    );
  });

  it('does without features that the adapter has', async () => {
    const lesser = await Gpu.open({ adapter: 'null', without: ['shader-f16'] });
    const kernel = { name: 'halves', wgsl: `enable f16;\n${DOUBLE}` };
    expect(lesser.features.has('shader-f16')).toBe(false);
    await expect(lesser.pipelines.get(kernel)).rejects.toThrow(/^halves: line 1: .*f16/);
    lesser.dispose();
  });

  it('knows what subgroups can do, which is nothing where they are not used', async () => {
    const here = gpu().info;
    expect(here.minSubgroup).toBeLessThanOrEqual(here.maxSubgroup);
    for (const { componentType, resultComponentType, ...sides } of here.subgroupMatrixConfigs) {
      expect([typeof componentType, typeof resultComponentType]).toEqual(['string', 'string']);
      expect(Object.keys(sides)).toEqual(['M', 'N', 'K']);
      expect(Math.min(sides.M, sides.N, sides.K)).toBeGreaterThan(0);
    }
    const opened = async (without: readonly string[]) => {
      const lesser = await Gpu.open({ adapter: 'null', without });
      lesser.dispose();
      const { minSubgroup, maxSubgroup, subgroupMatrixConfigs } = lesser.info;
      return [minSubgroup, maxSubgroup, subgroupMatrixConfigs.length, lesser.features.has(SUBGROUP_MATRIX)];
    };
    expect(await opened([])).toEqual([128, 128, 1, true]);
    expect(await opened(['shader-f16'])).toEqual([128, 128, 1, true]);
    expect(await opened([SUBGROUP_MATRIX])).toEqual([128, 128, 0, false]);
    expect(await opened(['subgroups'])).toEqual([0, 0, 0, false]);
  });

  it('refuses values that do not fill a shape, and views that do not fit', async () => {
    await expect(Tensor.from(gpu(), 'x', [2, 2], new Float32Array(3))).rejects.toThrow('x: 3 values');
    const x = await Tensor.create(gpu(), 'x', [4]);
    expect(() => x.view('wide', [5])).toThrow('wide: the shape (5) does not fit into x');
    x.view('same', [2, 2]).dispose();
    expect(gpu().liveBuffers).toBe(1);
    x.dispose();
  });
});

describe('a lost device', () => {
  it('rejects whatever waits and whatever comes after', async () => {
    const gpu = await Gpu.open();
    const x = await Tensor.create(gpu, 'x', [4]);
    const reading = x.read();
    // As when a driver resets: the device goes although nobody disposed of it.
    gpu.device.destroy();
    await expect(reading).rejects.toThrow(DeviceLostError);
    await expect(gpu.createBuffer({ label: 'y', size: 4, usage: GPUBufferUsage.STORAGE })).rejects.toThrow(
      /the GPU device was lost \(destroyed\)/,
    );
    gpu.dispose();
    gpu.dispose();
  });
});

describe('no adapter', () => {
  it('says which name was not found', async () => {
    await expect(Gpu.open({ adapter: 'no such adapter' })).rejects.toThrow(NoAdapterError);
    await expect(Gpu.open({ adapter: 'no such adapter' })).rejects.toThrow('"no such adapter"');
  });
});
