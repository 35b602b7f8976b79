import { createRequire } from 'node:module';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTfjsPeer, type NHW, type PeerNetwork, type TfjsPeer } from '../../src/bench/peers/tfjs.js';
import { openWebgpu } from '../../src/bench/peers/tfjs_backends.js';
import { GpuError, NoAdapterError, UsageError } from '../../src/errors.js';
import { findAdapter } from '../../src/node/dawn/adapter.js';
import { Gpu } from '../../src/node/gpu.js';
import { seededRandom } from '../../src/random.js';
import { LAYERS, reference, TOP } from '../support/float64_vgg16.js';

/** Float32 sums of at most 72 products through 16 layers; a wrong order or a missing bias gives 1e-2 and more. */
const MAX_NMSE = 1e-11;

interface Sizes {
  widths: number[];
  hidden: number;
  classes: number;
  side: number;
}

// 64 px, so that fc1 reads 2x2 features: with the 1x1 of 32 px, C,H,W and H,W,C would be one order.
const NARROW: Sizes = { widths: [4, 4, 8, 8, 8], hidden: 16, classes: 5, side: 2 };
const BATCH: NHW = [2, 64, 64];

function randomNetwork({ widths, hidden, classes, side }: Sizes): PeerNetwork {
  const random = seededRandom(3);
  const normals = (length: number, deviation: number) =>
    Float32Array.from({ length }, () => random.normal() * deviation);
  let C = 3;
  const convs = LAYERS.filter((layer) => layer.includes('conv')).map((layer) => {
    const O = widths[Number(layer[5]) - 1]!;
    const conv = { layer, kernel: normals(O * C * 9, Math.sqrt(2 / (C * 9))), bias: normals(O, 0.1), O, C };
    C = O;
    return conv;
  });
  let inputs = C * side * side;
  const dense = [hidden, hidden, classes].map((outputs, i) => {
    const kernel = normals(outputs * inputs, Math.sqrt(2 / inputs));
    const layer = { layer: `fc${i + 1}`, kernel, bias: normals(outputs, 0.1), outputs, inputs };
    inputs = outputs;
    return layer;
  });
  return { convs, dense };
}

function randomInput([N, H, W]: NHW): Float32Array {
  const random = seededRandom(4);
  return Float32Array.from({ length: N * H * W * 3 }, () => random.normal());
}

function expectClose(
  actual: ReadonlyMap<string, Float32Array>,
  wanted: ReadonlyMap<string, Float64Array>,
  layers: string[],
): void {
  expect([...actual.keys()]).toEqual(layers);
  for (const layer of layers) {
    const a = actual.get(layer)!;
    const r = wanted.get(layer)!;
    expect(a.length, layer).toBe(r.length);
    const error = a.reduce((sum, value, i) => sum + (value - r[i]!) ** 2, 0);
    const power = r.reduce((sum, value) => sum + value ** 2, 0);
    expect(power, `${layer} is not all zero`).toBeGreaterThan(0);
    expect(error / power, `NMSE of ${layer}`).toBeLessThanOrEqual(MAX_NMSE);
  }
}

const tf: { memory(): { numTensors: number } } = createRequire(import.meta.url)('@tensorflow/tfjs-core');

const network = randomNetwork(NARROW);
const x = randomInput(BATCH);
const wanted = reference(network, x, BATCH);
const ODD: NHW = [1, 35, 47];
const odd = randomInput(ODD);
const wantedOdd = reference({ convs: network.convs, dense: [] }, odd, ODD);

describe.each(['wasm', 'cpu'] as const)('tfjs %s', (on) => {
  let peer: TfjsPeer;
  beforeAll(async () => {
    peer = await createTfjsPeer(on, network);
  });
  afterAll(() => peer.dispose());

  it('agrees with float64 on every layer', async () => {
    expect(peer.name).toBe(`tfjs-${on}`);
    expectClose(await peer.forward(x, BATCH, [...LAYERS, ...TOP]), wanted, [...LAYERS, ...TOP]);
  });

  it('rounds odd sizes down when pooling', async () => {
    expectClose(await peer.forward(odd, ODD, LAYERS), wantedOdd, LAYERS);
  });

  it('gives only what is asked for, in the order asked', async () => {
    const layers = ['block2_pool', 'block1_conv2'];
    expectClose(await peer.forward(x, BATCH, layers), wanted, layers);
  });

  it('makes a part of the network ready, and runs it as often as it is asked', async () => {
    const features = Float32Array.from(wanted.get('block5_pool')!);
    const [N, side, C] = [BATCH[0], 2, features.length / (BATCH[0] * 4)];
    const pass = await peer.prepare(features, [N, side, side, C], { from: 'fc1', until: 'softmax' });
    for (let i = 0; i < 2; i++) {
      await pass.compute();
      expectClose(new Map([['softmax', await pass.run()]]), wanted, ['softmax']);
    }
    pass.dispose();
  });

  it('refuses what makes no sense', async () => {
    await expect(peer.forward(x, BATCH, ['block6_conv1'])).rejects.toThrow(/no layer is called block6_conv1/);
    await expect(peer.forward(x, [1, 64, 64], ['fc1'])).rejects.toThrow(/do not make an input of 1x64x64x3/);
    await expect(peer.forward(odd, ODD, ['fc1'])).rejects.toThrow(/fc1 reads 2x2 features.*give 1x1/);
    await expect(peer.forward(odd.subarray(0, 48), [1, 4, 4], ['block3_pool'])).rejects.toThrow(
      /block3_pool: these pictures are too small, 1x1 is left/,
    );
    const part = { from: 'block6_conv1', until: 'softmax' };
    const pass = await peer.prepare(x, [...BATCH, 3], part);
    await expect(pass.run()).rejects.toThrow(/no layer is called block6_conv1/);
    pass.dispose();
    await expect(peer.prepare(x, [2, 2], { until: 'softmax' })).rejects.toThrow(UsageError);
  });
});

describe('a peer', () => {
  it('leaves no tensor and no process listener behind', async () => {
    const listeners = process.listenerCount('uncaughtException');
    const tensors = tf.memory().numTensors;
    const peer = await createTfjsPeer('wasm', network);
    const uploaded = tf.memory().numTensors;
    expect(uploaded - tensors).toBe(2 * 16);
    const first = await peer.forward(x, BATCH, ['fc1', 'softmax']);
    expect(await peer.forward(x, BATCH, ['fc1', 'softmax'])).toEqual(first);
    const pass = await peer.prepare(x, [...BATCH, 3], { until: 'block1_conv1' });
    await pass.compute();
    pass.dispose();
    await expect(peer.forward(odd, ODD, ['fc1'])).rejects.toThrow(UsageError);
    expect(tf.memory().numTensors).toBe(uploaded);
    peer.dispose();
    peer.dispose();
    expect(tf.memory().numTensors).toBe(tensors);
    await expect(peer.forward(x, BATCH, ['softmax'])).rejects.toThrow(/tfjs-wasm is used after dispose/);
    expect(process.listenerCount('uncaughtException')).toBe(listeners);
  });

  it('takes a network without its top', async () => {
    const peer = await createTfjsPeer('wasm', { convs: network.convs, dense: [] });
    expectClose(await peer.forward(x, BATCH, ['block5_pool']), wanted, ['block5_pool']);
    await expect(peer.forward(x, BATCH, ['softmax'])).rejects.toThrow(/no layer is called softmax/);
    peer.dispose();
  });

  it('says what is wrong with a network', async () => {
    const { convs, dense } = network;
    const create = (changed: PeerNetwork) => createTfjsPeer('wasm', changed);
    await expect(create({ convs: convs.slice(1), dense })).rejects.toThrow(
      /has the convolutions block1_conv1 .*this network has: block1_conv2/,
    );
    await expect(create({ convs, dense: dense.slice(0, 2) })).rejects.toThrow(/this network has: fc1 fc2$/);
    await expect(create({ convs, dense, featureSide: 3 })).rejects.toThrow(
      /fc1 of this network has 32 inputs where it needs 72/,
    );
    const short = convs.map((conv) => ({ ...conv, bias: conv.bias.subarray(1) }));
    await expect(create({ convs: short, dense })).rejects.toThrow(
      /block1_conv1 of this network has 3 biases where it needs 4/,
    );
  });
});

const gpu = await Gpu.open().catch((error: unknown) => {
  if (!(error instanceof NoAdapterError)) throw error;
  console.warn(`SKIPPED, tfjs webgpu is not tested: ${error.message}`);
  return undefined;
});

describe.skipIf(!gpu)('tfjs webgpu', () => {
  afterAll(() => gpu?.dispose());

  it('agrees with float64 on every layer, in turns with wasm', async () => {
    const navigatorBefore = Object.getOwnPropertyDescriptor(globalThis, 'navigator');
    const [webgpu, wasm] = await Promise.all([
      createTfjsPeer({ device: gpu!.device, adapterInfo: gpu!.info }, network),
      createTfjsPeer('wasm', network),
    ]);
    expect(webgpu.name).toBe('tfjs-webgpu');
    const layers = [...LAYERS, ...TOP];
    const results = await Promise.all([
      webgpu.forward(x, BATCH, layers),
      wasm.forward(x, BATCH, layers),
      webgpu.forward(odd, ODD, LAYERS),
      wasm.forward(odd, ODD, LAYERS),
    ]);
    expectClose(results[0], wanted, layers);
    expectClose(results[1], wanted, layers);
    expectClose(results[2], wantedOdd, LAYERS);
    expectClose(results[3], wantedOdd, LAYERS);
    const pass = await webgpu.prepare(Float32Array.from(wanted.get('block1_conv1')!), [...BATCH, 4], {
      from: 'block1_conv2',
      until: 'fc3',
    });
    await pass.compute();
    expectClose(new Map([['fc3', await pass.run()]]), wanted, ['fc3']);
    pass.dispose();
    webgpu.dispose();
    wasm.dispose();
    expect(Object.getOwnPropertyDescriptor(globalThis, 'navigator')).toEqual(navigatorBefore);
  });

  it('turns what the device reports out of band into an exception, and only that', async () => {
    const backend = await openWebgpu(gpu!.device, gpu!.info);
    const impossible = async () => gpu!.device.createBuffer({ size: 4, usage: 0 }).size;
    await expect(backend.guard('fc9', impossible)).rejects.toThrow(/^tfjs-webgpu, fc9: [^\n]*usage[^\n]*$/i);
    const broken = () => {
      throw new Error('thrown at once\nsecond line');
    };
    await expect(backend.guard('fc9', broken)).rejects.toThrow(/^tfjs-webgpu, fc9: thrown at once$/);
    expect(await backend.guard('fc9', async () => 1)).toBe(1);
    backend.dispose();
  });

  it('throws where TensorFlow.js alone gives wrong numbers: a kernel beyond the binding limit', async () => {
    // Asked for no limits, a device has the 128 MiB that WebGPU promises; this fc1 has 129 MiB.
    const { adapter } = await findAdapter();
    const device = await adapter.requestDevice();
    expect(device.limits.maxStorageBufferBindingSize).toBe(2 ** 27);
    const wide = randomNetwork({ ...NARROW, hidden: 1, side: 1 });
    const inputs = wide.dense[0]!.inputs;
    const outputs = (129 * 2 ** 20) / 4 / inputs;
    wide.dense[0] = {
      layer: 'fc1',
      kernel: new Float32Array(inputs * outputs),
      bias: new Float32Array(outputs),
      outputs,
      inputs,
    };
    wide.dense[1] = {
      layer: 'fc2',
      kernel: new Float32Array(outputs),
      bias: new Float32Array(1),
      outputs: 1,
      inputs: outputs,
    };
    const peer = await createTfjsPeer({ device, adapterInfo: adapter.info }, wide);
    const small: NHW = [1, 32, 32];
    await expect(peer.forward(randomInput(small), small, ['fc1'])).rejects.toThrow(
      /tfjs-webgpu cannot run fc1 here: its kernel takes 135266304 bytes and this device binds at most 134217728/,
    );
    expect((await peer.forward(randomInput(small), small, ['block5_pool'])).size).toBe(1);

    device.destroy();
    await expect(peer.forward(randomInput(small), small, ['block5_pool'])).rejects.toThrow(GpuError);
    peer.dispose();
  });
});
