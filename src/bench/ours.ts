// vgg16-webgpu as an engine among others.

import type { LayerName } from '../architecture.js';
import { type Dispatch, record } from '../gpu/dispatch.js';
import type { Gpu } from '../gpu/gpu.js';
import { Tensor, type TensorDtype } from '../gpu/tensor.js';
import { linear } from '../kernels/linear/linear.js';
import type { Normalisation } from '../kernels/normalise/normalise.js';
import { padToQuad } from '../kernels/shapes.js';
import { softmax } from '../kernels/softmax/softmax.js';
import { evenBatch, largestBatch } from '../model/batches.js';
import { type KernelWishes, linearChoice } from '../model/launches.js';
import { loadNetwork, type Network } from '../model/network.js';
import { ForwardPlan } from '../model/plan.js';
import { planLayers } from '../network/layers.js';
import { NORMALISATIONS } from '../weights/preprocess.js';
import type { WeightsSource } from '../weights/source.js';
import { describeVgg16 } from '../weights/vgg16.js';
import type { Engine, EngineName, PassInput, ReadyPass, Scope } from './engine.js';
import { rowsOf } from './our_layer.js';

export interface OursOptions extends Pick<KernelWishes, 'rungs' | 'choices'> {
  readonly name?: EngineName;
  readonly dtype?: TensorDtype;
}

/** @throws GpuError where the adapter cannot hold the weights */
export async function createOurs(
  gpu: Gpu,
  source: WeightsSource,
  options: OursOptions = {},
): Promise<Engine> {
  const { name = 'vgg16-webgpu', dtype = 'f32', ...wishes } = options;
  const weights = describeVgg16(source);
  const network = await loadNetwork(gpu, weights, { dtype });
  return {
    name,
    async prepare(scope, input) {
      if (scope === 'dense') return prepareDense(gpu, network, input, wishes);
      return preparePictures(gpu, network, NORMALISATIONS[weights.preprocess], scope, input, wishes);
    },
    deviceBytes: () => gpu.liveBytes,
    async dispose() {
      network.parameters.dispose();
    },
  };
}

/** As `VGG16` computes them: in as few passes of equal size as the adapter allows, each begun before the last has ended. */
async function preparePictures(
  gpu: Gpu,
  network: Network,
  normalisation: Normalisation,
  scope: Exclude<Scope, 'dense'>,
  { batch: pictures, side, pixels }: PassInput,
  wishes: KernelWishes,
): Promise<ReadyPass> {
  const output: LayerName = scope === 'convs' ? 'block5_pool' : 'softmax';
  const layers = planLayers(network.widths, side, side, output);
  const batch = evenBatch(pictures, largestBatch(gpu.limits, layers, side, side));
  const request = { batch, height: side, width: side, outputs: [output], ...wishes };
  const plan = await ForwardPlan.create(gpu, network, normalisation, request);
  const size = layers.at(-1)!.shape.reduce((product, length) => product * length, 1);
  return {
    async run() {
      const results = new Float32Array(pictures * size);
      const passes = [];
      for (let first = 0; first < pictures; first += batch) {
        const last = Math.min(first + batch, pictures);
        const pass = await plan.begin(pixels.subarray(3 * side * side * first, 3 * side * side * last));
        passes.push(
          pass.results.then((found) => {
            results.set(found.get(output)!.subarray(0, (last - first) * size), first * size);
          }),
        );
        // Two on their way keep the GPU busy; more would only take memory.
        if (passes.length > 1) await passes.shift();
      }
      await Promise.all(passes);
      return results;
    },
    dispose: () => plan.dispose(),
  };
}

/** The dense layers alone, as a forward plan ends with them: features from the host, probabilities to it. */
async function prepareDense(
  gpu: Gpu,
  network: Network,
  { batch, x }: PassInput,
  wishes: KernelWishes,
): Promise<ReadyPass> {
  const owned: Tensor[] = [];
  const own = (tensor: Tensor) => {
    owned.push(tensor);
    return tensor;
  };
  try {
    const input = own(await Tensor.create(gpu, 'features', [batch, x.length / batch]));
    const dispatches: Dispatch[] = [];
    let y = input;
    const names = [...network.widths.dense.keys()];
    for (const label of names) {
      const { kernel, bias } = network.parameters.layer(label);
      const { pieces } = kernel.value;
      const b = bias.value.whole;
      const next = own(await Tensor.create(gpu, `${label} output`, [batch, b.size]));
      const relu = label !== names.at(-1);
      const [N, D] = y.shape as [number, number];
      const choice = linearChoice(gpu, { N, D, O: b.size }, wishes);
      const launch = await linear(gpu, { label, x: y, pieces, b, y: next, relu, ...choice });
      dispatches.push(...launch.dispatches);
      owned.push(...launch.scratch);
      y = next;
    }
    const classes = network.widths.dense.get(names.at(-1)!)!;
    const result = own(await Tensor.create(gpu, 'probabilities', y.shape));
    dispatches.push(...(await softmax(gpu, { label: 'softmax', x: y, y: result, classes })));
    return {
      async run() {
        await gpu.write('features', input.buffer, x);
        const encoder = gpu.device.createCommandEncoder({ label: 'dense layers' });
        record(encoder, 'dense layers', dispatches);
        await gpu.checked('dense layers', () => gpu.device.queue.submit([encoder.finish()]));
        return rowsOf(await result.read(), padToQuad(classes), classes);
      },
      dispose: () => {
        for (const tensor of owned) tensor.dispose();
      },
    };
  } catch (error) {
    for (const tensor of owned) tensor.dispose();
    throw error;
  }
}
