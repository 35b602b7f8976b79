// A training step of a head beside TensorFlow.js on the same device: a batch from the host's memory, forward, backward and SGD
// with momentum. Both begin with the same weights and take the same batches.

import type { Gpu } from '../gpu/gpu.js';
import { seededRandom } from '../random.js';
import { nmse } from '../reference/compare.js';
import { HeadTrainer } from '../train/head/head_trainer.js';
import type { Measured } from './e2e.js';
import { type Batch, type HeadLayer, TfjsTraining } from './peers/tfjs_training.js';
import { ReferenceHead } from './reference_head.js';
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
  const trainer = await HeadTrainer.create(
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

function ours(trainer: HeadTrainer): Engine {
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
function layersOf(trainer: HeadTrainer, widths: readonly number[]): Promise<HeadLayer[]> {
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
