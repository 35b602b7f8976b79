// VGG16 files with random weights, narrow or full, for tests and benchmarks.

import { CONVS, type Pool } from '../../src/architecture.js';
import { writeSafetensors } from '../../src/node/weights/safetensors.js';
import { type Random, seededRandom } from '../../src/random.js';
import { encodeFloats } from '../../src/weights/floats.js';
import type { TensorToWrite } from '../../src/weights/safetensors.js';
import type { Dtype } from '../../src/weights/source.js';

export interface RandomVgg16 {
  /** Output channels of the convolutions of block 1 to 5. The real ones: [64, 128, 256, 512, 512]. */
  readonly widths: readonly [number, number, number, number, number];
  /** Outputs of all dense layers but the last; 4096 in the real one. */
  readonly hidden: number;
  /** Outputs of the last; 1000 in the real one. */
  readonly classes: number;
  /** Side of the feature map that fc1 expects: the picture's over 32; 7 where absent. */
  readonly featureSide?: number;
  readonly seed: number;
  readonly naming?: 'torchvision' | 'timm';
  /** torchvision's names of the dense layers, in their order; its own three where absent. */
  readonly head?: readonly string[];
  /** What the first dense layer reads, said in the metadata as well; flattened, and not said, where absent. */
  readonly pool?: Pool;
  readonly dtype?: Dtype;
  /** False leaves the dense layers out. */
  readonly top?: boolean;
  readonly metadata?: Readonly<Record<string, string>>;
}

/** The real sizes: 138,357,544 parameters, 553 MB as F32. */
export const FULL_VGG16 = { widths: [64, 128, 256, 512, 512], hidden: 4096, classes: 1000 } as const;

/**
 * Writes a VGG16 with random weights, a chunk at a time. Kernels are normal with He's deviation sqrt(2 / fan-in), so
 * that activations keep their size through all layers; biases are normal with deviation 0.1, so that a forgotten bias
 * shows. The same options give the same bytes.
 */
export async function writeRandomVgg16(path: string, options: RandomVgg16): Promise<void> {
  const { dtype = 'F32', seed, pool } = options;
  const metadata = { ...options.metadata, ...(pool && { pool }) };
  const random = seededRandom(seed);
  const tensors = layers(options).flatMap(({ name, shape }): TensorToWrite[] => {
    const fanIn = sizeOf(shape.slice(1));
    const bias = shape.slice(0, 1);
    return [
      {
        name: `${name}.weight`,
        dtype,
        shape,
        data: normals(random, sizeOf(shape), Math.sqrt(2 / fanIn), dtype),
      },
      { name: `${name}.bias`, dtype, shape: bias, data: normals(random, sizeOf(bias), 0.1, dtype) },
    ];
  });
  await writeSafetensors(path, tensors, metadata);
}

interface Layer {
  readonly name: string;
  /** The kernel's; its first dimension is the bias's. */
  readonly shape: readonly number[];
}

function layers(options: RandomVgg16): Layer[] {
  const { widths, hidden, classes, featureSide: side = 7, naming = 'torchvision', top = true } = options;
  const { head = ['classifier.0', 'classifier.3', 'classifier.6'], pool } = options;
  let channels = 3;
  const convs = CONVS.map(({ block, torchvision: name }) => {
    const shape = [widths[block - 1]!, channels, 3, 3];
    channels = widths[block - 1]!;
    return { name, shape };
  });
  if (!top) return convs;
  if (naming === 'timm') {
    return [
      ...convs,
      { name: 'pre_logits.fc1', shape: [hidden, channels, side, side] },
      { name: 'pre_logits.fc2', shape: [hidden, hidden, 1, 1] },
      { name: 'head.fc', shape: [classes, hidden] },
    ];
  }
  const inputs = pool === 'avg' || pool === 'max' ? channels : channels * side * side;
  const dense = head.map((name, i) => ({
    name,
    shape: [i === head.length - 1 ? classes : hidden, i === 0 ? inputs : hidden],
  }));
  return [...convs, ...dense];
}

const CHUNK = 2 ** 20;

function* normals(random: Random, count: number, deviation: number, dtype: Dtype): Generator<Uint8Array> {
  const chunk = new Float32Array(Math.min(count, CHUNK));
  for (let done = 0; done < count; done += chunk.length) {
    const part = chunk.subarray(0, count - done);
    for (let i = 0; i < part.length; i++) part[i] = random.normal() * deviation;
    yield encodeFloats(part, dtype);
  }
}

function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}
