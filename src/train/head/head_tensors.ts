// A head as files have it, and back: torchvision's names and layout, with kernels (outputs,inputs) and the inputs of a
// flattened feature map in the order C, H, W. Here kernels are (inputs,outputs), and maps H, W, C as activations lie.

import { type ConvName, torchvisionDense } from '../../architecture.js';
import { UsageError } from '../../errors.js';
import { readFinite } from '../../weights/finite.js';
import { decodeFloats, readFloats } from '../../weights/floats.js';
import { convLayout, type HeadTensor, type TrainedConv } from '../../weights/head_file.js';
import type { TensorEntry } from '../../weights/source.js';
import type { DenseWeights, Vgg16Weights } from '../../weights/vgg16.js';
import type { Trainer } from '../trainer.js';
import { type HeadLayer, headLayers } from './head_shape.js';

/** The square feature map that a first layer reads flattened. */
export interface FlattenedMap {
  readonly side: number;
  readonly channels: number;
}

/** What a file makes of a layer's inputs, each by its number here. */
export interface FileInputs {
  /** The place in the file. */
  place(input: number): number;
  /** What is taken from it before k. Files have it in b: less the sum of their k times mean. */
  mean(input: number): number;
  /** What it is multiplied by then. Files have it in k: ours times scale. */
  scale(input: number): number;
}

const AS_THEY_ARE: FileInputs = { place: (input) => input, mean: () => 0, scale: () => 1 };

/**
 * @param index  the layer's number, from 0
 * @throws UsageError for a map of another size than the trainer's inputs
 */
export function fileInputsOf(
  { shape, options }: Trainer,
  index: number,
  map: FlattenedMap | undefined,
): FileInputs {
  if (index > 0) return AS_THEY_ARE;
  const { side, channels } = map ?? { side: 1, channels: shape.inputs };
  const space = side * side;
  if (space * channels !== shape.inputs) {
    throw new UsageError(
      `a map of ${side} x ${side} x ${channels} is not the ${shape.inputs} inputs of the head`,
    );
  }
  const { mean, scale } = options.standardisation ?? {};
  return {
    place: (input) => (input % channels) * space + Math.trunc(input / channels),
    mean: (input) => mean?.[input] ?? 0,
    scale: (input) => scale?.[input] ?? 1,
  };
}

/**
 * The tensors of what is trained, one at a time: convolutions, then the head. The standardisation is built into the first layer, in float64 and rounded once:
 * k (x - mean) scale + b = (k scale) x + (b - sum of k scale mean).
 *
 * @param map  what the first layer reads flattened; undefined where its inputs have no order but their own
 * @throws UsageError for a map that is not the head's inputs; GpuError, DeviceLostError
 */
export async function* headTensors(
  trainer: Trainer,
  { map }: { readonly map: FlattenedMap | undefined },
): AsyncGenerator<HeadTensor> {
  for (const { name } of trainedConvs(trainer)) yield* convTensors(trainer, name);
  for (const [i, layer] of headLayers(trainer.shape).entries()) {
    const file = fileInputsOf(trainer, i, map);
    const name = torchvisionDense(i);
    const { weight, shift } = await fileKernel(trainer, layer, file);
    yield { name: `${name}.weight`, shape: [layer.outputs, layer.inputs], values: weight };
    const bias = (await trainer.read(`${layer.name}.bias`)).map((b, o) => b - shift[o]!);
    yield { name: `${name}.bias`, shape: [layer.outputs], values: bias };
  }
}

/** The convolutions that are trained, in their order. */
export function trainedConvs({ shape: { body } }: Trainer): TrainedConv[] {
  const convs = body?.layers.filter(({ operation }) => operation === 'conv3x3') ?? [];
  return convs.map(({ name, inputShape, shape }) => {
    return { name: name as ConvName, inputChannels: inputShape.at(-1)!, outputChannels: shape.at(-1)! };
  });
}

/** Kernels are (3,3,C,O) here, (O,C,3,3) in files. */
async function* convTensors(trainer: Trainer, name: ConvName): AsyncGenerator<HeadTensor> {
  const conv = trainedConvs(trainer).find((one) => one.name === name)!;
  const { inputChannels: C, outputChannels: O } = conv;
  const [weight, bias] = convLayout([conv]) as [HeadTensor, HeadTensor];
  const k = await trainer.read(`${name}.kernel`);
  const values = new Float32Array(k.length);
  for (let tap = 0; tap < 9; tap++) {
    for (let c = 0; c < C; c++) {
      for (let o = 0; o < O; o++) values[(o * C + c) * 9 + tap] = k[(tap * C + c) * O + o]!;
    }
  }
  yield { ...weight, values };
  yield { ...bias, values: await trainer.read(`${name}.bias`) };
}

/** Gives the convolutions that are trained the numbers of a file: `convTensors` the other way. @throws as `initialiseFrom` */
export async function initialiseConvs(trainer: Trainer, { source }: Vgg16Weights): Promise<void> {
  for (const conv of trainedConvs(trainer)) {
    const { name, inputChannels: C, outputChannels: O } = conv;
    const [weight, bias] = convLayout([conv]) as [HeadTensor, HeadTensor];
    const values = await readFloats(source, weight.name);
    const k = new Float32Array(values.length);
    for (let tap = 0; tap < 9; tap++) {
      for (let c = 0; c < C; c++) {
        for (let o = 0; o < O; o++) k[(tap * C + c) * O + o] = values[(o * C + c) * 9 + tap]!;
      }
    }
    await trainer.write(`${name}.kernel`, k);
    await trainer.write(`${name}.bias`, await readFloats(source, bias.name));
  }
}

async function fileKernel(
  trainer: Trainer,
  { name, inputs, outputs }: HeadLayer,
  file: FileInputs,
): Promise<{ weight: Float32Array<ArrayBuffer>; shift: Float64Array }> {
  const weight = new Float32Array(outputs * inputs);
  const shift = new Float64Array(outputs);
  let input = 0;
  for await (const rows of trainer.readRows(`${name}.kernel`)) {
    for (let start = 0; start < rows.length; start += outputs, input++) {
      const [place, mean, scale] = [file.place(input), file.mean(input), file.scale(input)];
      for (let o = 0; o < outputs; o++) {
        const scaled = rows[start + o]! * scale;
        weight[o * inputs + place] = scaled;
        shift[o]! += scaled * mean;
      }
    }
  }
  return { weight, shift };
}

/**
 * Gives the first layers of a head the numbers of a file, so that they compute what the file's do: `headTensors` the other
 * way. Moments stay as they are.
 *
 * @param count  how many layers; all hidden ones by default
 * @throws UsageError where the layers are not there or have other sizes; WeightsError for a file that is damaged;
 *                    GpuError, DeviceLostError
 */
export async function initialiseFrom(
  trainer: Trainer,
  weights: Vgg16Weights,
  count: number = trainer.shape.hidden.length,
): Promise<void> {
  const layers = headLayers(trainer.shape).slice(0, count);
  const dense = layers.map(({ name, inputs, outputs }) => {
    const found = weights.dense.find(({ layer }) => layer === name);
    if (found?.inputs === inputs && found.outputs === outputs) return found;
    const has = found ? `${found.inputs} inputs and ${found.outputs} outputs` : 'none';
    throw new UsageError(
      `${weights.source.path}: the head's ${name} has ${inputs} inputs and ${outputs} outputs, the file's has ${has}`,
    );
  });
  const { featureSide: side, convs } = weights;
  const map = side === undefined ? undefined : { side, channels: convs.at(-1)!.outputChannels };
  for (const [i, layer] of dense.entries()) {
    await initialiseLayer(trainer, weights, layer, fileInputsOf(trainer, i, map));
  }
}

async function initialiseLayer(
  trainer: Trainer,
  { source }: Vgg16Weights,
  { layer, kernel, bias, inputs, outputs }: DenseWeights,
  file: FileInputs,
): Promise<void> {
  const floats = async function* (entry: TensorEntry) {
    for await (const bytes of readFinite(source, entry, 'F32')) yield decodeFloats(bytes, 'F32');
  };
  /** By its place in the file, as chunks of a row go by. */
  const inputAt = new Uint32Array(inputs);
  for (let input = 0; input < inputs; input++) inputAt[file.place(input)] = input;

  const k = new Float32Array(inputs * outputs);
  const shift = new Float64Array(outputs);
  let [place, o] = [0, 0];
  for await (const values of floats(kernel)) {
    for (const value of values) {
      const input = inputAt[place]!;
      const scale = file.scale(input);
      // An input that is scaled to nothing always is its mean, whose part the bias has.
      k[input * outputs + o] = scale === 0 ? 0 : value / scale;
      shift[o]! += value * file.mean(input);
      if (++place === inputs) [place, o] = [0, o + 1];
    }
  }
  await trainer.write(`${layer}.kernel`, k);

  const b = new Float32Array(outputs);
  let done = 0;
  for await (const values of floats(bias)) {
    for (const value of values) {
      b[done] = value + shift[done]!;
      done++;
    }
  }
  await trainer.write(`${layer}.bias`, b);
}
