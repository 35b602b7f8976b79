// Chooses, for each shape, the fastest kernel that computes rightly on this adapter.

import { UsageError } from '../errors.js';
import type { Gpu } from '../gpu/gpu.js';
import type { TensorDtype } from '../gpu/tensor.js';
import { type Conv3x3Choice, conv3x3Candidates, conv3x3Variants } from '../kernels/conv3x3/candidates.js';
import { type LinearChoice, linearCandidates } from '../kernels/linear/candidates.js';
import { columnsPerPiece } from '../kernels/linear/pieces.js';
import { Choices, type ConvShape, type DenseShape } from '../network/choices.js';
import { Linear } from '../network/operations/linear.js';
import { Parameters } from '../network/parameters.js';
import { linearAt } from '../reference/single.js';
import { type Expected, placesFor, placesIn } from './check.js';
import { type Contest, hold, type Outcome, slowKinds } from './contest.js';
import { conv3x3Trial } from './conv3x3_trial.js';
import type { TunableShape } from './shapes.js';
import { fillLayer, type Trial, trialOf } from './trial.js';
import { createWorkbench, type Workbench } from './workbench.js';

/** A shape, and what became of it. */
export type TunedShape = TunableShape & { readonly outcome: Outcome<Conv3x3Choice | LinearChoice> };

export interface TuneOptions {
  /** How weights are kept on the GPU. */
  readonly dtype: TensorDtype;
  /** Told of each shape that is done, with what was chosen for it; waited for. */
  readonly onTuned?: ((tuned: TunedShape, chosen: Choices) => Promise<void> | void) | undefined;
  /** Told of the choices that have been tried, of how many. */
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Times the candidates of each shape and holds them against float64.
 *
 * @throws UsageError on the null backend; GpuError where not even a shape's own tensors find room; DeviceLostError; the
 *   signal's reason
 */
export async function tune(
  gpu: Gpu,
  shapes: readonly TunableShape[],
  { dtype, onTuned, onProgress, signal }: TuneOptions,
): Promise<TunedShape[]> {
  if (gpu.info.source === 'null') {
    throw new UsageError('the null backend computes nothing: there is nothing to choose by');
  }
  const total = shapes.reduce((sum, shape) => sum + candidatesOf(gpu, shape, dtype), 0);
  let done = 0;
  const onTried = () => onProgress?.(++done, total);
  onProgress?.(0, total);
  const bench = await createWorkbench(gpu, dtype);
  try {
    const tuned: TunedShape[] = [];
    for (const shape of shapes) {
      signal?.throwIfAborted();
      const before = done;
      const one = await tuneShape(bench, shape, { onTried, signal });
      // Not all that was to be tried may have been worth it.
      done = before + candidatesOf(gpu, shape, dtype);
      onProgress?.(done, total);
      tuned.push(one);
      await onTuned?.(one, chosenIn(one));
    }
    return tuned;
  } finally {
    bench.dispose();
  }
}

function candidatesOf(gpu: Gpu, tunable: TunableShape, dtype: TensorDtype): number {
  return tunable.operation === 'conv3x3'
    ? conv3x3Candidates(gpu, tunable.shape, dtype).length
    : linearCandidates(gpu, tunable.shape).length;
}

async function tuneShape(
  bench: Workbench,
  tunable: TunableShape,
  running: Pick<Contest<unknown>, 'onTried' | 'signal'>,
): Promise<TunedShape> {
  if (tunable.operation === 'conv3x3') {
    const { shape } = tunable;
    const all = conv3x3Candidates(bench.gpu, shape, bench.dtype);
    const choices = shape.N === 1 ? all : await preselected(bench, shape, all, running.signal);
    return withTrial(await conv3x3Trial(bench, shape), async ({ makeReady }) => {
      const variantsOf = (best: Conv3x3Choice) => conv3x3Variants(bench.gpu, best, shape);
      return { ...tunable, outcome: await hold({ choices, kindOf, variantsOf, makeReady, ...running }) };
    });
  }
  const { shape } = tunable;
  return withTrial(await linearTrial(bench, shape), async ({ makeReady }) => {
    const choices = linearCandidates(bench.gpu, shape);
    return {
      ...tunable,
      outcome: await hold({ choices, kindOf, variantsOf: () => [], makeReady, ...running }),
    };
  });
}

/** Without the kinds that are slow by far on one picture: on many, one run of them may take longer than all that is to be won. */
async function preselected(
  bench: Workbench,
  shape: ConvShape,
  choices: readonly Conv3x3Choice[],
  signal: AbortSignal | undefined,
): Promise<readonly Conv3x3Choice[]> {
  return withTrial(await conv3x3Trial(bench, { ...shape, N: 1 }), async ({ makeReady }) => {
    const slow = await slowKinds({ choices, kindOf, makeReady, signal });
    return choices.filter((choice, i) => i === 0 || !slow.has(kindOf(choice)));
  });
}

async function withTrial<Choice, T>(
  trial: Trial<Choice>,
  work: (trial: Trial<Choice>) => Promise<T>,
): Promise<T> {
  try {
    return await work(trial);
  } finally {
    trial.dispose();
  }
}

const kindOf = ({ rung }: Conv3x3Choice | LinearChoice) => rung;

/** None where nothing computes rightly. */
function chosenIn({ operation, shape, outcome }: TunedShape): Choices {
  const { winner } = outcome;
  if (!winner) return Choices.NONE;
  const entry = { shape, ...winner };
  return operation === 'conv3x3'
    ? new Choices([entry as Choices['conv3x3'][number]], [])
    : new Choices([], [entry as Choices['linear'][number]]);
}

// A fully connected layer to try choices on, its kernel in as many pieces as the adapter needs.

/** The NMSE against float64 that a rung may have: see conv3x3_trial.ts. */
const LINEAR_BOUND = 1e-11;

/** @throws GpuError where the adapter has not the memory */
async function linearTrial(bench: Workbench, shape: DenseShape): Promise<Trial<LinearChoice>> {
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
