// A training step of a head beside TensorFlow.js on the same device: a batch from the host's memory, forward, backward and SGD
// with momentum. Both begin with the same weights and take the same batches.

import type { Gpu } from '../gpu/gpu.js';
import { seededRandom } from '../random.js';
import { nmse } from '../reference/compare.js';
import { linear } from '../reference/linear.js';
import {
  linearBackwardBias,
  linearBackwardInput,
  linearBackwardKernel,
} from '../reference/linear_backward.js';
import { reluBackward } from '../reference/relu_backward.js';
import { sgd } from '../reference/sgd.js';
import { softmaxCrossEntropy } from '../reference/softmax_cross_entropy.js';
import { Trainer } from '../train/trainer.js';
import type { Measured } from './e2e.js';
import { type Batch, type HeadLayer, type SgdOptions, TfjsTraining } from './peers/tfjs_training.js';
import { faultOf } from './report.js';
import { takeTurns, timed } from './turns.js';

export interface TrainStepOptions {
  readonly inputs: number;
  readonly hidden: number;
  readonly classes: number;
  readonly batch: number;
  /** In a turn. */
  readonly steps: number;
  /** Whether TensorFlow.js takes part. */
  readonly peer: boolean;
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
  dispose(): void;
}

/**
 * `nmse` is that of the losses of the first steps.
 *
 * @throws GpuError where our own trainer cannot run; the signal's reason
 */
export async function benchTrainStep(gpu: Gpu, options: TrainStepOptions): Promise<Measured> {
  const { inputs, hidden, classes, batch, steps, rounds, maxSeconds, signal, onStep } = options;
  const measured: Measured = { results: [], leftOut: [] };
  const about = { scope: 'train-step', batch };
  const trainer = await Trainer.create(
    gpu,
    { inputs, hidden: [hidden], classes },
    {
      ...{ batch, dropout: 0, labelSmoothing: 0, seed: 1 },
      optimiser: { name: 'sgd', momentum: SGD.momentum, nesterov: false, weightDecay: 0 },
    },
  );
  const engines: Engine[] = [ours(trainer)];
  try {
    const layers = await layersOf(trainer, [inputs, hidden, classes]);
    if (options.peer) {
      try {
        const device = { device: gpu.device, adapterInfo: gpu.info };
        const peer = await TfjsTraining.create(device, layers, SGD);
        engines.push({
          name: peer.name,
          train: (batches) => peer.train(batches),
          dispose: () => peer.dispose(),
        });
      } catch (error) {
        measured.leftOut.push({ engine: 'tfjs-webgpu', ...about, ...faultOf(error) });
      }
    }
    const batches = makeBatches(options);
    onStep?.('the reference in float64');
    const errors = await errorsOf(engines, new ReferenceHead(layers, SGD), batches);
    const turns = new Map(
      engines.map(({ name, train }) => {
        return [name, async () => (await timed(() => train(batches.slice(0, steps)))) / steps];
      }),
    );
    const onTurn = (done: number, most: number) => onStep?.(`turn ${Math.min(done + 1, most)} of ${most}`);
    const { timings, failed } = await takeTurns(turns, { rounds, maxSeconds, signal, onTurn });
    for (const [engine, reason] of failed)
      measured.leftOut.push({ engine, ...about, kind: 'failed', reason });
    // Forward, and backward without the gradient by the features: two operations a multiplication and addition.
    const flops = 2 * batch * (2 * (inputs * hidden + hidden * classes) + hidden * classes);
    for (const [engine, timing] of timings) {
      const error = errors.get(engine)!;
      measured.results.push({
        ...{ engine, ...about, ...timing, flops },
        nmse: Number.isNaN(error) ? null : error,
      });
    }
  } finally {
    for (const engine of engines) engine.dispose();
  }
  return measured;
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

/** The layers of a head as it now is. */
function layersOf(trainer: Trainer, widths: readonly number[]): Promise<HeadLayer[]> {
  return Promise.all(
    ['fc1', 'fc2'].map(async (name, i) => ({
      kernel: await trainer.read(`${name}.kernel`),
      bias: await trainer.read(`${name}.bias`),
      inputs: widths[i]!,
      outputs: widths[i + 1]!,
    })),
  );
}

/** Features as a ReLU leaves them, half of them zero. */
function makeBatches({ steps, batch, inputs, classes }: TrainStepOptions): Batch[] {
  const random = seededRandom(1);
  return Array.from({ length: Math.max(steps, STEPS_CHECKED) }, () => ({
    x: Float32Array.from({ length: batch * inputs }, () => Math.max(0, random.normal())),
    labels: Uint32Array.from({ length: batch }, () => random.below(classes)),
  }));
}

/** The NMSE of each engine's losses in its first steps. */
async function errorsOf(
  engines: readonly Engine[],
  reference: ReferenceHead,
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

// A head of two dense layers, trained in float64: what engines are held against before they are timed.

/** A layer's parameters with their momentum. */
interface Layer {
  readonly D: number;
  readonly O: number;
  readonly k: Float64Array;
  readonly b: Float64Array;
  readonly momentum: { readonly k: Float64Array; readonly b: Float64Array };
}

/** SGD with momentum on the mean softmax cross-entropy, ReLU behind all layers but the last. */
export class ReferenceHead {
  readonly #layers: readonly Layer[];

  constructor(
    layers: readonly HeadLayer[],
    private readonly options: SgdOptions,
  ) {
    this.#layers = layers.map(({ kernel, bias, inputs, outputs }) => ({
      D: inputs,
      O: outputs,
      k: Float64Array.from(kernel),
      b: Float64Array.from(bias),
      momentum: { k: new Float64Array(kernel.length), b: new Float64Array(bias.length) },
    }));
  }

  /** One step. @returns the batch's mean loss before it */
  step({ x, labels }: Batch): number {
    const N = labels.length;
    const layers = this.#layers;
    const read: ArrayLike<number>[] = [x];
    for (const [i, { k, b, D, O }] of layers.entries()) {
      read.push(linear(read[i]!, k, b, { N, D, O }, i < layers.length - 1));
    }
    const classes = layers.at(-1)!.O;
    const equal = new Float64Array(classes).fill(1);
    const { loss, dx } = softmaxCrossEntropy(read.at(-1)!, labels, equal, { N, O: classes }, classes, 0);
    let dy = dx;
    for (const [i, layer] of [...layers.entries()].reverse()) {
      const sizes = { N, D: layer.D, O: layer.O };
      const dk = linearBackwardKernel(read[i]!, dy, sizes);
      const db = linearBackwardBias(dy, sizes);
      // Before the update: the gradient is taken at the weights that the forward pass had.
      if (i > 0) dy = reluBackward(read[i]!, linearBackwardInput(dy, layer.k, sizes));
      const { lr, momentum } = this.options;
      const hyper = { momentum, nesterov: false, weightDecay: 0 };
      sgd(layer.k, dk, layer.momentum.k, lr, hyper);
      sgd(layer.b, db, layer.momentum.b, lr, hyper);
    }
    return loss;
  }
}
