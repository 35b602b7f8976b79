// Trained heads on narrow bases, with random numbers, for tests.

import { fingerprintOfFile } from '../../src/node/weights/open.js';
import { writeHead } from '../../src/node/weights/safetensors.js';
import { seededRandom } from '../../src/random.js';
import { type HeadTensor, type HeadToWrite, headLayout } from '../../src/weights/head_file.js';

export interface RandomHead extends Partial<Omit<HeadToWrite, 'base' | 'tensors'>> {
  /** The file of the base. */
  readonly base: string;
  /** What the head says of where it is; the path where absent. */
  readonly ref?: string;
  /** What it says of the base's numbers; the truth where absent. */
  readonly fingerprint?: string;
  readonly seed?: number;
}

/** A kernel is normal with He's deviation, a bias with 0.1. */
export async function* randomTensors(units: readonly number[], seed = 1): AsyncGenerator<HeadTensor> {
  const random = seededRandom(seed);
  for (const { name, shape } of headLayout(units)) {
    const [outputs, inputs = 1] = shape as [number, number?];
    const deviation = shape.length === 2 ? Math.sqrt(2 / inputs) : 0.1;
    const values = Float32Array.from({ length: outputs * inputs }, () => random.normal() * deviation);
    yield { name, shape, values };
  }
}

/** An averaging head of one layer, ant or bee, on four channels of block5_pool; whatever the options say is another. */
export async function writeRandomHead(path: string, options: RandomHead): Promise<string> {
  const { base, ref = base, fingerprint, seed, ...head } = options;
  const { features = 'block5_pool', units = [4, 2] } = head;
  const classes = Array.from({ length: units.at(-1)! }, (_, i) => ['ant', 'bee'][i] ?? `kind ${i}`);
  await writeHead(path, {
    ...{ features, units, pool: 'avg', size: 64, classes, preprocess: 'caffe' },
    ...head,
    base: { ref, fingerprint: fingerprint ?? (await fingerprintOfFile(base, features)) },
    tensors: randomTensors(units, seed),
  });
  return path;
}
