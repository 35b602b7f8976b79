// One layer alone, as our kernels compute it: from a buffer on the device to another.

import { UsageError } from '../errors.js';
import { type Dispatch, record } from '../gpu/dispatch.js';
import type { Gpu } from '../gpu/gpu.js';
import { Tensor } from '../gpu/tensor.js';
import type { Conv3x3Choice } from '../kernels/conv3x3/candidates.js';
import { canRun, conv3x3, isWinograd, whyNot } from '../kernels/conv3x3/conv3x3.js';
import { pointsOf, winogradFilter } from '../kernels/conv3x3/winograd.js';
import type { LinearChoice } from '../kernels/linear/candidates.js';
import { linear, whyNotLinear } from '../kernels/linear/linear.js';
import { columnsPerPiece } from '../kernels/linear/pieces.js';
import { maxPool2x2 } from '../kernels/maxpool2x2/maxpool2x2.js';
import { padToQuad } from '../kernels/shapes.js';
import { softmax } from '../kernels/softmax/softmax.js';
import { conv3x3Choice, convShapeOf, type KernelWishes, linearChoice } from '../model/launches.js';
import { encodeFloats } from '../weights/floats.js';
import type { LayerTask } from './layer_task.js';

/** A layer that is ready to be computed, ours or a peer's. */
export interface ReadyLayer {
  /** Computes it and reads the result back: (batch, ...shape). */
  run(): Promise<Float32Array>;
  /** Computes it so many times, until the device has done it. */
  compute(times: number): Promise<void>;
  dispose(): void;
}

/** @throws UsageError for a rung that is not for this adapter; GpuError where it fails */
export async function ourLayer(gpu: Gpu, task: LayerTask, wishes: KernelWishes = {}): Promise<ReadyLayer> {
  const owned: Tensor[] = [];
  const own = <T extends Tensor>(tensor: T) => {
    owned.push(tensor);
    return tensor;
  };
  const dispose = () => {
    for (const tensor of owned) tensor.dispose();
  };
  try {
    const { name: label, batch, shape } = task;
    const y = own(await Tensor.create(gpu, 'y', [batch, ...inQuads(shape)]));
    const poison = new Float32Array(y.size).fill(Number.NaN);
    const dispatches = await launch(gpu, task, wishes, y, own);
    const compute = async (times: number) => {
      const encoder = gpu.device.createCommandEncoder({ label });
      for (let i = 0; i < times; i++) record(encoder, label, dispatches);
      await gpu.submit(label, encoder.finish());
    };
    return {
      compute,
      async run() {
        await gpu.write(label, y.buffer, poison);
        await compute(1);
        return rowsOf(await y.read(), padToQuad(shape.at(-1)!), shape.at(-1)!);
      },
      dispose,
    };
  } catch (error) {
    dispose();
    throw error;
  }
}

type Own = (tensor: Tensor) => Tensor;

async function launch(
  gpu: Gpu,
  task: LayerTask,
  wishes: KernelWishes,
  y: Tensor,
  own: Own,
): Promise<readonly Dispatch[]> {
  const { name: label, operation, batch, inputShape, shape, x } = task;
  const C = inputShape.at(-1)!;
  const input = own(await Tensor.from(gpu, 'x', [batch, ...inQuads(inputShape)], rowsOf(x, C, padToQuad(C))));
  switch (operation) {
    case 'conv3x3': {
      const sizes = convShapeOf({ name: label, inputShape, shape }, batch);
      return launchConv3x3(gpu, task, conv3x3Choice(gpu, sizes, wishes), input, y, own);
    }
    case 'linear': {
      const sizes = { N: batch, D: input.size / batch, O: padToQuad(shape[0]!) };
      return launchLinear(gpu, task, linearChoice(gpu, sizes, wishes), input, y, own);
    }
    case 'maxpool2x2':
      return maxPool2x2(gpu, { label, x: input, y });
    case 'softmax':
      return softmax(gpu, { label, x: input, y, classes: shape[0]! });
    case 'avgpool':
      throw new UsageError('the VGG16 of the paper averages nowhere');
  }
}

async function launchConv3x3(
  gpu: Gpu,
  { name: label, inputShape, shape, relu, k, b }: LayerTask,
  choice: Conv3x3Choice,
  x: Tensor,
  y: Tensor,
  own: Own,
): Promise<readonly Dispatch[]> {
  const { rung } = choice;
  // What only takes f16 is given it; the check is against weights that were not rounded.
  const isHalf = !canRun(gpu, rung, 'f32') && canRun(gpu, rung, 'f16');
  const reason = whyNot(gpu, rung, isHalf ? 'f16' : 'f32');
  if (reason) throw new UsageError(`${rung} ${reason}`);
  const [C, O] = [inputShape[2]!, shape[2]!];
  const padded = padToQuad(C);
  const values = new Float32Array(9 * padded * O);
  for (let tap = 0; tap < 9; tap++) values.set(k.subarray(tap * C * O, (tap + 1) * C * O), tap * padded * O);
  const stored = isHalf ? halvesOf(values) : values;
  let kernel = own(await Tensor.from(gpu, 'k', [3, 3, padded, O], stored));
  const bias = own(await Tensor.from(gpu, 'b', [O], Float32Array.from(b)));
  if (isWinograd(rung)) {
    const u = own(await Tensor.create(gpu, 'u', [pointsOf(rung), padded, O]));
    const encoder = gpu.device.createCommandEncoder({ label });
    record(encoder, label, await winogradFilter(gpu, { label, k: kernel, u, rung }));
    await gpu.submit(label, encoder.finish());
    kernel = u;
  }
  const { dispatches, scratch } = await conv3x3(gpu, { label, x, k: kernel, b: bias, y, relu, ...choice });
  for (const tensor of scratch) own(tensor);
  return dispatches;
}

function halvesOf(values: Float32Array): Uint16Array {
  return new Uint16Array(encodeFloats(values, 'F16').buffer);
}

async function launchLinear(
  gpu: Gpu,
  { name: label, batch, shape, relu, k, b }: LayerTask,
  choice: LinearChoice,
  x: Tensor,
  y: Tensor,
  own: Own,
): Promise<readonly Dispatch[]> {
  const reason = whyNotLinear(gpu, choice.rung);
  if (reason) throw new UsageError(`${choice.rung} ${reason}`);
  const [D, O] = [x.size / batch, shape[0]!];
  const padded = padToQuad(O);
  const width = columnsPerPiece(gpu.limits, D, padded);
  const pieces = [];
  for (let first = 0; first < padded; first += width) {
    const columns = Math.min(width, padded - first);
    const last = Math.min(first + columns, O);
    const values = new Float32Array(D * columns);
    for (let d = 0; d < D; d++) values.set(k.subarray(d * O + first, d * O + last), d * columns);
    pieces.push({ first, k: own(await Tensor.from(gpu, 'k', [D, columns], values)) });
  }
  const bias = own(await Tensor.from(gpu, 'b', [padded], rowsOf(b, O, padded)));
  const flat = x.view('x', [batch, D]);
  const launched = await linear(gpu, { label, x: flat, pieces, b: bias, y, relu, ...choice });
  for (const tensor of launched.scratch) own(tensor);
  return launched.dispatches;
}

function inQuads(shape: readonly number[]): number[] {
  return [...shape.slice(0, -1), padToQuad(shape.at(-1)!)];
}

/** Rows of `from` numbers, cut to `to`, or padded with zeros to as many. */
export function rowsOf(values: Float32Array, from: number, to: number): Float32Array {
  if (from === to) return values;
  const rows = values.length / from;
  const result = new Float32Array(rows * to);
  for (let row = 0; row < rows; row++) {
    result.set(values.subarray(row * from, row * from + Math.min(from, to)), row * to);
  }
  return result;
}
