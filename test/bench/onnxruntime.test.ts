import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { type PassInput, SCOPES, type Scope } from '../../src/bench/engine.js';
import { onnxModel } from '../../src/bench/peers/onnx_model.js';
import { createOnnxruntime, loadOnnxruntime } from '../../src/bench/peers/onnxruntime.js';
import { readPeerNetwork } from '../../src/bench/peers/read_network.js';
import type { PeerNetwork } from '../../src/bench/peers/tfjs_weights.js';
import { GpuError, UsageError } from '../../src/errors.js';
import { findAdapter } from '../../src/node/dawn/adapter.js';
import { openFile } from '../../src/node/files.js';
import { openWeights } from '../../src/node/weights/open.js';
import { seededRandom } from '../../src/random.js';
import { nmse } from '../../src/reference/compare.js';
import { openOnnx } from '../../src/weights/formats/onnx.js';
import { describeVgg16 } from '../../src/weights/vgg16.js';
import { reference } from '../support/float64_vgg16.js';
import { writeRandomVgg16 } from '../support/random_vgg16.js';
import { temporaryFolder, write } from '../weights/files.js';

/** Float32 through 16 layers, and Winograd's or another's order of sums; a wrong order of axes gives 1e-2 and more. */
const MAX_NMSE = 1e-10;

// 64 px, so that fc1 reads 2x2 features: with the 1x1 of 32 px, C,H,W and H,W,C would be one order.
const [BATCH, SIDE, FEATURES] = [2, 64, 2];
const WIDTHS = [4, 4, 8, 8, 12] as const;

const folder = temporaryFolder();
let network: PeerNetwork;

beforeAll(async () => {
  const path = join(folder, 'narrow.safetensors');
  await writeRandomVgg16(path, { widths: WIDTHS, hidden: 16, classes: 5, featureSide: FEATURES, seed: 3 });
  network = await readNetwork(path);
});

async function readNetwork(path: string): Promise<PeerNetwork> {
  const source = await openWeights(path);
  const read = await readPeerNetwork(describeVgg16(source));
  await source.close();
  return read;
}

function normals(length: number, seed: number): Float32Array<ArrayBuffer> {
  const random = seededRandom(seed);
  return Float32Array.from({ length }, () => random.normal());
}

describe('the model', () => {
  it.each(['convs', 'all'] as const)('of %s is read back as the same network', async (scope) => {
    const path = write(folder, `${scope}.onnx`, Buffer.from(onnxModel(network, scope, SIDE)));
    expect(await readNetwork(path)).toEqual(scope === 'all' ? network : { convs: network.convs, dense: [] });
  });

  it('of dense holds the dense layers alone', async () => {
    const path = write(folder, 'dense.onnx', Buffer.from(onnxModel(network, 'dense', FEATURES)));
    const model = await openOnnx(await openFile(path));
    expect(model.nodes.map(({ op }) => op).join(' ')).toBe('Flatten Gemm Relu Gemm Relu Gemm Softmax');
    expect([...model.tensors.keys()]).toEqual(
      ['fc1', 'fc2', 'fc3'].flatMap((l) => [`${l}.kernel`, `${l}.bias`]),
    );
    expect([model.inputs, model.outputs]).toEqual([['x'], ['y']]);
    await model.close();
  });

  it('is refused for what does not fit', () => {
    const base = { convs: network.convs, dense: [] };
    expect(() => onnxModel(base, 'all', SIDE)).toThrow(/this network has no dense layers/);
    expect(() => onnxModel(network, 'all', 96)).toThrow(/fc1 reads 2x2 features.*gives 3x3/);
    expect(() => onnxModel(network, 'dense', SIDE)).toThrow(UsageError);
    expect(() => onnxModel({ convs: [], dense: [] }, 'convs', SIDE)).toThrow(/this network has: none/);
  });
});

let missing: unknown;
try {
  loadOnnxruntime();
} catch (error) {
  missing = error;
  console.warn(`SKIPPED, ONNX Runtime is not run: ${(error as Error).message}`);
}

it('where onnxruntime-node is not installed, says so', () => {
  expect(() => loadOnnxruntime([join(folder, 'package.json')])).toThrow(UsageError);
  expect(() => loadOnnxruntime([join(folder, 'package.json')])).toThrow(
    /^onnxruntime-node is not installed: npm install onnxruntime-node$/,
  );
});

const noAdapter = missing
  ? undefined
  : await findAdapter().then(
      () => undefined,
      (error: Error) => error,
    );
if (noAdapter) console.warn(`SKIPPED, ONNX Runtime is not run on WebGPU: ${noAdapter.message}`);
const NAMES = ['onnxruntime-cpu', ...(noAdapter ? [] : (['onnxruntime-webgpu'] as const))] as const;

describe.skipIf(missing).each(NAMES)('%s', (name) => {
  const x = normals(BATCH * SIDE * SIDE * 3, 4);
  let wanted: Map<string, Float64Array>;
  const inputs = (scope: Scope, batch = BATCH): PassInput => {
    const isDense = scope === 'dense';
    const values = isDense ? Float32Array.from(wanted.get('block5_pool')!) : x;
    return {
      batch,
      side: isDense ? FEATURES : SIDE,
      pixels: new Uint8Array(0),
      x: values.slice(0, (values.length / BATCH) * batch),
    };
  };

  beforeAll(() => {
    wanted = reference(network, x, [BATCH, SIDE, SIDE]);
  });

  it.each(SCOPES)('agrees with float64: %s', async (scope) => {
    const engine = createOnnxruntime(name, network);
    expect([engine.name, engine.deviceBytes()]).toEqual([name, undefined]);
    const expected = wanted.get(scope === 'convs' ? 'block5_pool' : 'softmax')!;
    for (const batch of [BATCH, 1]) {
      const pass = await engine.prepare(scope, inputs(scope, batch));
      const first = await pass.run();
      expect(first).toBeInstanceOf(Float32Array);
      expect(nmse(first, expected.subarray(0, (expected.length / BATCH) * batch))).toBeLessThan(MAX_NMSE);
      expect(await pass.run()).toEqual(first);
      pass.dispose();
      pass.dispose();
      await expect(pass.run()).rejects.toThrow(GpuError);
    }
    await engine.dispose();
  });

  it('rounds odd sizes down when pooling', async () => {
    const side = 47;
    const odd = normals(side * side * 3, 5);
    const base = { convs: network.convs, dense: [] };
    const pass = await createOnnxruntime(name, base).prepare('convs', {
      batch: 1,
      side,
      pixels: new Uint8Array(0),
      x: odd,
    });
    const expected = reference(base, odd, [1, side, side]).get('block5_pool')!;
    expect(nmse(await pass.run(), expected)).toBeLessThan(MAX_NMSE);
    pass.dispose();
  });

  it('refuses what makes no sense', async () => {
    const engine = createOnnxruntime(name, network);
    const short = { ...inputs('convs'), batch: BATCH + 1 };
    await expect(engine.prepare('convs', short)).rejects.toThrow(
      /24576 values do not make an input of 3x64x64x3/,
    );
    await expect(engine.prepare('dense', inputs('convs'))).rejects.toThrow(/fc1 reads 2x2 features/);
  });
});
