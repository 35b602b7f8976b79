// One layer alone, as our kernels compute it: from a buffer on the device to another.

import { UsageError } from '../errors.js';
import type { Gpu } from '../gpu/gpu.js';
import type { TensorDtype } from '../gpu/tensor.js';
import { canRun, whyNot } from '../kernels/conv3x3/rungs.js';
import { whyNotLinear } from '../kernels/linear/linear.js';
import { type ChosenLayer, chooseKernels, type KernelWishes } from '../network/build.js';
import { ForwardPlan } from '../network/forward.js';
import { Parameters } from '../network/parameters.js';
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
  const { name, batch, layer, x } = task;
  const parameters = await parametersOf(gpu, task, dtypeFor(gpu, task, wishes));
  try {
    const pass = await ForwardPlan.ofLayers(gpu, [layer], parameters, { batch, outputs: [name], ...wishes });
    return {
      async run() {
        await pass.plan.poison(Number.NaN);
        return (await pass.run(x)).get(name)!;
      },
      compute: (times) => pass.plan.repeat(times),
      dispose() {
        pass.dispose();
        parameters.dispose();
      },
    };
  } catch (error) {
    parameters.dispose();
    throw error;
  }
}

/** A rung that only takes f16 is given it; the check is against weights that were not rounded. @throws as `ourLayer` */
function dtypeFor(gpu: Gpu, task: LayerTask, wishes: KernelWishes): TensorDtype {
  const [{ conv, dense } = {}] = chooseKernels(
    gpu,
    [task.layer],
    task.batch,
    wishes,
  ) as Partial<ChosenLayer>[];
  const dtype = conv && !canRun(gpu, conv.rung, 'f32') && canRun(gpu, conv.rung, 'f16') ? 'f16' : 'f32';
  const reason = (conv && whyNot(gpu, conv.rung, dtype)) ?? (dense && whyNotLinear(gpu, dense.rung));
  if (reason) throw new UsageError(`${(conv ?? dense)!.rung} ${reason}`);
  return dtype;
}

async function parametersOf(
  gpu: Gpu,
  { name, operation, inputShape, shape, k, b }: LayerTask,
  dtype: TensorDtype,
): Promise<Parameters> {
  if (k.length === 0) return Parameters.create(gpu, []);
  const O = shape.at(-1)!;
  const [H, W, C] = inputShape;
  const sides = operation === 'conv3x3' ? [3, 3, C!] : C === undefined ? [H!] : [H! * W!, C];
  const parameters = await Parameters.create(gpu, [{ name, kernel: [...sides, O] }], dtype);
  try {
    const { kernel, bias } = parameters.layer(name);
    await kernel.value.write(rowsOf(k));
    await bias.value.write(rowsOf(b));
    return parameters;
  } catch (error) {
    parameters.dispose();
    throw error;
  }
}

/** Hands out the next values, as many as are asked for. */
function rowsOf(values: Float32Array): (rows: Float32Array) => void {
  let done = 0;
  return (rows) => {
    rows.set(values.subarray(done, done + rows.length));
    done += rows.length;
  };
}
