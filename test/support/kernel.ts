// What every kernel's test needs: random inputs, poisoned outputs, a recording that is run or only checked.

import type { Dispatch } from '../../src/gpu/dispatch.js';
import type { Gpu } from '../../src/gpu/gpu.js';
import type { Plan } from '../../src/gpu/plan.js';
import { Recorder, runOnce } from '../../src/gpu/recorder.js';
import { type Shape, sizeOf, Tensor, type TensorDtype } from '../../src/gpu/tensor.js';
import { seededRandom } from '../../src/random.js';
import { decodeFloats, encodeFloats } from '../../src/weights/floats.js';

export interface RandomTensor extends Disposable {
  readonly tensor: Tensor;
  /** As they are stored, which is rounded in a tensor of f16. */
  readonly values: Float32Array;
}

/** Normally distributed numbers; with `outliers`, one in ten is that many times as large. */
export async function randomTensor(
  gpu: Gpu,
  label: string,
  shape: Shape,
  { seed, outliers = 1, dtype = 'f32' }: { seed: number; outliers?: number; dtype?: TensorDtype },
): Promise<RandomTensor> {
  const random = seededRandom(seed);
  const exact = Float32Array.from(
    { length: sizeOf(shape) },
    (_, i) => random.normal() * (i % 10 === 3 ? outliers : 1),
  );
  const values = dtype === 'f32' ? exact : decodeFloats(encodeFloats(exact, 'F16'), 'F16');
  const tensor = await Tensor.from(gpu, label, shape, stored(values, dtype));
  return { tensor, values, [Symbol.dispose]: () => tensor.dispose() };
}

/** Values as a tensor of this dtype takes them. */
export function stored(values: Float32Array, dtype: TensorDtype): Float32Array | Uint16Array {
  return dtype === 'f32' ? values : new Uint16Array(encodeFloats(values, 'F16').buffer);
}

/** An output full of NaN: whatever a kernel fails to write shows. */
export function poisoned(gpu: Gpu, label: string, shape: Shape): Promise<Tensor> {
  return Tensor.from(gpu, label, shape, new Float32Array(sizeOf(shape)).fill(Number.NaN));
}

/** What a launcher is recorded by. */
type Record = (recorder: Recorder) => void;

/** Records, runs once and frees what the recording needed; waits until the GPU has finished. */
export async function run(gpu: Gpu, record: Record): Promise<void> {
  await runOnce(gpu, 'test', record);
}

/** Records for several runs. Whoever calls this disposes of the plan. */
export async function planned(gpu: Gpu, record: Record): Promise<Plan> {
  const recorder = new Recorder(gpu, 'test');
  record(recorder);
  return recorder.finish();
}

/** What was recorded, after all of it was compiled, given memory and bound. Nothing runs, and all is freed again. */
export async function recorded(gpu: Gpu, record: Record): Promise<readonly Dispatch[]> {
  const recorder = new Recorder(gpu, 'test');
  record(recorder);
  (await recorder.finish()).dispose();
  return recorder.dispatches;
}
