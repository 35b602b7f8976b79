// Opens a GPU on Node, through Dawn.

import { type DeviceOptions, isSoftwareAdapter, requestDevice, WANTED_LIMITS } from '../gpu/device.js';
import { Gpu as CoreGpu } from '../gpu/gpu.js';
import { checkOptions, group, listOf, type OptionRules, text, whole } from '../options.js';
import { type AdapterOptions, findAdapter } from './dawn/adapter.js';
import { DAWN_PROMISES, waitPatiently } from './dawn/promises.js';

export interface GpuOptions extends AdapterOptions, DeviceOptions {}

/** For `checkOptions`. */
const GPU_OPTIONS: OptionRules<GpuOptions> = {
  adapter: text,
  atMost: group(
    Object.fromEntries(WANTED_LIMITS.map((name) => [name, whole(0)])) as OptionRules<
      NonNullable<GpuOptions['atMost']>
    >,
  ),
  without: listOf(text),
};

/** A device that Node has opened. Dispose of it, or the process does not end. */
export class Gpu extends CoreGpu {
  /**
   * Opens the best adapter there is.
   *
   * @throws NoAdapterError when there is none, GpuError when it gives no device.
   */
  static async open(options: GpuOptions = {}): Promise<Gpu> {
    checkOptions('Gpu.open()', options, GPU_OPTIONS);
    const { adapter, source } = await findAdapter(options);
    const device = await requestDevice(adapter, DAWN_PROMISES, options);
    const { info } = adapter;
    waitPatiently(device, isSoftwareAdapter(info, source));
    return Gpu.from(device, { info, source, promises: DAWN_PROMISES, ...options });
  }
}
