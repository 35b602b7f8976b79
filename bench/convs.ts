// npm run bench:convs: the thirteen convolutions of VGG16 at 224x224, batch 1, rung by rung and beside TensorFlow.js
// on the same adapter.
//
// Every engine computes a layer alone, from a buffer on the GPU to a buffer on the GPU; its time is the wall clock's
// from recording the commands to having finished (tfjs allocates its output as well, from a pool). Engines take turns, layer by layer, so that a noisy machine is noisy for all; the
// median of the rounds counts. Every rung's output is first held against the float64 reference.
//
//   --rounds 3   --json FILE   --adapter NAME   --side 224   --rungs 03_register_blocked,06_subgroup

import { parseArgs } from 'node:util';
import { createTfjsPeer, type PeerConv, type TfjsPeer } from '../src/bench/peers/tfjs.js';
import { type Random, seededRandom } from '../src/bench/random.js';
import { writeResults } from '../src/bench/results.js';
import { table } from '../src/bench/table.js';
import { UsageError } from '../src/errors.js';
import { type Dispatch, record } from '../src/gpu/dispatch.js';
import { Gpu } from '../src/gpu/gpu.js';
import { Tensor } from '../src/gpu/tensor.js';
import { CONV3X3_RUNGS, conv3x3, isWinograd } from '../src/kernels/conv3x3/conv3x3.js';
import { pointsOf, winogradFilter } from '../src/kernels/conv3x3/winograd.js';
import { padToQuad } from '../src/kernels/shapes.js';
import { median } from '../src/median.js';
import { PAPER_WIDTHS, planLayers } from '../src/model/architecture.js';
import { nmse } from '../src/reference/compare.js';
import { conv3x3 as reference } from '../src/reference/conv3x3.js';

const { values: options } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    side: { type: 'string', default: '224' },
    rungs: { type: 'string' },
    adapter: { type: 'string' },
    json: { type: 'string' },
  },
});
const rounds = Number(options.rounds);
const side = Number(options.side);
if (!Number.isInteger(rounds) || rounds < 1)
  throw new UsageError(`--rounds is ${options.rounds}; it must be at least 1`);

/** Float32 sums differ from float64 ones by about 1e-13; a wrong tap or channel by much more. */
const MAX_NMSE = 1e-10;
const RUNGS = CONV3X3_RUNGS.filter((rung) => !options.rungs || options.rungs.split(',').includes(rung));

interface Layer {
  readonly name: string;
  readonly H: number;
  readonly W: number;
  readonly C: number;
  readonly O: number;
  readonly gflop: number;
}

function convolutions(): Layer[] {
  const probe = planLayers(PAPER_WIDTHS, side, side, 'block5_pool');
  return probe
    .filter(({ operation }) => operation === 'conv3x3')
    .map(({ name, inputShape, shape, flops }) => {
      const [H, W, C] = inputShape as [number, number, number];
      return { name, H, W, C, O: shape[2]!, gflop: flops / 1e9 };
    });
}

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
  const start = performance.now();
  const encoder = gpu.device.createCommandEncoder({ label });
  record(encoder, label, dispatches);
  await gpu.submit(label, encoder.finish());
  return performance.now() - start;
}

/** Throws unless every number of y is there, and its first and last three rows agree with the float64 reference. */
type Check = (what: string, y: Float32Array) => void;

function checkFor(x: Float32Array, k: Float32Array, b: Float32Array, { H, W, C, O }: Layer): Check {
  const padded = padToQuad(C);
  const rows = Math.min(H, 3);
  const strips = [0, H - rows].map((first) => {
    // A row more than is asked for on each side, or the reference would take the cut for the picture's edge.
    const [from, to] = [Math.max(0, first - 1), Math.min(H, first + rows + 1)];
    const strip = x.subarray(from * W * padded, to * W * padded);
    const computed = reference(strip, k, b, { N: 1, H: to - from, W, C: padded, O }, true);
    return { first, expected: computed.subarray((first - from) * W * O, (first - from + rows) * W * O) };
  });
  return (what, y) => {
    if (y.some(Number.isNaN)) throw new Error(`${what} leaves numbers unwritten, or computes NaN`);
    for (const { first, expected } of strips) {
      const error = nmse(y.subarray(first * W * O, (first + rows) * W * O), expected);
      if (!(error <= MAX_NMSE)) throw new Error(`${what} differs from the float64 reference, NMSE ${error}`);
    }
  };
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
  const values = { x: normals(random, H * W * padded, 1), k: hwio(weights.kernel, layer) };
  const x = await Tensor.from(gpu, 'x', [1, H, W, padded], values.x);
  const k = await Tensor.from(gpu, 'k', [3, 3, padded, O], values.k);
  const b = await Tensor.from(gpu, 'b', [O], weights.bias);
  const y = await Tensor.create(gpu, 'y', [1, H, W, O]);

  const owned = [x, k, b, y];
  const engines = new Map<string, () => Promise<number>>();
  const check = checkFor(values.x, values.k, weights.bias, layer);
  const poison = new Float32Array(y.size).fill(Number.NaN);
  for (const rung of RUNGS) {
    const label = `${name} ${rung}`;
    let kernel = k;
    if (isWinograd(rung)) {
      kernel = await Tensor.create(gpu, 'u', [pointsOf(rung), padded, O]);
      owned.push(kernel);
      await timeDispatches(gpu, label, await winogradFilter(gpu, { label, k, u: kernel, rung }));
    }
    const { dispatches, scratch } = await conv3x3(gpu, { label, x, k: kernel, b, y, relu: true, rung });
    owned.push(...scratch);
    await gpu.write('y', y.buffer, poison);
    await timeDispatches(gpu, name, dispatches);
    check(`${name}: ${rung}`, await y.read());
    engines.set(rung, () => timeDispatches(gpu, name, dispatches));
  }
  engines.set(peer.name, () => peer.timeConv(name, [1, H, W]));

  const times = new Map([...engines.keys()].map((engine) => [engine, [] as number[]]));
  for (let round = 0; round < rounds; round++) {
    for (const [engine, run] of engines) times.get(engine)!.push(await run());
  }
  for (const tensor of owned) tensor.dispose();
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
for (const rung of RUNGS) {
  console.log(`${rung} is ${(total(peer.name) / total(rung)).toFixed(2)} times as fast as ${peer.name}.`);
}
if (options.json) await writeResults(options.json, gpu.info, { side, rounds, results: medians });
peer.dispose();
gpu.dispose();
