// Whose network a VGG16 began as, told by its first convolution: 1,728 numbers that training hardly changes and that no two
// trainings have in common. Names and formats prove less: weights wander from one tool to another.

import type { FoundLayer, Preprocess } from './archive.js';
import { gather } from './gather.js';
import { oxfordsFirstLayer } from './oxford_first_layer.js';

/** Whose first convolution it is, and how its numbers lie. */
export interface Ancestor {
  /** What the network was first trained on. */
  readonly preprocess: Extract<Preprocess, 'torchvision' | 'caffe'>;
  /** Whether its input channels are in the opposite order of that: RGB for Caffe's, BGR for torchvision's. */
  readonly isReversed: boolean;
  /** Whether kernels are rotated by 180 degrees, as Theano has them. */
  readonly isRotated: boolean;
}

/** (64,3,3,3) */
const SHAPE = [64, 3, 3, 3] as const;
const PLACES = 9;
const COLOURS = 3;
/** Numbers of one output: (3,3,3). */
export const FILTER = COLOURS * PLACES;

/**
 * The largest relative distance, as the root of sum (a-b)^2 / sum b^2, at which two layers are taken for the same. 16-bit
 * floats are within 0.005, 8-bit quantisation within 0.03, fine-tuning mostly below that; another training is beyond 1,
 * another order of the same numbers beyond 0.3.
 */
const NEAR = 0.05;

/** What is known of a network's first convolution: the biases, and the kernels of the first outputs, or of all. */
interface Known {
  readonly preprocess: Ancestor['preprocess'];
  readonly kernel: ArrayLike<number>;
  readonly bias: ArrayLike<number>;
}

/**
 * torchvision's vgg16-397923af.pth, to the four digits in which PyTorch prints numbers: all biases of features.0 and the
 * kernel of its first output. Two public print-outs of `torchvision.models.vgg16(pretrained=True)` agree in them.
 */
const TORCHVISION: Known = {
  preprocess: 'torchvision',
  // biome-ignore format: as PyTorch prints them, a row of a colour's kernel a line
  kernel: [
    -0.5537, 0.1427, 0.529,
    -0.5831, 0.3566, 0.7657,
    -0.6902, -0.048, 0.4841,

    0.1755, 0.0099, -0.0814,
    0.0441, -0.0703, -0.2604,
    0.1324, -0.1728, -0.1323,

    0.313, -0.1659, -0.4275,
    0.4752, -0.0827, -0.487,
    0.632, 0.0193, -0.2775,
  ],
  // biome-ignore format: eight per line
  bias: [
    0.4034, 0.3778, 0.4644, -0.3228, 0.394, -0.3953, 0.3951, -0.5496,
    0.2693, -0.7602, -0.3508, 0.2334, -1.3239, -0.1694, 0.3938, -0.1026,
    0.046, -0.6995, 0.1549, 0.5628, 0.3011, 0.3425, 0.1073, 0.4651,
    0.1295, 0.0788, -0.0492, -0.5638, 0.1465, -0.389, -0.0715, 0.0649,
    0.2768, 0.3279, 0.5682, -1.264, -0.8368, -0.9485, 0.1358, 0.2727,
    0.1841, -0.5325, 0.3507, -0.0827, -1.0248, -0.6912, -0.7711, 0.2612,
    0.4033, -0.4802, -0.3066, 0.5807, -1.3325, 0.4844, -0.816, 0.2386,
    0.23, 0.4979, 0.5553, 0.523, -0.2182, 0.0117, -0.5516, 0.2108,
  ],
};

/**
 * @param layer  of any VGG16; kernel (O,I,3,3), bias (O)
 * @returns undefined for a network of which nothing is known
 * @throws WeightsError where the layer's numbers cannot be read
 */
export async function ancestorOf({ kernel, bias }: FoundLayer): Promise<Ancestor | undefined> {
  if (kernel.shape.join() !== SHAPE.join() || bias.shape.join() !== String(SHAPE[0])) return undefined;
  const values = new Float32Array(SHAPE[0] * FILTER);
  await gather(kernel, values.length).read(0, values);
  const biases = new Float32Array(SHAPE[0]);
  await gather(bias, biases.length).read(0, biases);
  for (const known of [ofOxford(), TORCHVISION]) {
    if (!isNear(known.bias, (i) => biases[i]!)) continue;
    for (const isReversed of [false, true]) {
      for (const isRotated of [false, true]) {
        const places = placesIn(isReversed, isRotated);
        const at = (i: number) => values[i - (i % FILTER) + places[i % FILTER]!]!;
        if (isNear(known.kernel, at)) return { preprocess: known.preprocess, isReversed, isRotated };
      }
    }
  }
  return undefined;
}

/** For each number of a filter (3,3,3), its place in one whose colours are reversed, whose kernels are rotated, or both. */
export function placesIn(isReversed: boolean, isRotated: boolean): number[] {
  return Array.from({ length: FILTER }, (_, i) => {
    const [colour, place] = [Math.floor(i / PLACES), i % PLACES];
    return (isReversed ? COLOURS - 1 - colour : colour) * PLACES + (isRotated ? PLACES - 1 - place : place);
  });
}

function isNear(known: ArrayLike<number>, at: (index: number) => number): boolean {
  let distance = 0;
  let size = 0;
  for (let i = 0; i < known.length; i++) {
    distance += (at(i) - known[i]!) ** 2;
    size += known[i]! ** 2;
  }
  return distance <= NEAR ** 2 * size; // false for a distance that is not a number
}

let oxfords: Known | undefined;

/** The original network's, decoded when it is first asked for. */
function ofOxford(): Known {
  oxfords ??= { preprocess: 'caffe', ...oxfordsFirstLayer() };
  return oxfords;
}
