// Opens a GPU in a browser, through navigator.gpu.

import { NoAdapterError, UsageError } from '../errors.js';
import { requestDevice } from '../gpu/device.js';
import { Gpu as CoreGpu } from '../gpu/gpu.js';
import { PLAIN_PROMISES } from '../gpu/promises.js';
import { checkOptions, type OptionRules, oneOf } from '../options.js';

export interface GpuOptions {
  /** Which GPU of several; the browser decides by default. */
  readonly powerPreference?: 'low-power' | 'high-performance' | undefined;
}

const GPU_OPTIONS: OptionRules<GpuOptions> = { powerPreference: oneOf('low-power', 'high-performance') };

/** A device of the browser. Dispose of it to free its memory. */
export class Gpu extends CoreGpu {
  /**
   * Opens the browser's adapter.
   *
   * @throws NoAdapterError where the browser has no WebGPU, or gives no adapter; GpuError where that gives no device
   */
  static async open(options: GpuOptions = {}): Promise<Gpu> {
    checkOptions('Gpu.open()', options, GPU_OPTIONS);
    const { powerPreference } = options;
    const { gpu } = (globalThis as { readonly navigator?: { readonly gpu?: GPU } }).navigator ?? {};
    if (!gpu) {
      throw new NoAdapterError(
        'this browser has no WebGPU here: it needs Chrome or Edge 113, Safari 26 or Firefox 141, and a page from https or localhost',
      );
    }
    const adapter = await gpu.requestAdapter(powerPreference && { powerPreference });
    if (!adapter) {
      throw new NoAdapterError(
        'the browser gives no adapter: see chrome://gpu or about:support for the reason, and update the graphics driver',
      );
    }
    const device = await requestDevice(adapter, PLAIN_PROMISES);
    return Gpu.from(device, { info: adapter.info });
  }

  /**
   * Takes over a GPUDevice that the page has opened. What it was not opened with, larger limits for instance, is not used.
   *
   * @param device  a GPUDevice; typed loosely, because TypeScript's libraries differ in how they declare it
   * @throws UsageError for anything else
   */
  static of(device: object): Gpu {
    if (!('createComputePipelineAsync' in device)) throw new UsageError('Gpu.of(): expected a GPUDevice');
    return Gpu.from(device as GPUDevice);
  }
}
