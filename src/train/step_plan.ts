// A step of training, prepared once and replayed: forward, loss, backward, update; and the shorter routes through the same memory.

import { GpuError } from '../errors.js';
import type { Gpu } from '../gpu/gpu.js';
import { mebibytes } from '../gpu/messages.js';
import type { Plan } from '../gpu/plan.js';
import { Recorder } from '../gpu/recorder.js';
import type { Tensor } from '../gpu/tensor.js';
import { adamw } from '../kernels/adamw/adamw.js';
import { CONTROL_WORDS } from '../kernels/control.js';
import { CLIP_NUMBERS, gradientNorm } from '../kernels/gradient_norm/gradient_norm.js';
import { addMetrics, TOTALS_WORDS } from '../kernels/metrics/metrics.js';
import { sgd } from '../kernels/sgd/sgd.js';
import { padToQuad } from '../kernels/shapes.js';
import { softmax } from '../kernels/softmax/softmax.js';
import { ROW_NUMBERS, softmaxCrossEntropy } from '../kernels/softmax_cross_entropy/softmax_cross_entropy.js';
import { chooseKernels, type KernelWishes, operationOf, paddedShape } from '../network/build.js';
import { fused, type Operation, type Recorded, recordBackward, recordForward } from '../network/operation.js';
import { Standardise } from '../network/operations/input.js';
import { Dropout, Linear } from '../network/operations/linear.js';
import { AvgPool } from '../network/operations/pooling.js';
import type { Parameter, Parameters } from '../network/parameters.js';
import { givenShape, type HeadShape, headLayers } from './head/head_shape.js';
import { ADAMW_DEFAULTS, type TrainerOptions } from './trainer_options.js';

/** Ways through the plan: a step; a batch's totals without learning from it; probabilities. */
export const ROUTES = { train: 'training step', score: 'scoring', predict: 'prediction' } as const;

/** Steps that the GPU may be behind: it is never without work, and the host's memory does not fill with batches. */
const STEPS_IN_FLIGHT = 3;

/** Rows of a batch that go through the network together. */
export interface BatchPart {
  readonly first: number;
  readonly rows: number;
  /** (rows, ...as they are given, channels padded), which the host writes. */
  readonly x: Tensor;
}

/** Owns all memory of a step but the parameters. */
export interface StepPlan {
  /** By `ROUTES`; `predict` reads back `probabilities FIRST` (rows, classes padded) of each part. */
  readonly plan: Plan;
  /** Parts of a batch; one, unless memory is short. Gradients are added up over them, as if it were one. */
  readonly parts: readonly BatchPart[];
  /** Whether activations of the body are computed a second time instead of kept. */
  readonly recomputes: boolean;
  /** (batch) u32: classes, or IGNORED, which the host writes. */
  readonly labels: Tensor;
  /** The words of `kernels/control.ts`, which the host writes. */
  readonly control: Tensor;
  /** What `train` and `score` add to; as `readTotals` of `kernels/metrics` understands. */
  readonly totals: Tensor;
}

/** What is given up for memory. */
interface Thrift {
  /** Rows in a part. */
  readonly rows: number;
  readonly recomputes: boolean;
}

/** With fewer rows in a part, a card has too little to do: sooner than that, activations are computed twice, which costs a third more. */
const FEW_ROWS = 4;

/** The cheapest first. */
function thrifts({ body }: HeadShape, batch: number): Thrift[] {
  const halves: number[] = [];
  for (let rows = batch; rows > 1; rows = Math.ceil(rows / 2)) halves.push(rows);
  halves.push(1);
  const large = halves.filter((rows) => rows >= FEW_ROWS || rows === batch);
  const small = halves.filter((rows) => !large.includes(rows));
  const ways = (some: readonly number[], recomputes: boolean) => some.map((rows) => ({ rows, recomputes }));
  if (!body) return ways(halves, false);
  return [...ways(large, false), ...ways(large, true), ...ways(small, false), ...ways(small, true)];
}

/**
 * A batch goes through the network at once, if that fits the adapter and `options.memory`. If not, it goes through in parts, whose
 * gradients are added up; or the body's activations are kept only where its blocks begin, and the rest of them computed again, block by
 * block, in the backward pass (Chen et al., "Training Deep Nets with Sublinear Memory Cost", 2016, arXiv:1604.06174); or both.
 *
 * @throws GpuError where the adapter cannot, and where `options.memory` is too little; nothing is left behind then
 */
export async function planStep(
  gpu: Gpu,
  shape: HeadShape,
  parameters: Parameters,
  options: TrainerOptions,
  wishes: KernelWishes = {},
): Promise<StepPlan> {
  const { memory = Number.POSITIVE_INFINITY } = options;
  let least: { bytes: number } | undefined;
  let refused: unknown;
  for (const thrift of thrifts(shape, options.batch)) {
    let recorded: RecordedStep;
    try {
      recorded = await recordStep(gpu, shape, parameters, options, wishes, thrift);
    } catch (error) {
      // A tensor that is too large for the adapter may be smaller in a smaller part.
      if (!(error instanceof GpuError)) throw error;
      refused ??= error;
      continue;
    }
    const { recorder, ...step } = recorded;
    const bytes = recorder.bytes.shared + parameters.bytes;
    if (bytes <= memory) {
      return { ...step, plan: await recorder.finish({ inFlight: STEPS_IN_FLIGHT }) };
    }
    if (!least || bytes < least.bytes) least = { bytes };
  }
  if (!least) throw refused;
  throw new GpuError(
    `a step of one picture at a time takes ${mebibytes(least.bytes)} on the GPU, more than the ${mebibytes(memory)} that it may; ` +
      'allow more memory, train fewer layers, or use smaller pictures',
  );
}

/** What a step would take, in bytes, with all that may be given up for memory. */
export interface StepMemory extends Thrift {
  /** Of the parameters with their gradients and moments, and of everything else. */
  readonly parameters: number;
  readonly rest: number;
  /** Of everything else, if no tensors shared memory. */
  readonly unshared: number;
}

/** Allocates nothing but what `ready` of operations needs. Ways that the adapter refuses are left out. */
export async function stepMemories(
  gpu: Gpu,
  shape: HeadShape,
  parameters: Parameters,
  options: TrainerOptions,
): Promise<StepMemory[]> {
  const found: StepMemory[] = [];
  for (const thrift of thrifts(shape, options.batch)) {
    try {
      const { recorder } = await recordStep(gpu, shape, parameters, options, {}, thrift);
      const { shared, unshared } = recorder.bytes;
      found.push({ ...thrift, parameters: parameters.bytes, rest: shared, unshared });
    } catch (error) {
      if (!(error instanceof GpuError)) throw error;
    }
  }
  return found;
}

type RecordedStep = Omit<StepPlan, 'plan'> & { readonly recorder: Recorder };

async function recordStep(
  gpu: Gpu,
  shape: HeadShape,
  parameters: Parameters,
  options: TrainerOptions,
  wishes: KernelWishes,
  { rows, recomputes }: Thrift,
): Promise<RecordedStep> {
  const { batch } = options;
  const recorder = new Recorder(gpu, ROUTES.train);
  const O = padToQuad(shape.classes);
  const labels = recorder.persistent('labels', [batch]);
  const control = recorder.persistent('control', [CONTROL_WORDS]);
  const totals = recorder.persistent('totals', [TOTALS_WORDS]);
  const classWeights = recorder.persistent('class weights', [O], classWeightsOf(options, O));
  const standardise = standardising(recorder, shape, options);
  const body = bodyOf(gpu, shape, parameters, rows, wishes);
  await Promise.all(body.flat().map((operation) => operation.ready?.()));

  const parts: BatchPart[] = [];
  for (let first = 0; first < batch; first += rows) {
    const count = Math.min(rows, batch - first);
    const x = recorder.persistent('features', paddedShape(count, givenShape(shape)));
    const head = [...standardise, ...headOf(shape, parameters, control, options, first)];
    parts.push({ first, rows: count, x });
    recordPart(recorder, {
      ...{ x, first, labels, control, totals, classWeights, recomputes },
      segments: joined(body, head, shape),
      classes: shape.classes,
      labelSmoothing: options.labelSmoothing,
    });
  }
  recorder.step('update');
  recordUpdate(recorder, parameters, control, options);
  for (const parameter of parameters.all) await parameter.recordRefresh(recorder);
  return { recorder, parts, recomputes, labels, control, totals };
}

/** The body's operations, block by block: a block ends with its pooling. */
function bodyOf(
  gpu: Gpu,
  { body }: HeadShape,
  parameters: Parameters,
  rows: number,
  wishes: KernelWishes,
): Operation[][] {
  if (!body) return [];
  const chosen = chooseKernels(gpu, body.layers, rows, wishes);
  const blocks: Operation[][] = [[]];
  for (const layer of chosen) {
    blocks.at(-1)!.push(operationOf(layer, parameters, wishes.rungs));
    if (layer.layer.operation === 'maxpool2x2') blocks.push([]);
  }
  return blocks
    .filter((block) => block.length > 0)
    .map((block) => fused(block, new Set(), { trained: true }));
}

/** Dense layers, with ReLU and dropout behind all but the last. */
function headOf(
  shape: HeadShape,
  parameters: Parameters,
  control: Tensor,
  { dropout: rate }: TrainerOptions,
  firstRow: number,
): Operation[] {
  return headLayers(shape).flatMap(({ name, isLast }, i) => {
    const linear = new Linear({ name, parameters: parameters.layer(name), relu: !isLast });
    return isLast ? [linear] : [linear, new Dropout({ name, control, rate, layer: i, firstRow })];
  });
}

/** Blocks, of which the last has the head as well. */
function joined(body: readonly Operation[][], head: readonly Operation[], shape: HeadShape): Operation[][] {
  const last = body.at(-1);
  if (!last) return [[...head]];
  const pool = shape.body?.pool === 'avg' ? [new AvgPool('avgpool')] : [];
  return [...body.slice(0, -1), [...last, ...pool, ...head]];
}

interface Part {
  readonly x: Tensor;
  /** The place of its first row in the batch. */
  readonly first: number;
  readonly labels: Tensor;
  readonly control: Tensor;
  readonly totals: Tensor;
  readonly classWeights: Tensor;
  readonly recomputes: boolean;
  readonly segments: readonly (readonly Operation[])[];
  readonly classes: number;
  readonly labelSmoothing: number;
}

/** All routes of a part of the batch, but for the update. */
function recordPart(recorder: Recorder, part: Part): void {
  const { train, score, predict } = ROUTES;
  const { segments, first, labels, control, totals, classWeights, classes, labelSmoothing, recomputes } =
    part;
  const routes = [train, score, predict];
  const inputs: Tensor[] = [];
  const done: Recorded[][] = [];
  let x = part.x;
  for (const [i, operations] of segments.entries()) {
    const keeps = i === segments.length - 1 || !recomputes;
    inputs.push(x);
    done.push(recordForward(recorder, operations, x, { routes, trainingRoutes: [train], trained: keeps }));
    x = done.at(-1)!.at(-1)!.y;
  }

  recorder.on(train, score);
  recorder.step('loss');
  const dy = recorder.temporary("scores' gradient", x.shape);
  const rows = recorder.temporary('losses', [x.shape[0]!, ROW_NUMBERS]);
  softmaxCrossEntropy(recorder, {
    ...{ label: 'loss', x, labels, classWeights, dx: dy, rows },
    ...{ classes, smoothing: labelSmoothing, firstRow: first },
  });
  addMetrics(recorder, { label: 'metrics', rows, totals, control });

  recorder.on(predict);
  recorder.step('probabilities');
  const probabilities = recorder.temporary('probabilities', x.shape);
  softmax(recorder, { label: 'probabilities', x, y: probabilities, classes });
  recorder.read(`probabilities ${first}`, probabilities);

  recorder.on(train);
  const accumulate = first > 0;
  let gradient: { dx: Tensor; isMasked: boolean } | undefined = { dx: dy, isMasked: false };
  for (let i = segments.length - 1; i >= 0; i--) {
    const isKept = i === segments.length - 1 || !recomputes;
    const recorded = isKept
      ? done[i]!
      : recordForward(recorder, segments[i]!, inputs[i]!, { routes: [train], trained: true });
    gradient = recordBackward(recorder, recorded, gradient!.dx, {
      ...{ accumulate, isMasked: gradient!.isMasked, toInput: i > 0 },
      // A block begins behind the pooling, and so the ReLU, of another.
      inputIsRectified: i > 0,
    });
  }
}

function standardising(
  recorder: Recorder,
  { inputs, body }: HeadShape,
  { standardisation }: TrainerOptions,
): Operation[] {
  if (!standardisation) return [];
  const { mean, scale } = standardisation;
  // What is averaged or given has one padding at its end; a flattened map has one behind each of its pixels.
  const channels = body?.pool === 'flatten' ? body.layers.at(-1)!.shape.at(-1)! : inputs;
  const padded = (label: string, values: Float32Array) => {
    const width = padToQuad(channels);
    // Zeros in the padding keep it zero.
    const row = new Float32Array((values.length / channels) * width);
    for (let pixel = 0; pixel * channels < values.length; pixel++) {
      row.set(values.subarray(pixel * channels, (pixel + 1) * channels), pixel * width);
    }
    return recorder.persistent(label, [row.length], row);
  };
  return [new Standardise(padded('mean', mean), padded('scale', scale))];
}

function classWeightsOf({ classWeights }: TrainerOptions, columns: number): Float32Array {
  const weights = new Float32Array(columns).fill(1);
  if (classWeights) weights.set(classWeights);
  return weights;
}

/** The end of a step: the gradients' norm, where it is limited, then the optimiser, piece by piece of every parameter. */
function recordUpdate(
  recorder: Recorder,
  parameters: Parameters,
  control: Tensor,
  { optimiser, clipNorm, layerRates = {} }: TrainerOptions,
): void {
  let clip: Tensor | undefined;
  if (clipNorm !== undefined) {
    clip = recorder.temporary('clipping', [CLIP_NUMBERS]);
    const gradients = parameters.all.flatMap(({ gradient }) => gradient!.pieces.map(({ k }) => k));
    gradientNorm(recorder, { label: 'clipping', gradients, clip, maxNorm: clipNorm });
  }
  const shared = { control, ...(clip && { clip }) };
  for (const [layer, { kernel, bias }] of parameters.layers) {
    const rate = layerRates[layer] ?? 1;
    for (const parameter of [kernel, bias]) {
      const weightDecay = parameter.isKernel ? optimiser.weightDecay : 0;
      for (const piece of parameter.value.pieces.keys())
        updatePiece(recorder, parameter, piece, { ...optimiser, weightDecay, rate }, shared);
    }
  }
}

function updatePiece(
  recorder: Recorder,
  { name, value, gradient, moments }: Parameter,
  piece: number,
  optimiser: TrainerOptions['optimiser'] & { readonly rate: number },
  shared: { readonly control: Tensor; readonly clip?: Tensor },
): void {
  const [k, dk, m, v] = [value, gradient!, ...moments.values()].map(({ pieces }) => pieces[piece]!.k);
  const tensors = { label: name, w: k!, dw: dk!, ...shared };
  if (optimiser.name === 'sgd') sgd(recorder, { ...tensors, momentum: m!, hyper: optimiser });
  else adamw(recorder, { ...tensors, m: m!, v: v!, hyper: { ...ADAMW_DEFAULTS, ...optimiser } });
}
