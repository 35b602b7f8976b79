// The first pass of an engine in a process of its own: weights from a file, a device, kernels compiled, results on the host.

import { readFile, writeFile } from 'node:fs/promises';
import { Gpu } from '../node/gpu.js';
import { VGG16 } from '../node/vgg16.js';
import type { Scope } from './engine.js';
import { makeInput } from './input.js';
import { openPeer, type TfjsName } from './peers/engines.js';
import { readTfjsFile } from './peers/tfjs_file.js';

export interface FirstPassRequest {
  readonly engine: 'vgg16-webgpu' | TfjsName;
  readonly scope: Exclude<Scope, 'dense'>;
  readonly side: number;
  /** As torchvision has them for ours, in TensorFlow.js' order for its backends. */
  readonly weights: string;
  readonly adapter?: string | undefined;
  /** Whether ours uses what was chosen for this adapter. */
  readonly tuned: boolean;
}

export interface FirstPassCost {
  /** The most that the process has held in memory, in bytes; undefined but on Linux. */
  readonly peakBytes: number | undefined;
  readonly deviceBytes: number | undefined;
}

/**
 * @param onResult  called with the result at once: what comes after is not a part of the first pass
 * @throws WeightsError, GpuError, UsageError
 */
export async function firstPass(
  { engine, scope, side, weights, adapter, tuned }: FirstPassRequest,
  onResult: (output: Float32Array) => void,
): Promise<FirstPassCost> {
  const input = makeInput(scope, 1, side, 0);
  // What computes on the processor shall not wait for a device.
  const gpu = engine === 'tfjs-wasm' || engine === 'tfjs-cpu' ? undefined : await Gpu.open({ adapter });
  try {
    if (engine === 'vgg16-webgpu') {
      const model = await VGG16.load({ weights, gpu, tuned });
      const output = scope === 'convs' ? 'block5_pool' : 'softmax';
      const picture = { width: side, height: side, data: input.pixels };
      onResult((await model.forward([picture], [output])).get(output)!);
      return { peakBytes: await peakBytes(), deviceBytes: gpu!.liveBytes };
    }
    const peer = await openPeer(engine, gpu, await readTfjsFile(weights));
    const pass = await peer.prepare(scope, input);
    onResult(await pass.run());
    return { peakBytes: await peakBytes(), deviceBytes: peer.deviceBytes() };
  } finally {
    gpu?.dispose();
  }
}

function peakBytes(): Promise<number | undefined> {
  return process.platform === 'linux' ? memory('VmHWM') : Promise.resolve(undefined);
}

// What this process holds in memory. Linux only.

/** Bytes held now (VmRSS), or at most since the process began or `resetPeak` was called (VmHWM). */
export async function memory(field: 'VmHWM' | 'VmRSS'): Promise<number> {
  const status = await readFile('/proc/self/status', 'utf8');
  return Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(status)![1]) * 1024;
}

/** Sets the peak back to what is held now. */
export async function resetPeak(): Promise<void> {
  await writeFile('/proc/self/clear_refs', '5');
}
