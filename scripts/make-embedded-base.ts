// Makes weights/vgg16-imagenet-base.safetensors: the thirteen convolutions of VGG16, rounded from F32 to F16.
//
//   node scripts/run.mjs scripts/make-embedded-base.ts IN [OUT]
//
// IN holds the F32 weights in any format that is read (weights/README.md says where they come from): Keras' own notop
// file will do. The same weights give the same file, byte for byte. Prints what rounding costs, and the file's SHA-256.

import { statSync } from 'node:fs';
import { UsageError, VggError, WeightsError } from '../src/errors.js';
import { hashFile } from '../src/node/fetch/claims.js';
import { openWeights } from '../src/node/weights/open.js';
import { writeSafetensors } from '../src/node/weights/safetensors.js';
import { tensorsToWrite } from '../src/weights/conversion.js';
import { diffWeights } from '../src/weights/diff.js';
import { statisticsOf } from '../src/weights/inspect.js';
import { sizeOf } from '../src/weights/strided.js';
import { formatShape } from '../src/weights/text.js';
import { torchvisionTensors } from '../src/weights/torchvision.js';
import { describeVgg16, type Vgg16Weights } from '../src/weights/vgg16.js';

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

async function main(input: string | undefined, output = OUT): Promise<void> {
  if (input === undefined) {
    throw new UsageError('usage: node scripts/run.mjs scripts/make-embedded-base.ts IN [OUT]');
  }
  const source = await openWeights(input);
  try {
    const weights = describeVgg16(source);
    checkBase(weights);
    await writeSafetensors(output, tensorsToWrite(weights, 'F16', {}), METADATA);
    await printLosses(weights, output);
  } finally {
    await source.close();
  }
  const { sha256 } = await hashFile(output, { md5: false });
  console.log(`\n${output}\n${statSync(output).size} bytes\nsha256 ${sha256}`);
}

/** The metadata above describes one network and no other. */
function checkBase(weights: Vgg16Weights): void {
  const tensors = torchvisionTensors(weights);
  const parameters = tensors.reduce((sum, { shape }) => sum + sizeOf(shape), 0);
  const isBase = weights.dense.length === 0 && weights.preprocess === 'caffe' && parameters === PARAMETERS;
  if (isBase && tensors.every(({ entry }) => entry.dtype === 'F32')) return;
  throw new WeightsError(
    `${weights.source.path}: expected VGG16 without its top, ${PARAMETERS} parameters in F32, preprocess caffe`,
  );
}

async function printLosses(original: Vgg16Weights, output: string): Promise<void> {
  const rounded = await openWeights(output);
  try {
    const { tensors } = await diffWeights(original, describeVgg16(rounded));
    const row = (cells: readonly string[]) =>
      console.log(cells.map((cell, i) => (i < 2 ? cell.padEnd(20) : cell.padStart(14))).join(''));
    const figures = (largest: number, largestError: number, nmse: number) => [
      largest.toFixed(4),
      largestError.toExponential(2),
      nmse.toExponential(2),
    ];
    const all = { largest: 0, largestError: 0, squares: 0, squaredErrors: 0 };
    row(['tensor', 'shape', 'max |w|', 'max abs error', 'NMSE']);
    for (const [i, { entry }] of torchvisionTensors(original).entries()) {
      const { name, shape, maxAbs, nmse } = tensors[i]!;
      const { min, max, mean, deviation } = await statisticsOf(original.source, entry);
      const largest = Math.max(-min, max);
      const squares = sizeOf(shape) * (mean ** 2 + deviation ** 2);
      row([name, formatShape(shape), ...figures(largest, maxAbs, nmse)]);
      all.largest = Math.max(all.largest, largest);
      all.largestError = Math.max(all.largestError, maxAbs);
      all.squares += squares;
      all.squaredErrors += nmse * squares;
    }
    const nmse = all.squaredErrors / all.squares;
    row(['all', `${PARAMETERS} values`, ...figures(all.largest, all.largestError, nmse)]);
  } finally {
    await rounded.close();
  }
}

try {
  await main(process.argv[2], process.argv[3]);
} catch (error) {
  if (!(error instanceof VggError)) throw error;
  console.error(error.message);
  process.exitCode = error.exitCode;
}
