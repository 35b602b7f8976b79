// A fully connected layer to try choices on, its kernel in as many pieces as the adapter needs.

import type { LinearChoice } from '../kernels/linear/candidates.js';
import { type LinearPiece, linear } from '../kernels/linear/linear.js';
import { columnsPerPiece } from '../kernels/linear/pieces.js';
import type { DenseShape } from '../model/choices.js';
import { linearAt } from '../reference/single.js';
import { LINEAR_BOUND } from './bounds.js';
import { type Expected, placesFor, placesIn } from './check.js';
import { contenderOf, Tensors, type Trial } from './trial.js';
import type { Workbench } from './workbench.js';

/** @throws GpuError where the adapter has not the memory */
export async function linearTrial(bench: Workbench, shape: DenseShape): Promise<Trial<LinearChoice>> {
  const { gpu, dtype, activations, weights } = bench;
  const { N, D, O } = shape;
  const tensors = new Tensors();
  try {
    const x = await tensors.own(activations.filled(gpu, 'x', [N, D]));
    const b = await tensors.own(activations.filled(gpu, 'b', [O]));
    const y = await tensors.own(activations.filled(gpu, 'y', [N, O]));
    const width = columnsPerPiece(gpu.limits, D, O, dtype);
    const pieces: LinearPiece[] = [];
    for (let first = 0; first < O; first += width) {
      const k = await tensors.own(weights.filled(gpu, 'k', [D, Math.min(width, O - first)]));
      pieces.push({ first, k });
    }
    let known: Expected | undefined;
    const expected = () => (known ??= expectedOf(bench, shape, width));
    return {
      makeReady: async (choice) => {
        const launched = await linear(gpu, { label: 'linear', x, pieces, b, y, relu: true, ...choice });
        return contenderOf(bench, launched, [y], expected, LINEAR_BOUND);
      },
      dispose: () => tensors.dispose(),
    };
  } catch (error) {
    tensors.dispose();
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
