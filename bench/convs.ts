// npm run bench:convs: the thirteen convolutions of VGG16 at 224x224, batch 1, rung by rung and beside TensorFlow.js
// on the same adapter.
//
// Every engine computes a layer alone, from a buffer on the GPU to a buffer on the GPU; its time is the wall clock's
// from submitting to having finished. Engines take turns, layer by layer, so that a noisy machine is noisy for all; the
// median of the rounds counts. Every rung's output is first held against the others' (they share inputs).
//
//   --rounds 3   --json FILE   --adapter NAME   --side 224

import { execFileSync } from 'node:child_process';
import { mkdir, rename, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { parseArgs } from 'node:util';
import { type Dispatch, record } from '../src/gpu/dispatch.js';
import { Gpu } from '../src/gpu/gpu.js';
import { Tensor } from '../src/gpu/tensor.js';
import { CONV3X3_RUNGS, type Conv3x3Rung, conv3x3 } from '../src/kernels/conv3x3/conv3x3.js';
import { padToQuad } from '../src/kernels/shapes.js';
import { planLayers } from '../src/model/architecture.js';
import { nmse } from '../src/reference/compare.js';
import { type Random, seededRandom } from '../test/support/random.js';
import { createTfjsPeer, type PeerConv, type TfjsPeer } from './peers/tfjs.js';
import { median, table } from './support/table.js';

const { values: options } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    side: { type: 'string', default: '224' },
    adapter: { type: 'string' },
    json: { type: 'string' },
  },
});
const rounds = Number(options.rounds);
const side = Number(options.side);

const WIDTHS = [64, 64, 128, 128, 256, 256, 256, 512, 512, 512, 512, 512, 512];
/** Two rungs that sum in different orders differ by about this; a wrong one by much more. */
const MAX_NMSE = 1e-10;
const RUNGS = Object.keys(CONV3X3_RUNGS) as Conv3x3Rung[];

interface Layer {
  readonly name: string;
  readonly H: number;
  readonly W: number;
  readonly C: number;
  readonly O: number;
  readonly gflop: number;
}

function convolutions(): Layer[] {
  const probe = planLayers(
    { convs: WIDTHS_BY_NAME, dense: new Map(), featureSide: undefined },
    side,
    side,
    'block5_pool',
  );
  return probe
    .filter(({ operation }) => operation === 'conv3x3')
    .map(({ name, inputShape, shape, flops }) => {
      const [H, W, C] = inputShape as [number, number, number];
      return { name, H, W, C, O: shape[2]!, gflop: flops / 1e9 };
    });
}

const WIDTHS_BY_NAME = new Map(
  [2, 2, 3, 3, 3]
    .flatMap((count, block) => Array.from({ length: count }, (_, i) => `block${block + 1}_conv${i + 1}`))
    .map((name, i) => [name, WIDTHS[i]!]),
);

function normals(random: Random, length: number, deviation: number): Float32Array {
  return Float32Array.from({ length }, () => random.normal() * deviation);
}

/** (O,C,3,3) into (3,3,C,O) with C padded. */
function hwio(kernel: Float32Array, { C, O }: Layer): Float32Array {
  const padded = padToQuad(C);
  const result = new Float32Array(9 * padded * O);
  for (let o = 0; o < O; o++) {
    for (let c = 0; c < C; c++) {
      for (let tap = 0; tap < 9; tap++) result[(tap * padded + c) * O + o] = kernel[(o * C + c) * 9 + tap]!;
    }
  }
  return result;
}

async function timeDispatches(gpu: Gpu, label: string, dispatches: readonly Dispatch[]): Promise<number> {
  const encoder = gpu.device.createCommandEncoder({ label });
  record(encoder, label, dispatches);
  const start = performance.now();
  await gpu.submit(label, encoder.finish());
  return performance.now() - start;
}

/** One layer's times for every engine, a list of `rounds` each. */
async function timeLayer(
  gpu: Gpu,
  peer: TfjsPeer,
  layer: Layer,
  weights: PeerConv,
): Promise<Map<string, number[]>> {
  const { name, H, W, C, O } = layer;
  const random = seededRandom(H * 1000 + C);
  const padded = padToQuad(C);
  const x = await Tensor.from(gpu, 'x', [1, H, W, padded], normals(random, H * W * padded, 1));
  const k = await Tensor.from(gpu, 'k', [3, 3, padded, O], hwio(weights.kernel, layer));
  const b = await Tensor.from(gpu, 'b', [O], weights.bias);
  const y = await Tensor.create(gpu, 'y', [1, H, W, O]);

  const engines = new Map<string, () => Promise<number>>();
  let expected: Float32Array | undefined;
  for (const rung of RUNGS) {
    const dispatches = await conv3x3(gpu, { label: `${name} ${rung}`, x, k, b, y, relu: true, rung });
    await timeDispatches(gpu, name, dispatches);
    const result = await y.read();
    expected ??= result;
    const error = nmse(result, expected);
    if (!(error <= MAX_NMSE)) throw new Error(`${name}: ${rung} differs from ${RUNGS[0]}, NMSE ${error}`);
    engines.set(rung, () => timeDispatches(gpu, name, dispatches));
  }
  engines.set(peer.name, () => peer.timeConv(name, [1, H, W]));

  const times = new Map([...engines.keys()].map((engine) => [engine, [] as number[]]));
  for (let round = 0; round < rounds; round++) {
    for (const [engine, run] of engines) times.get(engine)!.push(await run());
  }
  for (const tensor of [x, k, b, y]) tensor.dispose();
  return times;
}

const gpu = await Gpu.open({ adapter: options.adapter });
const layers = convolutions();
const random = seededRandom(1);
const convs = layers.map(({ name: layer, C, O }) => ({
  ...{ layer, C, O },
  kernel: normals(random, O * C * 9, Math.sqrt(2 / (9 * C))),
  bias: normals(random, O, 0.1),
}));
const peer = await createTfjsPeer({ device: gpu.device, adapterInfo: gpu.info }, { convs, dense: [] });
const engines = [...RUNGS, peer.name];
console.log(
  `Adapter: ${gpu.info.description} (${gpu.info.source}); ${side}x${side}, batch 1, median of ${rounds}\n`,
);

const medians: {
  layer: string;
  engine: string;
  gflop: number;
  medianMs: number;
  minMs: number;
  maxMs: number;
}[] = [];
for (const [i, layer] of layers.entries()) {
  const times = await timeLayer(gpu, peer, layer, convs[i]!);
  for (const [engine, ms] of times) {
    const { name, gflop } = layer;
    const spread = { medianMs: median(ms), minMs: Math.min(...ms), maxMs: Math.max(...ms) };
    medians.push({ layer: name, engine, gflop, ...spread });
  }
  console.error(`${layer.name} done`);
}
const of = (layer: string, engine: string) =>
  medians.find((row) => row.layer === layer && row.engine === engine)!;
const rows = layers.map(({ name, H, W, C, O }) => [
  name,
  `${H}x${W}x${C}->${O}`,
  ...engines.map((engine) => of(name, engine).medianMs.toFixed(1)),
]);
const total = (engine: string) => layers.reduce((sum, { name }) => sum + of(name, engine).medianMs, 0);
const gflop = layers.reduce((sum, layer) => sum + layer.gflop, 0);
rows.push([
  'all thirteen',
  `${gflop.toFixed(1)} GFLOP`,
  ...engines.map((engine) => total(engine).toFixed(0)),
]);
rows.push(['GFLOP/s', '', ...engines.map((engine) => (gflop / (total(engine) / 1000)).toFixed(2))]);
console.log(table(['layer', 'shape', ...engines.map((engine) => `${engine} ms`)], rows));
const best = total('03_register_blocked');
console.log(
  `\n03_register_blocked is ${(total('01_naive') / best).toFixed(2)} times as fast as 01_naive ` +
    `and ${(total(peer.name) / best).toFixed(2)} times as fast as ${peer.name}.`,
);
if (options.json) {
  const commit = execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim();
  const versions = { 'vgg16-webgpu': __VERSION__, node: process.version };
  const text = JSON.stringify(
    { adapter: gpu.info, versions, commit, side, rounds, results: medians },
    null,
    1,
  );
  await mkdir(dirname(options.json), { recursive: true });
  await writeFile(`${options.json}.tmp`, `${text}\n`);
  await rename(`${options.json}.tmp`, options.json);
}
peer.dispose();
gpu.dispose();
