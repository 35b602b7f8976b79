// A trained head as files have it: torchvision's names and layout, and nothing that a reader would have to do first.

import { torchvisionDense } from '../../architecture.js';
import { type FileInputs, type FlattenedMap, fileInputsOf } from './file_layout.js';
import { type HeadLayer, layersOf } from './head_shape.js';
import type { HeadTrainer } from './head_trainer.js';

export interface FileTensor {
  /** `classifier.0.weight`, `classifier.0.bias`, `classifier.3.weight`, ... */
  readonly name: string;
  /** (outputs,inputs) or (outputs) */
  readonly shape: readonly number[];
  readonly values: Float32Array<ArrayBuffer>;
}

/**
 * The head's tensors, one at a time. The standardisation is built into the first layer, in float64 and rounded once:
 * k (x - mean) scale + b = (k scale) x + (b - sum of k scale mean).
 *
 * @param map  what the first layer reads flattened; undefined where its inputs have no order but their own
 * @throws UsageError for a map that is not the head's inputs; GpuError, DeviceLostError
 */
export async function* headTensors(
  trainer: HeadTrainer,
  { map }: { readonly map: FlattenedMap | undefined },
): AsyncGenerator<FileTensor> {
  for (const [i, layer] of layersOf(trainer.shape).entries()) {
    const file = fileInputsOf(trainer, i, map);
    const name = torchvisionDense(i);
    const { weight, shift } = await fileKernel(trainer, layer, file);
    yield { name: `${name}.weight`, shape: [layer.outputs, layer.inputs], values: weight };
    const bias = (await trainer.read(`${layer.name}.bias`)).map((b, o) => b - shift[o]!);
    yield { name: `${name}.bias`, shape: [layer.outputs], values: bias };
  }
}

async function fileKernel(
  trainer: HeadTrainer,
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
