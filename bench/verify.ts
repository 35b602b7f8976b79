// npm run verify: the whole network, layer by layer, against TensorFlow.js on the same weights.
//
//   random weights   224x224, batch 1 and 3, all layers, top 5     against tfjs wasm
//   the real base    three photos, through block5_pool             f32, and f16 as embedded, against tfjs wasm
//
// Fails (exit code 1) where a layer's NMSE against tfjs is above 1e-9 or the top 5 differ.

import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readPeerNetwork } from '../src/bench/peers/read_network.js';
import { createTfjsPeer, type TfjsPeer } from '../src/bench/peers/tfjs.js';
import { table } from '../src/bench/table.js';
import {
  decode,
  embeddedBasePath,
  frame,
  Gpu,
  IMAGENET_FRAMING,
  type LayerName,
  layersOf,
  PAPER_WIDTHS,
  type Picture,
  VGG16,
} from '../src/index.js';
import { topPredictions } from '../src/model/predictions.js';
import { writeAtomically } from '../src/node/atomic_file.js';
import { openWeights } from '../src/node/weights/open.js';
import { seededRandom } from '../src/random.js';
import { maxAbsError, nmse } from '../src/reference/compare.js';
import { normalise } from '../src/reference/normalise.js';
import { arithmeticOf } from '../src/weights/preprocess.js';
import { describeVgg16 } from '../src/weights/vgg16.js';
import { FULL_VGG16, writeRandomVgg16 } from '../test/support/random_vgg16.js';
import { photos, testData } from './support/data.js';

/** Float32 sums in different orders agree to about 1e-12; a wrong weight, tap or channel shows far above this. */
const MAX_NMSE = 1e-9;
const SIDE = 224;
const ALL = layersOf(PAPER_WIDTHS).map(({ name }) => name);
const BASE = ALL.slice(0, ALL.indexOf('block5_pool') + 1);

interface LayerError {
  readonly layer: LayerName;
  readonly maxAbs: number;
  readonly nmse: number;
}

const failures: string[] = [];

/** The network's input as tfjs takes it: (N,H,W,3), normalised in float64. */
function peerInput(pictures: readonly Picture[], preprocess: VGG16['preprocess']): Float32Array {
  const { height: H, width: W } = pictures[0]!;
  const x = new Float32Array(pictures.length * H * W * 3);
  pictures.forEach(({ data }, n) => {
    const padded = normalise(data, { N: 1, H, W }, arithmeticOf(preprocess));
    for (let p = 0; p < H * W; p++) x.set(padded.subarray(4 * p, 4 * p + 3), (n * H * W + p) * 3);
  });
  return x;
}

function compare(
  actual: ReadonlyMap<string, Float32Array>,
  expected: ReadonlyMap<string, Float32Array>,
  layers: readonly LayerName[],
): LayerError[] {
  return layers.map((layer) => {
    const [a, e] = [actual.get(layer)!, expected.get(layer)!];
    return { layer, maxAbs: maxAbsError(a, e), nmse: nmse(a, e) };
  });
}

async function printTable(model: VGG16, batch: number, errors: readonly LayerError[]): Promise<void> {
  const last = errors[errors.length - 1]!.layer;
  const timings = await model.profile({ batch, height: SIDE, width: SIDE }, last, {
    passes: 1,
    warmUp: false,
  });
  const planned = model.layers(SIDE, SIDE, last);
  const rows = errors.map(({ layer, maxAbs, nmse }, i) => [
    layer,
    [batch, ...planned[i]!.shape].join('x'),
    maxAbs.toExponential(1),
    nmse.toExponential(1),
    timings ? timings[i]!.ms.toFixed(2) : 'no clock',
  ]);
  console.log(table(['layer', 'shape', 'max abs error', 'NMSE', 'ms'], rows));
  console.log();
}

function expectWithin(what: string, errors: readonly LayerError[]): void {
  for (const { layer, nmse } of errors) {
    // Not `>`, which NaN would pass.
    if (!(nmse <= MAX_NMSE))
      failures.push(`${what}: ${layer} has NMSE ${nmse.toExponential(1)}, more than ${MAX_NMSE}`);
  }
}

/** Both networks side by side on these pictures. */
async function againstTfjs(
  what: string,
  model: VGG16,
  peer: TfjsPeer,
  pictures: readonly Picture[],
  layers: readonly LayerName[],
) {
  console.log(what);
  const ours = await model.forward(pictures, layers);
  const theirs = await peer.forward(
    peerInput(pictures, model.preprocess),
    [pictures.length, SIDE, SIDE],
    layers,
  );
  const errors = compare(ours, theirs, layers);
  await printTable(model, pictures.length, errors);
  expectWithin(what, errors);
  return { ours, theirs };
}

async function verifyRandom(gpu: Gpu, folder: string): Promise<void> {
  const path = join(folder, 'random.safetensors');
  await writeRandomVgg16(path, { ...FULL_VGG16, seed: 1 });
  const source = await openWeights(path);
  const peer = await createTfjsPeer('wasm', await readPeerNetwork(describeVgg16(source)));
  await source.close();
  const model = await VGG16.load({ weights: path, gpu });
  for (const batch of [1, 3]) {
    const random = seededRandom(batch);
    const pictures = Array.from({ length: batch }, () => ({
      width: SIDE,
      height: SIDE,
      data: Uint8Array.from({ length: SIDE * SIDE * 3 }, () => random.below(256)),
    }));
    const what = `Random weights, ${SIDE}x${SIDE}, batch ${batch}, against tfjs wasm`;
    const { ours, theirs } = await againstTfjs(what, model, peer, pictures, ALL);
    for (let n = 0; n < batch; n++) {
      const [a, b] = [ours, theirs].map((results) =>
        topFive(results.get('softmax')!.subarray(n * 1000, (n + 1) * 1000), model),
      );
      if (a !== b) failures.push(`${what}: the top 5 of picture ${n} are ${a}, tfjs has ${b}`);
    }
  }
  model.dispose();
  peer.dispose();
}

function topFive(probabilities: Float32Array, model: VGG16): string {
  return topPredictions(probabilities, model.labels, 5)
    .map(({ index }) => index)
    .join(' ');
}

/** The f32 base against tfjs, then what storing it as f16 costs. Returns the latter. */
async function verifyBase(gpu: Gpu, data: string): Promise<LayerError[]> {
  const path = join(data, 'vgg16-imagenet-base.safetensors');
  const files = [...photos(data, 'ants', 2), ...photos(data, 'bees', 1)];
  const pictures = await Promise.all(
    files.map(async (file) => frame(await decode(file), IMAGENET_FRAMING, file)),
  );
  const source = await openWeights(path);
  const peer = await createTfjsPeer('wasm', await readPeerNetwork(describeVgg16(source)));
  await source.close();

  const single = await VGG16.load({ weights: path, gpu });
  const what = 'The ImageNet base in f32, three photos, against tfjs wasm';
  const { theirs } = await againstTfjs(what, single, peer, pictures, BASE);
  single.dispose();
  peer.dispose();

  const halfSource = await openWeights(embeddedBasePath());
  const halfPeer = await createTfjsPeer('wasm', await readPeerNetwork(describeVgg16(halfSource)));
  await halfSource.close();
  const embedded = await VGG16.load({ weights: embeddedBasePath(), gpu });
  const halfWhat = 'The embedded base, stored as f16, three photos, against tfjs wasm on the same numbers';
  const { ours } = await againstTfjs(halfWhat, embedded, halfPeer, pictures, BASE);
  embedded.dispose();
  halfPeer.dispose();

  console.log('What storing it as f16 costs: the embedded base against f32 in tfjs wasm');
  const loss = compare(ours, theirs, BASE);
  const rows = loss.map(({ layer, maxAbs, nmse }) => [layer, maxAbs.toExponential(1), nmse.toExponential(1)]);
  console.log(`${table(['layer', 'max abs error', 'NMSE'], rows)}\n`);
  return loss;
}

const CARD = join('weights', 'README.md');

/** Writes the loss of f16 into the model card, between its markers. */
async function updateCard(adapter: string, errors: readonly LayerError[]): Promise<void> {
  const rows = errors
    .filter(({ layer }) => layer.endsWith('_pool'))
    .map(
      ({ layer, maxAbs, nmse }) => `| \`${layer}\` | ${maxAbs.toExponential(1)} | ${nmse.toExponential(1)} |`,
    );
  const text = [
    `Three photos at ${SIDE} x ${SIDE} px, f16 against f32 weights, float32 arithmetic in both (\`npm run verify\` on ${adapter}):`,
    '',
    '| layer | max abs error | NMSE |',
    '| --- | ---: | ---: |',
    ...rows,
  ].join('\n');
  const card = await readFile(CARD, 'utf8');
  const markers = /(<!-- features-loss -->)[\s\S]*(<!-- \/features-loss -->)/;
  if (!markers.test(card)) throw new Error(`${CARD} has no <!-- features-loss --> markers`);
  const updated = new TextEncoder().encode(card.replace(markers, `$1\n${text}\n$2`));
  await writeAtomically(CARD, (append) => append(updated));
}

const folder = await mkdtemp(join(tmpdir(), 'vgg16-verify-'));
const gpu = await Gpu.open();
const data = testData();
try {
  console.log(`Adapter: ${gpu.info.description} (${gpu.info.source})\n`);
  const loss = data && (await verifyBase(gpu, data));
  await verifyRandom(gpu, folder);
  if (loss && failures.length === 0 && process.argv.includes('--update-card')) {
    await updateCard(gpu.info.description, loss);
  }
} finally {
  gpu.dispose();
  await rm(folder, { recursive: true, force: true });
}
for (const failure of failures) console.error(`FAILED  ${failure}`);
const skipped = data ? '' : ' Photos and the f32 base were NOT looked at: no test data here.';
if (failures.length === 0)
  console.log(`All layers agree with tfjs: NMSE <= ${MAX_NMSE}, top 5 equal.${skipped}`);
process.exitCode = failures.length === 0 ? 0 : 1;
