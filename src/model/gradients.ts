// Gradients through a whole network, of a layer's result or of the loss: by the pixels, by layers, by all parameters.

import type { LayerName } from '../architecture.js';
import { UsageError } from '../errors.js';
import type { Gpu } from '../gpu/gpu.js';
import { Recorder } from '../gpu/recorder.js';
import { sizeOf, type Tensor } from '../gpu/tensor.js';
import type { Picture } from '../image/picture.js';
import { type Normalisation, normalise } from '../kernels/normalise/normalise.js';
import { padToQuad } from '../kernels/shapes.js';
import { ROW_NUMBERS, softmaxCrossEntropy } from '../kernels/softmax_cross_entropy/softmax_cross_entropy.js';
import { chooseKernels, type KernelWishes, operationOf, paddedShape } from '../network/build.js';
import type { Network } from '../network/forward.js';
import { layerNamed, type PlannedLayer, planLayers, type Widths } from '../network/layers.js';
import { fused, recordBackward, recordForward } from '../network/operation.js';
import { type LayerShape, Parameters } from '../network/parameters.js';
import { concatenated } from './batches.js';
import type { Features } from './features.js';
import type { GradientOf, GradientsOptions } from './options.js';
import { checkClassifier, commonSize } from './requests.js';

/**
 * By `input` and by layers, (N, ...its shape); by parameters, each kernel (3,3,C,O) or (D,O) and bias (O) as `block1_conv1.kernel`. A
 * flattened map's inputs D are in the order H, W, C.
 */
export type Gradients = ReadonlyMap<string, Features>;

interface Model {
  readonly gpu: Gpu;
  readonly network: Network;
  readonly normalisation: Normalisation;
  readonly wishes: KernelWishes;
}

/** @throws UsageError for what the network does not have; GpuError; DeviceLostError */
export async function gradientsOf(
  model: Model,
  pictures: readonly Picture[],
  { of, by: asked }: GradientsOptions,
): Promise<Gradients> {
  const { gpu, network } = model;
  const { widths } = network;
  const by = new Set<string>(typeof asked === 'string' ? [asked] : asked);
  const { height, width } = commonSize(pictures);
  const layers = planLayers(widths, height, width, lastLayer(widths, of, pictures.length));
  for (const name of by) {
    if (name === 'input' || name === 'parameters') continue;
    if (!layers.some((layer) => layer.name === layerNamed(name, widths))) {
      throw new UsageError(`${name} comes behind what the gradient is of, and does not change it`);
    }
  }
  if (by.size === 0)
    throw new UsageError('gradients() needs to know by what: "input", "parameters" or a layer');
  // Kernels that are kept as f16 have no backward pass.
  const ownsParameters = by.has('parameters') || network.parameters.dtype !== 'f32';
  const parameters = ownsParameters
    ? await copied(gpu, network.parameters, layers, by.has('parameters'))
    : network.parameters;
  try {
    return await computed({ ...model, network: { widths, parameters } }, pictures, layers, of, by);
  } finally {
    if (ownsParameters) parameters.dispose();
  }
}

/** The layer whose result the gradient is of, directly or through the loss. */
function lastLayer(widths: Widths, of: GradientOf, pictures: number): LayerName {
  if ('labels' in of) {
    checkClassifier(widths);
    const classes = [...widths.dense.values()].at(-1)!;
    const wrong = of.labels.find((label) => !Number.isInteger(label) || label < 0 || label >= classes);
    if (wrong !== undefined) throw new UsageError(`label ${wrong} is none of the ${classes} classes`);
    if (of.labels.length !== pictures)
      throw new UsageError(`${of.labels.length} labels for ${pictures} pictures`);
    return [...widths.dense.keys()].at(-1)!;
  }
  const layer = layerNamed(of.layer, widths);
  if (layer === 'softmax') {
    const last = [...widths.dense.keys()].at(-1);
    throw new UsageError(
      `the softmax has no gradients here; take those of ${last}, whose results are its scores`,
    );
  }
  return layer;
}

async function computed(
  { gpu, network, normalisation, wishes }: Model,
  pictures: readonly Picture[],
  layers: readonly PlannedLayer[],
  of: GradientOf,
  by: ReadonlySet<string>,
): Promise<Gradients> {
  const N = pictures.length;
  const { parameters } = network;
  const channels = layers.at(-1)!.shape.at(-1)!;
  if ('layer' in of && !(Number.isInteger(of.channel) && of.channel >= 0 && of.channel < channels)) {
    throw new UsageError(`channel ${of.channel} is none of the ${channels} of ${of.layer}`);
  }
  const operations = fused(
    chooseKernels(gpu, layers, N, wishes).map((layer) => operationOf(layer, parameters, wishes.rungs)),
    by,
    { trained: true },
  );
  await Promise.all(operations.map((operation) => operation.ready?.()));
  const recorder = new Recorder(gpu, 'gradients');
  const inputShape = paddedShape(N, layers[0]!.inputShape);
  const pixels = concatenated(pictures);
  const words = new Uint8Array(Math.ceil(pixels.length / 4) * 4);
  words.set(pixels);
  const given = recorder.persistent('pixels', [words.length / 4], new Uint32Array(words.buffer));
  const x = recorder.temporary('input', inputShape);
  normalise(recorder, { label: 'normalise', pixels: given, y: x, normalisation });
  const recorded = recordForward(recorder, operations, x, { trained: true });
  const y = recorded.at(-1)!.y;
  const found = recordBackward(recorder, recorded, seed(recorder, y, of, channels), {
    toInput: by.has('input'),
    wanted: by,
    onGradient: ({ name }, dy) => {
      if (by.has(name)) recorder.read(name, dy);
    },
  });
  if (found) recorder.read('input', found.dx);
  using plan = await recorder.finish();
  const read = await plan.run();
  const results = new Map<string, Features>();
  const shapes = new Map([
    ['input', layers[0]!.inputShape],
    ...layers.map(({ name, shape }) => [name, shape] as const),
  ]);
  for (const [name, values] of read) {
    const shape = shapes.get(name)!;
    results.set(name, { data: withoutPadding(values, shape.at(-1)!), shape: [N, ...shape] });
  }
  if (by.has('parameters')) {
    for (const { name, gradient, shape } of parameters.all) {
      const data = new Float32Array(sizeOf(shape));
      let done = 0;
      for await (const rows of gradient!.read()) {
        data.set(rows, done);
        done += rows.length;
      }
      // A flattened map's kernel is kept as pixels of channels.
      results.set(name, {
        data,
        shape: shape.length === 3 ? [shape[0]! * shape[1]!, shape[2]!] : [...shape],
      });
    }
  }
  return results;
}

/** The gradient by the last result y. */
function seed(recorder: Recorder, y: Tensor, of: GradientOf, channels: number): Tensor {
  const columns = y.shape.at(-1)!;
  if ('layer' in of) {
    const ones = new Float32Array(y.size);
    for (let at = of.channel; at < ones.length; at += columns) ones[at] = 1;
    return recorder.persistent('gradient of the sum', y.shape, ones);
  }
  const dy = recorder.temporary("scores' gradient", y.shape);
  const N = y.shape[0]!;
  softmaxCrossEntropy(recorder, {
    ...{ label: 'loss', x: y, dx: dy, rows: recorder.temporary('losses', [N, ROW_NUMBERS]) },
    labels: recorder.persistent('labels', [N], Uint32Array.from(of.labels)),
    classWeights: recorder.persistent('class weights', [columns], new Float32Array(columns).fill(1)),
    ...{ classes: channels, smoothing: 0 },
  });
  return dy;
}

/** f32, with gradients where they are asked for. */
async function copied(
  gpu: Gpu,
  from: Parameters,
  layers: readonly PlannedLayer[],
  withGradients: boolean,
): Promise<Parameters> {
  const names = layers.map(({ name }) => name as string).filter((name) => from.layers.has(name));
  const shapes = names.map((name): LayerShape => {
    return { name, kernel: from.layer(name).kernel.shape, ...(withGradients && { moments: [] }) };
  });
  const parameters = await Parameters.create(gpu, shapes);
  try {
    for (const name of names) {
      const [own, other] = [parameters.layer(name), from.layer(name)];
      await own.kernel.value.copy(other.kernel.value);
      await own.bias.value.copy(other.bias.value);
    }
    return parameters;
  } catch (error) {
    parameters.dispose();
    throw error;
  }
}

function withoutPadding(values: Float32Array, channels: number): Float32Array {
  const padded = padToQuad(channels);
  return padded === channels ? values : values.filter((_, i) => i % padded < channels);
}
