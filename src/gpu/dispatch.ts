// One kernel made ready to run: its pipeline, its tensors, its number of workgroups.

import { GpuError } from '../errors.js';
import type { Gpu } from './gpu.js';
import { mebibytes } from './messages.js';
import type { Kernel } from './pipelines.js';
import type { Tensor } from './tensor.js';

export type Workgroups = readonly [x: number, y: number, z: number];

/** A kernel that is being compiled, and what it is to run on. */
export interface Dispatch {
  /** The layer's name, or whatever an error should begin with. */
  readonly label: string;
  readonly kernel: string;
  readonly pipeline: Promise<GPUComputePipeline>;
  /** Bound to the kernel's bindings 0, 1, 2, ... in order. */
  readonly tensors: readonly Tensor[];
  readonly workgroups: Workgroups;
}

/** A dispatch whose pipeline is compiled and whose tensors have their memory. Recording it costs nothing more. */
export interface ReadyDispatch {
  readonly pipeline: GPUComputePipeline;
  readonly bindGroup: GPUBindGroup;
  readonly workgroups: Workgroups;
}

/**
 * Begins to compile the kernel, unless it is compiled already.
 *
 * @throws GpuError, beginning with `label`, when a tensor is larger than the adapter can bind or there are more
 * workgroups than it can start; WebGPU would report neither to the caller.
 */
export function dispatch(
  gpu: Gpu,
  label: string,
  kernel: Kernel,
  tensors: readonly Tensor[],
  workgroups: Workgroups,
): Dispatch {
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
  const pipeline = gpu.untilLost(gpu.pipelines.get(kernel));
  // It is waited for when the plan is made; until then its failure is not unhandled.
  pipeline.catch(() => {});
  return { label, kernel: kernel.name, pipeline, tensors, workgroups };
}

/** Binds the tensors of dispatches that have one label. @throws GpuError, DeviceLostError */
export async function bind(gpu: Gpu, dispatches: readonly Dispatch[]): Promise<ReadyDispatch[]> {
  const pipelines = await Promise.all(dispatches.map(({ pipeline }) => pipeline));
  const [first] = dispatches;
  return gpu.checked(`${first?.label} (${first?.kernel})`, () =>
    dispatches.map(({ label, kernel, tensors, workgroups }, i) => ({
      pipeline: pipelines[i]!,
      bindGroup: gpu.device.createBindGroup({
        label: `${label} ${kernel}`,
        layout: pipelines[i]!.getBindGroupLayout(0),
        entries: tensors.map(({ buffer, offset, byteLength }, binding) => ({
          binding,
          resource: { buffer, offset, size: byteLength },
        })),
      }),
      workgroups,
    })),
  );
}

/** Records dispatches, in order, into one pass. */
export function recordPass(
  encoder: GPUCommandEncoder,
  label: string,
  dispatches: readonly ReadyDispatch[],
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
