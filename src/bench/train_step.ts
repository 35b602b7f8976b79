// A training step of a head, or of convolutions with one, beside TensorFlow.js on the same device, and PyTorch: a batch from the host's memory, forward, backward and SGD
// with momentum. Both begin with the same weights and take the same batches.

import { CONVS } from '../architecture.js';
import type { Gpu } from '../gpu/gpu.js';
import { sizeOf } from '../gpu/tensor.js';
import { PAPER_WIDTHS, planLayers } from '../network/layers.js';
import { seededRandom } from '../random.js';
import { avgPool, avgPoolBackward } from '../reference/avgpool.js';
import { nmse } from '../reference/compare.js';
import { conv3x3 } from '../reference/conv3x3.js';
import {
  conv3x3BackwardBias,
  conv3x3BackwardInput,
  conv3x3BackwardKernel,
} from '../reference/conv3x3_backward.js';
import { linear } from '../reference/linear.js';
import {
  linearBackwardBias,
  linearBackwardInput,
  linearBackwardKernel,
} from '../reference/linear_backward.js';
import { maxPool2x2, maxPool2x2Backward } from '../reference/maxpool2x2.js';
import { reluBackward } from '../reference/relu_backward.js';
import { sgd } from '../reference/sgd.js';
import { softmaxCrossEntropy } from '../reference/softmax_cross_entropy.js';
import { givenShape, type HeadShape, headLayers } from '../train/head/head_shape.js';
import { Trainer } from '../train/trainer.js';
import type { Measured } from './e2e.js';
import {
  type Batch,
  type BodyConv,
  type HeadLayer,
  type SgdOptions,
  TfjsTraining,
  type TrainedLayers,
} from './peers/tfjs_training.js';
import { TorchTraining } from './peers/torch_training.js';
import { faultOf } from './report.js';
import { takeTurns, timed } from './turns.js';

/** What is trained: a head of two layers on features; or a linear head and the convolutions below it, of the paper's widths. */
export const SCOPES = ['head', 'block5', 'all'] as const;
export type Scope = (typeof SCOPES)[number];

/** `pytorch` is the Python on the path, which has to have it. */
export const TRAINING_PEERS = ['tfjs-webgpu', 'pytorch'] as const;
export type TrainingPeer = (typeof TRAINING_PEERS)[number];

export interface TrainStepOptions {
  readonly scope: Scope;
  /** Of a head alone: features of a picture, and units of its hidden layer. */
  readonly inputs: number;
  readonly hidden: number;
  /** Side in px of the pictures that convolutions are trained on. */
  readonly side: number;
  /** And their channels, in those of the paper. */
  readonly width: number;
  readonly classes: number;
  readonly batch: number;
  /** In a turn. */
  readonly steps: number;
  readonly peers: readonly TrainingPeer[];
  readonly rounds: number;
  readonly maxSeconds: number;
  readonly signal?: AbortSignal | undefined;
  readonly onStep?: ((step: string) => void) | undefined;
}

/** Small enough for random batches to be learnt without the loss running away. */
const SGD = { lr: 1e-3, momentum: 0.9 } as const;
/** A wrong gradient shows in the loss of the step after it. */
const STEPS_CHECKED = 3;

interface Engine {
  readonly name: string;
  /** Steps on these batches. @returns their mean loss, or the last's */
  train(batches: readonly Batch[]): Promise<number>;
  dispose(): void | Promise<void>;
}

/** Networks of full width are checked at a part of it: float64 on the host would take minutes. */
const CHECKED_WIDTH = 1 / 16;

/**
 * `nmse` is that of the losses of the first steps: where convolutions are trained, of a narrow network of the same layers.
 *
 * @throws GpuError where our own trainer cannot run; the signal's reason
 */
export async function benchTrainStep(gpu: Gpu, options: TrainStepOptions): Promise<Measured> {
  const { scope, width, batch, steps, rounds, maxSeconds, signal, onStep } = options;
  const measured: Measured = { results: [], leftOut: [] };
  const about = { scope: 'train-step', batch };
  const shape = shapeOf(options, width);
  const narrow = scope === 'head' ? shape : shapeOf(options, Math.min(width, CHECKED_WIDTH));
  onStep?.('the reference in float64');
  const checked = await createEngines(gpu, narrow, options, measured);
  const errors = await disposing(checked, ({ engines, layers, batches }) =>
    errorsOf(engines, new ReferenceNetwork(layers, narrow, SGD), batches),
  );
  const timing = await createEngines(gpu, shape, options, measured);
  await disposing(timing, async ({ engines, batches: all }) => {
    const batches = all.slice(0, steps);
    const turns = new Map(
      engines.map(({ name, train }) => {
        return [name, async () => (await timed(() => train(batches))) / steps];
      }),
    );
    const onTurn = (done: number, most: number) => onStep?.(`turn ${Math.min(done + 1, most)} of ${most}`);
    const { timings, failed } = await takeTurns(turns, { rounds, maxSeconds, signal, onTurn });
    for (const [engine, reason] of failed)
      measured.leftOut.push({ engine, ...about, kind: 'failed', reason });
    const flops = flopsOf(shape, batch);
    for (const [engine, timing] of timings) {
      const error = errors.get(engine) ?? Number.NaN;
      measured.results.push({
        ...{ engine, ...about, ...timing, flops },
        nmse: Number.isNaN(error) ? null : error,
      });
    }
  });
  return measured;
}

/** @param width  channels, in those of the paper */
function shapeOf({ scope, inputs, hidden, classes, side }: TrainStepOptions, width: number): HeadShape {
  if (scope === 'head') return { inputs, hidden: [hidden], classes };
  const convs = CONVS.map(({ name, channels }) => [name, Math.round(channels * width)] as const);
  const widths = { ...PAPER_WIDTHS, convs: new Map(convs), dense: new Map() };
  const all = planLayers(widths, side, side, 'block5_pool');
  const layers = scope === 'all' ? all : all.filter(({ name }) => name.startsWith(scope));
  return { inputs: layers.at(-1)!.shape.at(-1)!, hidden: [], classes, body: { layers, pool: 'avg' } };
}

/**
 * Two operations per multiplication and addition: forward, and backward by the weights and by what they read, which the first layer leaves
 * out.
 */
function flopsOf(shape: HeadShape, batch: number): number {
  const dense = headLayers(shape).map(({ inputs, outputs }) => 2 * inputs * outputs);
  const convs = (shape.body?.layers ?? []).filter(({ operation }) => operation === 'conv3x3');
  const layers = [...convs.map(({ flops }) => flops), ...dense];
  return batch * (3 * layers.reduce((sum, flops) => sum + flops, 0) - layers[0]!);
}

interface Engines {
  readonly engines: readonly Engine[];
  readonly layers: TrainedLayers;
  readonly batches: readonly Batch[];
}

/** Ours, and the peers that take part: all begin with the same numbers, and take the same batches. */
async function createEngines(
  gpu: Gpu,
  shape: HeadShape,
  options: TrainStepOptions,
  { leftOut }: Measured,
): Promise<Engines> {
  const { batch, peers } = options;
  const batches = makeBatches(shape, options);
  const trainer = await Trainer.create(gpu, shape, {
    ...{ batch, dropout: 0, labelSmoothing: 0, seed: 1 },
    optimiser: { name: 'sgd', momentum: SGD.momentum, nesterov: false, weightDecay: 0 },
  });
  const engines: Engine[] = [ours(trainer)];
  try {
    const layers = await layersOf(trainer);
    for (const name of peers) {
      try {
        const peer = await openPeer(name, gpu, layers, batches);
        engines.push({
          name: peer.name,
          train: (some) => peer.train(some),
          dispose: () => peer.dispose(),
        });
      } catch (error) {
        if (!leftOut.some(({ engine }) => engine === name))
          leftOut.push({ engine: name, scope: 'train-step', batch, ...faultOf(error) });
      }
    }
    return { engines, layers, batches };
  } catch (error) {
    for (const engine of engines) await engine.dispose();
    throw error;
  }
}

function openPeer(
  name: TrainingPeer,
  gpu: Gpu,
  layers: TrainedLayers,
  batches: readonly Batch[],
): Promise<TfjsTraining | TorchTraining> {
  if (name === 'pytorch') return TorchTraining.create(layers, batches, SGD);
  return TfjsTraining.create({ device: gpu.device, adapterInfo: gpu.info }, layers, SGD);
}

async function disposing<T>(made: Engines, use: (made: Engines) => Promise<T>): Promise<T> {
  try {
    return await use(made);
  } finally {
    for (const engine of made.engines) await engine.dispose();
  }
}

function ours(trainer: Trainer): Engine {
  return {
    name: 'vgg16-webgpu',
    async train(batches) {
      for (const { x, labels } of batches) await trainer.step(x, labels, SGD.lr);
      return (await trainer.readTotals()).loss;
    },
    dispose: () => trainer.dispose(),
  };
}

/** What is trained, as it now is. */
async function layersOf(trainer: Trainer): Promise<TrainedLayers> {
  const { shape } = trainer;
  const body = shape.body?.layers ?? [];
  const read = async (name: string) => ({
    kernel: await trainer.read(`${name}.kernel`),
    bias: await trainer.read(`${name}.bias`),
  });
  const convs: BodyConv[] = [];
  for (const [i, { name, operation, inputShape, shape: outputShape }] of body.entries()) {
    if (operation !== 'conv3x3') continue;
    const pooled = body[i + 1]?.operation === 'maxpool2x2';
    convs.push({ ...(await read(name)), C: inputShape.at(-1)!, O: outputShape.at(-1)!, pooled });
  }
  const dense: HeadLayer[] = [];
  for (const { name, inputs, outputs } of headLayers(shape))
    dense.push({ ...(await read(name)), inputs, outputs });
  return { convs, dense, given: givenShape(shape) };
}

/** Numbers as a ReLU leaves them, half of them zero. */
function makeBatches(shape: HeadShape, { steps, batch, classes }: TrainStepOptions): Batch[] {
  const random = seededRandom(1);
  const size = sizeOf(givenShape(shape));
  return Array.from({ length: Math.max(steps, STEPS_CHECKED) }, () => ({
    x: Float32Array.from({ length: batch * size }, () => Math.max(0, random.normal())),
    labels: Uint32Array.from({ length: batch }, () => random.below(classes)),
  }));
}

/** The NMSE of each engine's losses in its first steps. */
async function errorsOf(
  engines: readonly Engine[],
  reference: ReferenceNetwork,
  batches: readonly Batch[],
): Promise<Map<string, number>> {
  const wanted: number[] = [];
  const losses = new Map(engines.map(({ name }) => [name, [] as number[]]));
  for (const batch of batches.slice(0, STEPS_CHECKED)) {
    wanted.push(reference.step(batch));
    for (const { name, train } of engines) losses.get(name)!.push(await train([batch]));
  }
  return new Map([...losses].map(([name, own]) => [name, nmse(own, wanted)]));
}

// A network trained in float64: what engines are held against before they are timed.

/** Parameters with their momentum. */
interface Learnt {
  readonly k: Float64Array;
  readonly b: Float64Array;
  readonly momentum: { readonly k: Float64Array; readonly b: Float64Array };
}

function learnt({ kernel, bias }: { readonly kernel: Float32Array; readonly bias: Float32Array }): Learnt {
  const momentum = { k: new Float64Array(kernel.length), b: new Float64Array(bias.length) };
  return { k: Float64Array.from(kernel), b: Float64Array.from(bias), momentum };
}

/** SGD with momentum on the mean softmax cross-entropy, ReLU behind all layers but the last. */
export class ReferenceNetwork {
  readonly #convs: readonly (Learnt & {
    readonly H: number;
    readonly W: number;
    readonly C: number;
    readonly O: number;
    readonly pooled: boolean;
  })[];
  readonly #dense: readonly (Learnt & { readonly D: number; readonly O: number })[];

  constructor(
    { convs, dense }: TrainedLayers,
    { body }: Pick<HeadShape, 'body'>,
    private readonly options: SgdOptions,
  ) {
    const planned = body?.layers.filter(({ operation }) => operation === 'conv3x3') ?? [];
    this.#convs = convs.map(({ C, O, pooled, ...values }, i) => {
      const [H, W] = planned[i]!.inputShape as [number, number];
      return { ...learnt(values), H, W, C, O, pooled };
    });
    this.#dense = dense.map(({ inputs: D, outputs: O, ...values }) => ({ ...learnt(values), D, O }));
  }

  /** One step. @returns the batch's mean loss before it */
  step({ x, labels }: Batch): number {
    const N = labels.length;
    // What each layer reads; of a convolution what it gave before its pooling, too.
    const maps: ArrayLike<number>[] = [];
    const given: Float64Array[] = [];
    let y: ArrayLike<number> = x;
    for (const { k, b, pooled, ...sides } of this.#convs) {
      maps.push(y);
      const convolved = conv3x3(y, k, b, { N, ...sides }, true);
      given.push(convolved);
      y = pooled ? maxPool2x2(convolved, { N, H: sides.H, W: sides.W, C: sides.O }) : convolved;
    }
    const last = this.#convs.at(-1);
    const map = last && { N, H: Math.floor(last.H / 2), W: Math.floor(last.W / 2), C: last.O };
    if (map) y = avgPool(y, map);
    const read: ArrayLike<number>[] = [];
    for (const [i, { k, b, D, O }] of this.#dense.entries()) {
      read.push(y);
      y = linear(y, k, b, { N, D, O }, i < this.#dense.length - 1);
    }
    const classes = this.#dense.at(-1)!.O;
    const equal = new Float64Array(classes).fill(1);
    const { loss, dx } = softmaxCrossEntropy(y, labels, equal, { N, O: classes }, classes, 0);
    let dy = dx;
    for (const [i, layer] of [...this.#dense.entries()].reverse()) {
      const sizes = { N, D: layer.D, O: layer.O };
      const gradient = { k: linearBackwardKernel(read[i]!, dy, sizes), b: linearBackwardBias(dy, sizes) };
      // Before the update: the gradient is taken at the weights that the forward pass had.
      const before = linearBackwardInput(dy, layer.k, sizes);
      dy = i > 0 ? reluBackward(read[i]!, before) : before;
      this.#update(layer, gradient);
    }
    if (map) dy = avgPoolBackward(dy, map);
    for (const [i, layer] of [...this.#convs.entries()].reverse()) {
      const { H, W, C, O, pooled } = layer;
      const sizes = { N, H, W, C, O };
      if (pooled) dy = maxPool2x2Backward(given[i]!, dy, { N, H, W, C: O });
      dy = reluBackward(given[i]!, dy);
      const gradient = { k: conv3x3BackwardKernel(maps[i]!, dy, sizes), b: conv3x3BackwardBias(dy, sizes) };
      if (i > 0) dy = conv3x3BackwardInput(dy, layer.k, sizes);
      this.#update(layer, gradient);
    }
    return loss;
  }

  #update(
    { k, b, momentum }: Learnt,
    gradient: { readonly k: Float64Array; readonly b: Float64Array },
  ): void {
    const { lr, momentum: share } = this.options;
    const hyper = { momentum: share, nesterov: false, weightDecay: 0 };
    sgd(k, gradient.k, momentum.k, lr, hyper);
    sgd(b, gradient.b, momentum.b, lr, hyper);
  }
}
