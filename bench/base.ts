// npm run bench:base: the thirteen convolutions and five poolings of VGG16 with the embedded weights, one picture at a time,
// by each set of rungs and beside TensorFlow.js, its WebGPU backend on the same adapter and wasm.
//
// A pass is timed by the wall clock from pixels on the host to block5_pool on the host; tfjs' input is on its device before.
// Engines take turns, so that a noisy machine is noisy for all; the median of the rounds counts. Each result is first
// held against tfjs wasm.
//
//   --rounds 5   --json FILE   --adapter NAME   --side 224   --rungs 03_register_blocked,06_subgroup   --no-webgpu

import { parseArgs } from 'node:util';
import { readPeerNetwork } from '../src/bench/peers/read_network.js';
import { createTfjsPeer, type PeerDevice } from '../src/bench/peers/tfjs.js';
import { seededRandom } from '../src/bench/random.js';
import { writeResults } from '../src/bench/results.js';
import { table } from '../src/bench/table.js';
import { embeddedBasePath, Gpu, VGG16 } from '../src/index.js';
import { CONV3X3_RUNGS } from '../src/kernels/conv3x3/conv3x3.js';
import { median } from '../src/median.js';
import { NORMALISATIONS } from '../src/model/preprocess.js';
import { nmse } from '../src/reference/compare.js';
import { normalise } from '../src/reference/normalise.js';
import { openWeights } from '../src/weights/open.js';
import { describeVgg16 } from '../src/weights/vgg16.js';

const { values: options } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    side: { type: 'string', default: '224' },
    rungs: { type: 'string' },
    adapter: { type: 'string' },
    json: { type: 'string' },
    webgpu: { type: 'boolean', default: true },
  },
  allowNegative: true,
});
const rounds = Number(options.rounds);
const side = Number(options.side);

/** As in bench/verify.ts. */
const MAX_NMSE = 1e-9;
const OUTPUT = 'block5_pool';

const gpu = await Gpu.open({ adapter: options.adapter });
const random = seededRandom(1);
const pixels = Uint8Array.from({ length: side * side * 3 }, () => random.below(256));
const picture = { width: side, height: side, data: pixels };

async function openPeer(on: 'wasm' | PeerDevice) {
  const source = await openWeights(embeddedBasePath());
  const peer = await createTfjsPeer(on, await readPeerNetwork(describeVgg16(source)));
  await source.close();
  return peer;
}
const peers = [await openPeer('wasm')];
if (options.webgpu) peers.push(await openPeer({ device: gpu.device, adapterInfo: gpu.info }));

const engines = new Map<string, () => Promise<number>>();
const rungs = options.rungs ? options.rungs.split(',') : [undefined];
const models: VGG16[] = [];
for (const wanted of rungs) {
  const rung = CONV3X3_RUNGS.find((name) => name === wanted);
  const model = await VGG16.load({ gpu, ...(rung && { rungs: { conv3x3: rung } }) });
  models.push(model);
  engines.set(`vgg16-webgpu, ${rung ?? 'by default'}`, async () => {
    const start = performance.now();
    await model.forward([picture], [OUTPUT]);
    return performance.now() - start;
  });
}

const padded = normalise(pixels, { N: 1, H: side, W: side }, NORMALISATIONS[models[0]!.preprocess]);
const x = Float32Array.from({ length: side * side * 3 }, (_, i) => padded[4 * Math.floor(i / 3) + (i % 3)]!);
for (const peer of peers) engines.set(peer.name, () => peer.time(x, [1, side, side], OUTPUT));

const expected = (await peers[0]!.forward(x, [1, side, side], [OUTPUT])).get(OUTPUT)!;
for (const [i, model] of models.entries()) {
  const error = nmse((await model.forward([picture], [OUTPUT])).get(OUTPUT)!, expected);
  console.error(`${rungs[i] ?? 'by default'}: NMSE ${error.toExponential(1)} against tfjs wasm`);
  if (!(error <= MAX_NMSE)) throw new Error(`${rungs[i]} differs from tfjs wasm, NMSE ${error}`);
}

const times = new Map([...engines.keys()].map((engine) => [engine, [] as number[]]));
for (let round = 0; round < rounds; round++) {
  for (const [engine, run] of engines) times.get(engine)!.push(await run());
}
const results = [...times].map(([engine, ms]) => {
  return { engine, medianMs: median(ms), minMs: Math.min(...ms), maxMs: Math.max(...ms) };
});
console.log(
  `Adapter: ${gpu.info.description} (${gpu.info.source}); ${side}x${side}, batch 1, median of ${rounds}\n`,
);
console.log(
  table(
    ['engine', 'ms', 'least', 'most', 'times as fast as the last'],
    results.map(({ engine, medianMs, minMs, maxMs }) => [
      engine,
      ...[medianMs, minMs, maxMs].map((ms) => ms.toFixed(0)),
      (results.at(-1)!.medianMs / medianMs).toFixed(2),
    ]),
  ),
);
if (options.json) await writeResults(options.json, gpu.info, { side, rounds, results });
for (const model of models) model.dispose();
for (const peer of peers) peer.dispose();
gpu.dispose();
