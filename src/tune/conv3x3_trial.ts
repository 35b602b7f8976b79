// A convolution to try choices on, with the pooling behind it where there is one.

import type { Conv3x3Choice } from '../kernels/conv3x3/candidates.js';
import { type Conv3x3Rung, isWinograd, WINOGRAD_RUNGS } from '../kernels/conv3x3/rungs.js';
import type { ConvShape } from '../network/choices.js';
import { Conv3x3 } from '../network/operations/conv3x3.js';
import { MaxPool2x2 } from '../network/operations/pooling.js';
import { Parameters } from '../network/parameters.js';
import { conv3x3At } from '../reference/single.js';
import { type Expected, placesFor, placesIn } from './check.js';
import { fillLayer, type Trial, trialOf } from './trial.js';
import type { Workbench } from './workbench.js';

/** @throws GpuError where the adapter has not the memory */
export async function conv3x3Trial(bench: Workbench, shape: ConvShape): Promise<Trial<Conv3x3Choice>> {
  const { gpu, dtype, activations } = bench;
  const { N, H, W, C, O, pooled } = shape;
  const name = 'conv3x3';
  const parameters = await Parameters.create(gpu, [{ name, kernel: [3, 3, C, O] }], dtype);
  try {
    await fillLayer(bench, parameters, name);
    return trialOf(bench, {
      x: await activations.filled(gpu, 'x', [N, H, W, C]),
      parameters,
      operationsOf: (choice) => [
        new Conv3x3({ name, parameters: parameters.layer(name), choice, relu: true }),
        ...(pooled ? [new MaxPool2x2('maxpool2x2')] : []),
      ],
      expected: () => expectedOf(bench, shape),
      boundOf: ({ rung }) => conv3x3Bound(rung),
    });
  } catch (error) {
    parameters.dispose();
    throw error;
  }
}

/**
 * How far from float64 a rung may be, as NMSE. Direct sums of VGG16's layers are off by up to 3e-13, in whatever order; what is
 * wrong, by 1e-4 and more, even if it is one number in some thousands. Winograd's are of numbers that its transforms made larger, and
 * that cancel again: 2x2 tiles, which add less, leave 2e-13, tiles of 4x4 up to 3e-12.
 */
function conv3x3Bound(rung: Conv3x3Rung): number {
  // It rounds x to 11 bits, each number by up to 2^-11 of it: some 1e-7.
  if (rung === '07_subgroup_matrix') return 1e-6;
  if (!isWinograd(rung)) return 1e-11;
  return WINOGRAD_RUNGS[rung].side === 2 ? 1e-11 : 1e-10;
}

function outputShape({ N, H, W, O, pooled }: ConvShape): [number, number, number, number] {
  return pooled ? [N, Math.floor(H / 2), Math.floor(W / 2), O] : [N, H, W, O];
}

function expectedOf({ activations, weights }: Workbench, shape: ConvShape): Expected {
  const { C, O, pooled } = shape;
  const window = pooled ? [0, 1] : [0];
  const [, rows, columns] = outputShape(shape);
  const places = placesIn(outputShape(shape), placesFor(9 * C * window.length ** 2)) as [
    number,
    number,
    number,
    number,
  ][];
  const values = places.map(([n, h, w, o]) => {
    const whole = window.flatMap((i) =>
      window.map((j): [number, number, number, number] => [
        n,
        window.length * h + i,
        window.length * w + j,
        o,
      ]),
    );
    return Math.max(
      ...whole.map((at) => conv3x3At(activations.at, weights.at, activations.at, shape, true, at)),
    );
  });
  return { places: places.map(([n, h, w, o]) => ((n * rows + h) * columns + w) * O + o), values };
}
