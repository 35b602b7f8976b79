// A step of training, prepared once and replayed: forward, loss, backward, update; and the shorter routes through the same memory.

import type { Gpu } from '../../gpu/gpu.js';
import type { Plan } from '../../gpu/plan.js';
import { Recorder } from '../../gpu/recorder.js';
import type { Tensor } from '../../gpu/tensor.js';
import { adamw } from '../../kernels/adamw/adamw.js';
import { CONTROL_WORDS } from '../../kernels/control.js';
import { CLIP_NUMBERS, gradientNorm } from '../../kernels/gradient_norm/gradient_norm.js';
import { addMetrics, TOTALS_WORDS } from '../../kernels/metrics/metrics.js';
import { sgd } from '../../kernels/sgd/sgd.js';
import { padToQuad } from '../../kernels/shapes.js';
import { softmax } from '../../kernels/softmax/softmax.js';
import {
  ROW_NUMBERS,
  softmaxCrossEntropy,
} from '../../kernels/softmax_cross_entropy/softmax_cross_entropy.js';
import { type Operation, recordBackward, recordForward } from '../../network/operation.js';
import { Standardise } from '../../network/operations/input.js';
import { Dropout, Linear } from '../../network/operations/linear.js';
import type { Parameter, Parameters } from '../../network/parameters.js';
import type { HeadLayer } from './head_shape.js';
import { ADAMW_DEFAULTS, type TrainerOptions } from './trainer_options.js';

/** Ways through the plan: a step; a batch's totals without learning from it; probabilities. */
export const ROUTES = { train: 'training step', score: 'scoring', predict: 'prediction' } as const;

/** Steps that the GPU may be behind: it is never without work, and the host's memory does not fill with batches. */
const STEPS_IN_FLIGHT = 3;

/** Owns all memory of a step but the parameters. */
export interface StepPlan {
  /** By `ROUTES`; `predict` reads back `probabilities` (batch, classes padded). */
  readonly plan: Plan;
  /** (batch, inputs padded): features, which the host writes. */
  readonly x: Tensor;
  /** (batch) u32: classes, or IGNORED, which the host writes. */
  readonly labels: Tensor;
  /** The words of `kernels/control.ts`, which the host writes. */
  readonly control: Tensor;
  /** What `train` and `score` add to; as `readTotals` of `kernels/metrics` understands. */
  readonly totals: Tensor;
}

/** @throws GpuError where the adapter cannot; nothing is left behind then */
export async function planStep(
  gpu: Gpu,
  layers: readonly HeadLayer[],
  parameters: Parameters,
  options: TrainerOptions,
): Promise<StepPlan> {
  const { train, score, predict } = ROUTES;
  const { batch, labelSmoothing } = options;
  const recorder = new Recorder(gpu, train);
  const { outputs: classes } = layers.at(-1)!;
  const O = padToQuad(classes);
  const x = recorder.persistent('features', [batch, padToQuad(layers[0]!.inputs)]);
  const labels = recorder.persistent('labels', [batch]);
  const control = recorder.persistent('control', [CONTROL_WORDS]);
  const totals = recorder.persistent('totals', [TOTALS_WORDS]);
  const classWeights = recorder.persistent('class weights', [O], classWeightsOf(options, O));

  const operations = [
    ...standardising(recorder, x, options),
    ...operationsOf(layers, parameters, control, options),
  ];
  const recorded = recordForward(recorder, operations, x, {
    routes: [train, score, predict],
    trainingRoutes: [train],
  });
  const scores = recorded.at(-1)!.y;

  recorder.on(train, score);
  recorder.step('loss');
  const dy = recorder.temporary("scores' gradient", scores.shape);
  const rows = recorder.temporary('losses', [batch, ROW_NUMBERS]);
  softmaxCrossEntropy(recorder, {
    ...{ label: 'loss', x: scores, labels, classWeights, dx: dy, rows },
    ...{ classes, smoothing: labelSmoothing },
  });
  addMetrics(recorder, { label: 'metrics', rows, totals, control });

  recorder.on(predict);
  recorder.step('probabilities');
  const probabilities = recorder.temporary('probabilities', scores.shape);
  softmax(recorder, { label: 'probabilities', x: scores, y: probabilities, classes });
  recorder.read('probabilities', probabilities);

  recorder.on(train);
  recordBackward(recorder, recorded, dy);
  recorder.step('update');
  recordUpdate(recorder, parameters, control, options);
  return { plan: await recorder.finish({ inFlight: STEPS_IN_FLIGHT }), x, labels, control, totals };
}

function standardising(recorder: Recorder, x: Tensor, { standardisation }: TrainerOptions): Operation[] {
  if (!standardisation) return [];
  // Zeros in the padding keep it zero.
  const padded = (label: string, values: Float32Array) => {
    const row = new Float32Array(x.shape[1]!);
    row.set(values);
    return recorder.persistent(label, [row.length], row);
  };
  const { mean, scale } = standardisation;
  return [new Standardise(padded('mean', mean), padded('scale', scale))];
}

/** Dense layers, with ReLU and dropout behind all but the last. */
function operationsOf(
  layers: readonly HeadLayer[],
  parameters: Parameters,
  control: Tensor,
  { dropout: rate }: TrainerOptions,
): Operation[] {
  return layers.flatMap(({ name, isLast }, i) => {
    const linear = new Linear({ name, parameters: parameters.layer(name), relu: !isLast });
    return isLast ? [linear] : [linear, new Dropout({ name, control, rate, layer: i })];
  });
}

function classWeightsOf({ classWeights }: TrainerOptions, columns: number): Float32Array {
  const weights = new Float32Array(columns).fill(1);
  if (classWeights) weights.set(classWeights);
  return weights;
}

/** The end of a step: the gradients' norm, where it is limited, then the optimiser, piece by piece of every parameter. */
function recordUpdate(
  recorder: Recorder,
  { all }: Parameters,
  control: Tensor,
  { optimiser, clipNorm }: TrainerOptions,
): void {
  let clip: Tensor | undefined;
  if (clipNorm !== undefined) {
    clip = recorder.temporary('clipping', [CLIP_NUMBERS]);
    const gradients = all.flatMap(({ gradient }) => gradient!.pieces.map(({ k }) => k));
    gradientNorm(recorder, { label: 'clipping', gradients, clip, maxNorm: clipNorm });
  }
  const shared = { control, ...(clip && { clip }) };
  for (const parameter of all) {
    const weightDecay = parameter.isKernel ? optimiser.weightDecay : 0;
    for (const piece of parameter.value.pieces.keys())
      updatePiece(recorder, parameter, piece, { ...optimiser, weightDecay }, shared);
  }
}

function updatePiece(
  recorder: Recorder,
  { name, value, gradient, moments }: Parameter,
  piece: number,
  optimiser: TrainerOptions['optimiser'],
  shared: { readonly control: Tensor; readonly clip?: Tensor },
): void {
  const [k, dk, m, v] = [value, gradient!, ...moments.values()].map(({ pieces }) => pieces[piece]!.k);
  const tensors = { label: name, w: k!, dw: dk!, ...shared };
  if (optimiser.name === 'sgd') sgd(recorder, { ...tensors, momentum: m!, hyper: optimiser });
  else adamw(recorder, { ...tensors, m: m!, v: v!, hyper: { ...ADAMW_DEFAULTS, ...optimiser } });
}
