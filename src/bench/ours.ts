// vgg16-webgpu as an engine among others.

import type { LayerName } from '../architecture.js';
import type { Gpu } from '../gpu/gpu.js';
import type { TensorDtype } from '../gpu/tensor.js';
import { evenBatch, largestBatch } from '../model/batches.js';
import { loadNetwork } from '../model/network.js';
import type { KernelWishes } from '../network/build.js';
import { ForwardPlan, type Network, type PassInput as Rows } from '../network/forward.js';
import { planLayers } from '../network/layers.js';
import { arithmeticOf, type PixelArithmetic } from '../weights/preprocess.js';
import type { WeightsSource } from '../weights/source.js';
import { describeVgg16 } from '../weights/vgg16.js';
import type { Engine, EngineName, PassInput, ReadyPass, Scope } from './engine.js';

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
  const normalisation = arithmeticOf(weights.preprocess);
  return {
    name,
    prepare: (scope, input) => preparePasses(gpu, network, normalisation, scope, input, wishes),
    deviceBytes: () => gpu.liveBytes,
    async dispose() {
      network.parameters.dispose();
    },
  };
}

/**
 * As `VGG16` computes them: in as few passes of equal size as the adapter allows, each begun before the last has ended. The dense
 * layers alone begin with features from the host instead of pixels.
 */
async function preparePasses(
  gpu: Gpu,
  network: Network,
  normalisation: PixelArithmetic,
  scope: Scope,
  { batch: pictures, side, pixels, x }: PassInput,
  wishes: KernelWishes,
): Promise<ReadyPass> {
  const { features } = network.widths;
  const isDense = scope === 'dense';
  const size = isDense ? side * 2 ** 5 : side;
  const output: LayerName = scope === 'convs' ? 'block5_pool' : 'softmax';
  const layers = planLayers(network.widths, size, size, output);
  const batch = isDense ? pictures : evenBatch(pictures, largestBatch(gpu.limits, layers, size, size));
  const plan = await ForwardPlan.create(gpu, network, normalisation, {
    ...{ batch, height: size, width: size, outputs: [output], ...wishes },
    ...(isDense && { from: features }),
  });
  const numbers = layers.at(-1)!.shape.reduce((product, length) => product * length, 1);
  const given: Rows = isDense ? x : pixels;
  return {
    async run() {
      const results = new Float32Array(pictures * numbers);
      const passes: Promise<void>[] = [];
      for (let first = 0; first < pictures; first += batch) {
        const last = Math.min(first + batch, pictures);
        const each = given.length / pictures;
        const pass = await plan.begin(given.subarray(each * first, each * last) as Rows);
        passes.push(
          pass.results.then((found) => {
            results.set(found.get(output)!.subarray(0, (last - first) * numbers), first * numbers);
          }),
        );
      }
      await Promise.all(passes);
      return results;
    },
    dispose: () => plan.dispose(),
  };
}
