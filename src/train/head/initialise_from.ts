// A head that begins with the dense layers of a VGG16: with those that have learnt what matters in pictures.

import { UsageError } from '../../errors.js';
import { readFinite } from '../../weights/finite.js';
import { decodeFloats } from '../../weights/floats.js';
import type { TensorEntry } from '../../weights/source.js';
import type { DenseWeights, Vgg16Weights } from '../../weights/vgg16.js';
import { type FileInputs, fileInputsOf } from './file_layout.js';
import { layersOf } from './head_shape.js';
import type { HeadTrainer } from './head_trainer.js';

/**
 * Gives the first layers of a head the numbers of a file, so that they compute what the file's do: `headTensors` the other
 * way. Moments stay as they are.
 *
 * @param count  how many layers; all hidden ones by default
 * @throws UsageError where the layers are not there or have other sizes; WeightsError for a file that is damaged;
 *                    GpuError, DeviceLostError
 */
export async function initialiseFrom(
  trainer: HeadTrainer,
  weights: Vgg16Weights,
  count: number = trainer.shape.hidden.length,
): Promise<void> {
  const layers = layersOf(trainer.shape).slice(0, count);
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
  trainer: HeadTrainer,
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
