// Makes weights/vgg16-imagenet-base.safetensors: the thirteen convolutions of VGG16, rounded from F32 to F16.
//
//   node scripts/run.mjs scripts/make-embedded-base.ts IN.safetensors
//
// IN holds the F32 weights in torchvision's names (weights/README.md says where they come from). The same weights give
// the same file, byte for byte. Prints what rounding costs, and the file's SHA-256.

import { createHash } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { UsageError, VggError, WeightsError } from '../src/errors.js';
import { decodeFloats, encodeFloats, findNonFinite, readFloats } from '../src/weights/floats.js';
import { openSafetensors, type TensorToWrite, writeSafetensors } from '../src/weights/safetensors.js';
import type { TensorEntry, WeightsSource } from '../src/weights/source.js';
import { formatShape } from '../src/weights/text.js';
import { describeVgg16 } from '../src/weights/vgg16.js';

const OUT = 'weights/vgg16-imagenet-base.safetensors';
const PARAMETERS = 14_714_688;

const METADATA = {
  architecture: 'VGG16 without top: thirteen convolutions',
  source:
    'Oxford VGG16, ILSVRC-2014, https://www.robots.ox.ac.uk/~vgg/research/very_deep/, as distributed with Keras (notop)',
  author: 'K. Simonyan and A. Zisserman, Visual Geometry Group, University of Oxford',
  license: 'CC-BY-4.0, https://creativecommons.org/licenses/by/4.0/',
  attribution:
    'K. Simonyan and A. Zisserman, Very Deep Convolutional Networks for Large-Scale Image Recognition, arXiv:1409.1556',
  preprocess: 'caffe (BGR, minus 103.939 116.779 123.68)',
  layout: 'OIHW',
  changes:
    'kernels reordered from HWIO to OIHW, tensors named as in torchvision, values rounded from F32 to F16',
  dtype: 'F16',
};

/** Sums of what rounding changed. */
interface Loss {
  readonly entry: TensorEntry;
  largest: number;
  largestError: number;
  squares: number;
  squaredErrors: number;
}

async function main(path: string | undefined): Promise<void> {
  if (path === undefined) {
    throw new UsageError('usage: node scripts/run.mjs scripts/make-embedded-base.ts IN.safetensors');
  }
  const source = await openSafetensors(path);
  try {
    const losses: Loss[] = [];
    const tensors = baseTensors(source).map(
      (entry): TensorToWrite => ({
        name: entry.name,
        dtype: 'F16',
        shape: entry.shape,
        data: rounded(source, entry, losses),
      }),
    );
    await writeSafetensors(OUT, tensors, METADATA);
    printLosses(losses);
  } finally {
    await source.close();
  }
  const sha256 = createHash('sha256').update(readFileSync(OUT)).digest('hex');
  console.log(`\n${OUT}\n${statSync(OUT).size} bytes\nsha256 ${sha256}`);
}

/** The tensors in the order of the layers, once it is certain that they are the ones that the metadata describes. */
function baseTensors(source: WeightsSource): TensorEntry[] {
  const { convs, dense, preprocess } = describeVgg16(source);
  const entries = convs.flatMap(({ kernel, bias }) => [kernel, bias]);
  const parameters = entries.reduce((sum, { byteLength }) => sum + byteLength / 4, 0);
  const isBase = dense.length === 0 && preprocess === 'caffe' && parameters === PARAMETERS;
  if (isBase && entries.every(({ dtype }) => dtype === 'F32')) return entries;
  throw new WeightsError(
    `${source.path}: expected VGG16 without its top, ${PARAMETERS} parameters in F32, preprocess caffe`,
  );
}

async function* rounded(
  source: WeightsSource,
  entry: TensorEntry,
  losses: Loss[],
): AsyncGenerator<Uint8Array> {
  const values = await readFloats(source, entry.name);
  const bytes = encodeFloats(values, 'F16');
  const at = findNonFinite(bytes, 'F16');
  if (at >= 0) {
    throw new WeightsError(
      `${source.path}: tensor ${entry.name}: value ${values[at]} at ${at} has no place in F16`,
    );
  }
  losses.push(lossOf(entry, values, decodeFloats(bytes, 'F16')));
  yield bytes;
}

function lossOf(entry: TensorEntry, values: Float32Array, stored: Float32Array): Loss {
  const loss: Loss = { entry, largest: 0, largestError: 0, squares: 0, squaredErrors: 0 };
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!;
    const error = Math.abs(stored[i]! - value);
    loss.largest = Math.max(loss.largest, Math.abs(value));
    loss.largestError = Math.max(loss.largestError, error);
    loss.squares += value * value;
    loss.squaredErrors += error * error;
  }
  return loss;
}

function printLosses(losses: readonly Loss[]): void {
  const row = (cells: readonly string[]) =>
    console.log(cells.map((cell, i) => (i < 2 ? cell.padEnd(20) : cell.padStart(14))).join(''));
  const figures = (of: Omit<Loss, 'entry'>) => [
    of.largest.toFixed(4),
    of.largestError.toExponential(2),
    (of.squaredErrors / of.squares).toExponential(2),
  ];
  row(['tensor', 'shape', 'max |w|', 'max abs error', 'NMSE']);
  for (const loss of losses) row([loss.entry.name, formatShape(loss.entry.shape), ...figures(loss)]);
  const all = losses.reduce((a, b) => ({
    entry: a.entry,
    largest: Math.max(a.largest, b.largest),
    largestError: Math.max(a.largestError, b.largestError),
    squares: a.squares + b.squares,
    squaredErrors: a.squaredErrors + b.squaredErrors,
  }));
  row(['all', `${PARAMETERS} values`, ...figures(all)]);
}

try {
  await main(process.argv[2]);
} catch (error) {
  if (!(error instanceof VggError)) throw error;
  console.error(error.message);
  process.exitCode = error.exitCode;
}
