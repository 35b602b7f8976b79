// One kernel made ready to run: its pipeline, its bindings, its number of workgroups. Recording it costs nothing more.

import { GpuError } from '../errors.js';
import type { Gpu } from './gpu.js';
import { mebibytes } from './messages.js';
import type { Kernel } from './pipelines.js';
import type { Tensor } from './tensor.js';

export type Workgroups = readonly [x: number, y: number, z: number];

export interface Dispatch {
  /** The layer's name, or whatever an error should begin with. */
  readonly label: string;
  readonly kernel: string;
  readonly pipeline: GPUComputePipeline;
  readonly bindGroup: GPUBindGroup;
  readonly workgroups: Workgroups;
}

/**
 * Compiles the kernel (or finds it compiled) and binds `tensors` to its bindings 0, 1, 2, ... in order.
 *
 * @throws GpuError, beginning with `label`, when a tensor is larger than the adapter can bind or there are more
 * workgroups than it can start; WebGPU would report neither to the caller.
 */
export async function prepare(
  gpu: Gpu,
  label: string,
  kernel: Kernel,
  tensors: readonly Tensor[],
  workgroups: Workgroups,
): Promise<Dispatch> {
  const { maxStorageBufferBindingSize, maxComputeWorkgroupsPerDimension } = gpu.limits;
  for (const tensor of tensors) {
    if (tensor.byteLength > maxStorageBufferBindingSize) {
      throw new GpuError(
        `${label}: ${tensor.label} needs a binding of ${mebibytes(tensor.byteLength)}, ` +
          `the adapter allows ${mebibytes(maxStorageBufferBindingSize)}`,
      );
    }
  }
  if (workgroups.some((count) => count > maxComputeWorkgroupsPerDimension)) {
    throw new GpuError(
      `${label}: needs ${workgroups.join(' x ')} workgroups, ` +
        `the adapter allows ${maxComputeWorkgroupsPerDimension} in a dimension; use a smaller batch or picture`,
    );
  }
  const pipeline = await gpu.untilLost(gpu.pipelines.get(kernel));
  const bindGroup = await gpu.checked(`${label} (${kernel.name})`, () =>
    gpu.device.createBindGroup({
      label: `${label} ${kernel.name}`,
      layout: pipeline.getBindGroupLayout(0),
      entries: tensors.map((tensor, binding) => ({
        binding,
        resource: { buffer: tensor.buffer, size: tensor.byteLength },
      })),
    }),
  );
  return { label, kernel: kernel.name, pipeline, bindGroup, workgroups };
}

/** Records dispatches, in order, into one pass. */
export function record(
  encoder: GPUCommandEncoder,
  label: string,
  dispatches: readonly Dispatch[],
  timestampWrites?: GPUComputePassTimestampWrites,
): void {
  const pass = encoder.beginComputePass({ label, ...(timestampWrites && { timestampWrites }) });
  for (const { pipeline, bindGroup, workgroups } of dispatches) {
    pass.setPipeline(pipeline);
    pass.setBindGroup(0, bindGroup);
    pass.dispatchWorkgroups(...workgroups);
  }
  pass.end();
}

/** At least as many workgroups as `count` items need, as a rectangle: one dimension alone may be too short. */
export function workgroupsFor(gpu: Gpu, count: number, perGroup: number): Workgroups {
  const groups = Math.ceil(count / perGroup);
  const x = Math.min(groups, gpu.limits.maxComputeWorkgroupsPerDimension);
  return [x, Math.ceil(groups / x), 1];
}
