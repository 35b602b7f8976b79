// A step of training, prepared once and replayed: forward, loss, backward, update; and the shorter ways through the same memory.

import type { Dispatch } from '../../gpu/dispatch.js';
import type { Gpu } from '../../gpu/gpu.js';
import { Tensor } from '../../gpu/tensor.js';
import { createControl } from '../../kernels/control.js';
import { dropout } from '../../kernels/dropout/dropout.js';
import {
  linearBackwardBias,
  linearBackwardInput,
  linearBackwardKernel,
} from '../../kernels/linear/backward.js';
import { linear } from '../../kernels/linear/linear.js';
import { addMetrics, createTotals } from '../../kernels/metrics/metrics.js';
import { reluBackward } from '../../kernels/relu_backward/relu_backward.js';
import { padToQuad } from '../../kernels/shapes.js';
import { softmax } from '../../kernels/softmax/softmax.js';
import {
  ROW_NUMBERS,
  softmaxCrossEntropy,
} from '../../kernels/softmax_cross_entropy/softmax_cross_entropy.js';
import { standardise } from '../../kernels/standardise/standardise.js';
import type { Parameters } from '../../network/parameters.js';
import type { HeadLayer } from './head_shape.js';
import { Launches, type Launching } from './launches.js';
import type { TrainerOptions } from './trainer_options.js';
import { launchUpdate } from './update.js';

/** Owns all memory of a step but the parameters. */
export interface StepPlan {
  /** (batch, inputs padded): features, which the host writes. */
  readonly x: Tensor;
  /** (batch) u32: classes, or IGNORED, which the host writes. */
  readonly labels: Tensor;
  /** The words of `kernels/control.ts`, which the host writes. */
  readonly control: Tensor;
  /** What `train` and `score` add to; as `readTotals` of `kernels/metrics` understands. */
  readonly totals: Tensor;
  /** (batch, classes padded): what `predict` leaves. */
  readonly probabilities: Tensor;
  readonly train: readonly Dispatch[];
  readonly score: readonly Dispatch[];
  readonly predict: readonly Dispatch[];
  dispose(): void;
}

/** @throws GpuError where the adapter cannot; nothing is left behind then */
export async function planStep(
  gpu: Gpu,
  layers: readonly HeadLayer[],
  parameters: Parameters,
  options: TrainerOptions,
): Promise<StepPlan> {
  const launches = new Launches(gpu);
  try {
    return await plan(gpu, launches, layers, parameters, options);
  } catch (error) {
    await launches.settled();
    launches.dispose();
    throw error;
  }
}

async function plan(
  gpu: Gpu,
  launches: Launches,
  headLayers: readonly HeadLayer[],
  parameters: Parameters,
  options: TrainerOptions,
): Promise<StepPlan> {
  const { batch } = options;
  const layers = headLayers.map((layer) => ({ layer, ...parameters.layer(layer.name) }));
  const last = layers.at(-1)!.layer;
  const inputs = padToQuad(layers[0]!.layer.inputs);
  const classes = padToQuad(last.outputs);

  const x = await launches.tensor('features', [batch, inputs]);
  const labels = await launches.tensor('labels', [batch]);
  const control = await launches.own(createControl(gpu));
  const totals = await launches.own(createTotals(gpu));
  const rows = await launches.tensor('losses', [batch, ROW_NUMBERS]);
  const probabilities = await launches.tensor('probabilities', [batch, classes]);
  const classWeights = await launches.own(classWeightsOf(gpu, options, classes));
  /** What each layer gives, and the gradient of the loss by it. */
  const [y, dy]: [Tensor[], Tensor[]] = [[], []];
  for (const { layer } of layers) {
    const shape = [batch, padToQuad(layer.outputs)];
    y.push(await launches.tensor(`${layer.name} output`, shape));
    dy.push(await launches.tensor(`${layer.name} output's gradient`, shape));
  }

  const standardising = await launchStandardise(gpu, launches, x, options);
  const products = layers.map(({ layer, kernel, bias }, i) => {
    const { pieces } = kernel.value;
    const args = { pieces, b: bias.value.whole, y: y[i]!, relu: !layer.isLast };
    return launches.add(linear(gpu, { label: layer.name, x: i === 0 ? x : y[i - 1]!, ...args }));
  });
  /** The same mask on activations and on their gradient; none behind the last layer. */
  const drop = (tensors: readonly Tensor[], i: number) => {
    const { name, isLast } = layers[i]!.layer;
    const rate = isLast ? 0 : options.dropout;
    return launches.add(dropout(gpu, { label: name, x: tensors[i]!, control, rate, layer: i }));
  };
  const scores = y.at(-1)!;
  const loss = launches.add(
    softmaxCrossEntropy(gpu, {
      ...{ label: 'loss', x: scores, labels, classWeights, dx: dy.at(-1)!, rows },
      ...{ classes: last.outputs, smoothing: options.labelSmoothing },
    }),
  );
  const metrics = launches.add(addMetrics(gpu, { label: 'metrics', rows, totals, control }));
  const guess = launches.add(
    softmax(gpu, { label: 'probabilities', x: scores, y: probabilities, classes: last.outputs }),
  );

  const backward = [...layers.entries()].reverse().flatMap(([i, { layer, kernel, bias }]) => {
    const label = layer.name;
    const below = i === 0 ? x : y[i - 1]!;
    const gradients: Launching[] = [
      launches.add(
        linearBackwardKernel(gpu, { label, x: below, dy: dy[i]!, pieces: kernel.gradient!.pieces }),
      ),
      launches.add(linearBackwardBias(gpu, { label, dy: dy[i]!, db: bias.gradient!.whole })),
    ];
    if (i === 0) return gradients;
    const dx = dy[i - 1]!;
    return [
      ...gradients,
      launches.add(linearBackwardInput(gpu, { label, dy: dy[i]!, pieces: kernel.value.pieces, dx })),
      drop(dy, i - 1),
      launches.add(reluBackward(gpu, { label, y: below, dy: dx })),
    ];
  });
  const update = await launchUpdate(gpu, launches, parameters, control, options);

  const varied = products.flatMap((product, i) => [product, drop(y, i)]);
  return {
    ...{ x, labels, control, totals, probabilities },
    train: await launches.inOrder([...standardising, ...varied, loss, metrics, ...backward, ...update]),
    score: await launches.inOrder([...standardising, ...products, loss, metrics]),
    predict: await launches.inOrder([...standardising, ...products, guess]),
    dispose: () => launches.dispose(),
  };
}

async function launchStandardise(
  gpu: Gpu,
  launches: Launches,
  x: Tensor,
  { standardisation }: TrainerOptions,
): Promise<Launching[]> {
  if (!standardisation) return [];
  // Zeros in the padding keep it zero.
  const padded = (label: string, values: Float32Array) => {
    const row = new Float32Array(x.shape[1]!);
    row.set(values);
    return launches.own(Tensor.from(gpu, label, [row.length], row));
  };
  const mean = await padded('mean', standardisation.mean);
  const scale = await padded('scale', standardisation.scale);
  return [launches.add(standardise(gpu, { label: 'standardise', x, mean, scale }))];
}

function classWeightsOf(gpu: Gpu, { classWeights }: TrainerOptions, columns: number): Promise<Tensor> {
  const weights = new Float32Array(columns).fill(1);
  if (classWeights) weights.set(classWeights);
  return Tensor.from(gpu, 'class weights', [columns], weights);
}
