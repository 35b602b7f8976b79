// A fully connected layer to try choices on, its kernel in as many pieces as the adapter needs.

import type { LinearChoice } from '../kernels/linear/candidates.js';
import { columnsPerPiece } from '../kernels/linear/pieces.js';
import type { DenseShape } from '../network/choices.js';
import { Linear } from '../network/operations/linear.js';
import { Parameters } from '../network/parameters.js';
import { linearAt } from '../reference/single.js';
import { type Expected, placesFor, placesIn } from './check.js';
import { fillLayer, type Trial, trialOf } from './trial.js';
import type { Workbench } from './workbench.js';

/** The NMSE against float64 that a rung may have: see conv3x3_trial.ts. */
const LINEAR_BOUND = 1e-11;

/** @throws GpuError where the adapter has not the memory */
export async function linearTrial(bench: Workbench, shape: DenseShape): Promise<Trial<LinearChoice>> {
  const { gpu, dtype, activations } = bench;
  const { N, D, O } = shape;
  const name = 'linear';
  const parameters = await Parameters.create(gpu, [{ name, kernel: [D, O] }], dtype);
  try {
    await fillLayer(bench, parameters, name);
    return trialOf(bench, {
      x: await activations.filled(gpu, 'x', [N, D]),
      parameters,
      operationsOf: (choice) => [
        new Linear({ name, parameters: parameters.layer(name), choice, relu: true }),
      ],
      expected: () => expectedOf(bench, shape, columnsPerPiece(gpu.limits, D, O, dtype)),
      boundOf: () => LINEAR_BOUND,
    });
  } catch (error) {
    parameters.dispose();
    throw error;
  }
}

/** @param width  columns of every piece but the last; each begins the pattern anew */
function expectedOf({ activations, weights }: Workbench, shape: DenseShape, width: number): Expected {
  const { D, O } = shape;
  const places = placesIn([shape.N, O], placesFor(D)) as [number, number][];
  const values = places.map(([n, o]) => {
    const first = o - (o % width);
    const columns = Math.min(width, O - first);
    const k = (index: number) => {
      const [d, column] = [Math.floor(index / O), index % O];
      return weights.at(d * columns + column - first);
    };
    return linearAt(activations.at, k, activations.at, shape, true, [n, o]);
  });
  return { places: places.map(([n, o]) => n * O + o), values };
}
