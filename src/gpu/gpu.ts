// A device and what every part of this project needs of it: pipelines, buffers counted, errors as exceptions.

import { DeviceLostError, GpuError } from '../errors.js';
import { type AdapterSource, type DeviceOptions, type GpuInfo, knownOf, type Limits } from './device.js';
import { explain, mebibytes, messageOf } from './messages.js';
import { PipelineCache } from './pipelines.js';
import { type GpuPromises, PLAIN_PROMISES } from './promises.js';

export interface BufferRequest {
  readonly label: string;
  /** Bytes; rounded up to a multiple of 4. */
  readonly size: number;
  readonly usage: GPUBufferUsageFlags;
}

/** What is known of a device besides itself. */
export interface DeviceFacts extends DeviceOptions {
  /** @internal Of its adapter; by default what the device says of it. */
  readonly info?: Partial<GPUAdapterInfo> | undefined;
  /** Where its adapter came from; `system` by default. */
  readonly source?: AdapterSource | undefined;
  /** @internal How its promises are waited for; by default as in a browser. */
  readonly promises?: GpuPromises | undefined;
}

/** What a Gpu is made of. */
export interface GpuParts {
  /** @internal */
  readonly device: GPUDevice;
  /** @internal */
  readonly facts: DeviceFacts;
}

/**
 * An open device. Dispose of it, or the process does not end.
 *
 * What is marked internal is left out of the published declarations: they name no type of WebGPU, because TypeScript's DOM
 * library and @webgpu/types declare these types differently, and a program that has both does not compile.
 */
export class Gpu {
  /** @internal */
  readonly pipelines: PipelineCache;
  readonly #buffers = new Map<GPUBuffer, number>();
  #bytes = 0;
  #lost: DeviceLostError | undefined;
  /** The first error that no scope was open for; the next call throws it. */
  #uncaptured: GpuError | undefined;
  /** Those who wait for the GPU, to be told when it is lost. */
  readonly #waiting = new Set<(lost: DeviceLostError) => void>();
  readonly #onUncaptured = ({ error }: GPUUncapturedErrorEvent): void => {
    this.#uncaptured ??= new GpuError(`outside of any call: ${explain(error)}`, { cause: error });
  };
  #disposed = false;

  /** @internal */
  readonly device: GPUDevice;
  readonly info: GpuInfo;
  readonly features: ReadonlySet<string>;
  readonly limits: Limits;
  readonly #promises: GpuPromises;

  // Not taken apart in the signature: its published declaration would name what is internal.
  protected constructor(parts: GpuParts) {
    const { device, facts } = parts;
    const { info = device.adapterInfo ?? {}, source = 'system', promises = PLAIN_PROMISES } = facts;
    const known = knownOf(device, info, source, facts);
    this.device = device;
    this.info = known.info;
    this.features = known.features;
    this.limits = known.limits;
    this.#promises = promises;
    this.pipelines = new PipelineCache(device, promises);
    device.addEventListener('uncapturederror', this.#onUncaptured);
    device.lost.then((lost) => {
      const error = new DeviceLostError(
        this.#disposed
          ? 'the GPU was disposed of while it was still in use'
          : `the GPU device was lost (${lost.reason}): ${lost.message || 'no reason given'}; ` +
              'often out of memory or a driver reset: try a smaller --batch',
      );
      // Nobody may be waiting when it happens; then the next call reports it.
      this.#lost = error;
      for (const tell of this.#waiting) tell(error);
    });
  }

  /**
   * Makes a Gpu of a device, and takes it over.
   *
   * @internal
   */
  static from(device: GPUDevice, facts: DeviceFacts = {}): Gpu {
    return new this({ device, facts });
  }

  /** Buffers made and not yet destroyed. Flat over a loop, or something leaks. */
  get liveBuffers(): number {
    return this.#buffers.size;
  }

  /** Their size in bytes. */
  get liveBytes(): number {
    return this.#bytes;
  }

  /** @internal @throws GpuError when the adapter's limit is smaller than `size`, or memory is short. */
  async createBuffer(request: BufferRequest): Promise<GPUBuffer> {
    const size = Math.max(4, Math.ceil(request.size / 4) * 4);
    if (size > this.limits.maxBufferSize) {
      throw new GpuError(
        `${request.label}: needs a buffer of ${mebibytes(size)}, the adapter allows ${mebibytes(this.limits.maxBufferSize)}`,
      );
    }
    const buffer = await this.checked(request.label, () =>
      this.device.createBuffer({ label: request.label, size, usage: request.usage }),
    );
    this.#buffers.set(buffer, size);
    this.#bytes += size;
    return buffer;
  }

  /** @internal */
  destroyBuffer(buffer: GPUBuffer): void {
    const size = this.#buffers.get(buffer);
    if (size === undefined) return;
    this.#buffers.delete(buffer);
    this.#bytes -= size;
    buffer.destroy();
  }

  /**
   * Runs `work` and turns what WebGPU would only report out of band into an exception that begins with `label`.
   * `work` must not wait: error scopes are one stack a device, and another caller's would get in between.
   *
   * @internal
   * @throws GpuError on validation, out-of-memory and internal errors; DeviceLostError.
   */
  async checked<T>(label: string, work: () => T): Promise<T> {
    if (this.#lost) throw this.#lost;
    this.#throwUncaptured();
    const filters = ['validation', 'out-of-memory', 'internal'] as const;
    for (const filter of filters) this.device.pushErrorScope(filter);
    let result: T;
    let scopes: Promise<(GPUError | null)[]>;
    try {
      result = work();
    } finally {
      scopes = this.#promises.settle(() => Promise.all(filters.map(() => this.device.popErrorScope())));
    }
    const errors = await this.untilLost(scopes);
    const error = errors.find((found) => found !== null);
    if (error) throw new GpuError(`${label}: ${explain(error)}`, { cause: error });
    return result;
  }

  /** Submits and waits until the GPU has finished. @internal @throws as `checked`. */
  async submit(label: string, commands: GPUCommandBuffer): Promise<void> {
    await this.checked(label, () => this.device.queue.submit([commands]));
    await this.workDone();
    this.#throwUncaptured();
  }

  /** Waits until the GPU has finished all that was submitted. @internal @throws DeviceLostError */
  async workDone(): Promise<void> {
    await this.untilLost(this.#promises.submittedWorkDone(this.device, () => this.#lost !== undefined));
  }

  /** Copies bytes into a buffer, in order with what is submitted. @internal @throws as `checked`. */
  async write(label: string, buffer: GPUBuffer, bytes: GPUAllowSharedBufferSource): Promise<void> {
    await this.checked(label, () => this.device.queue.writeBuffer(buffer, 0, bytes));
  }

  /**
   * What `copy` takes from a buffer, mapped for it and unmapped whatever happens.
   *
   * @internal
   * @throws GpuError, DeviceLostError
   */
  async readMapped<T>(label: string, buffer: GPUBuffer, copy: (mapped: ArrayBuffer) => T): Promise<T> {
    try {
      await this.untilLost(this.#promises.mapForReading(buffer, () => this.#lost !== undefined));
    } catch (error) {
      if (error instanceof DeviceLostError) throw error;
      throw new GpuError(`${label}: cannot be read back: ${messageOf(error) || 'the buffer went away'}`, {
        cause: error,
      });
    }
    try {
      return copy(buffer.getMappedRange());
    } finally {
      buffer.unmap();
    }
  }

  /** `work`, or a DeviceLostError should the device go away first. @internal */
  async untilLost<T>(work: Promise<T>): Promise<T> {
    // A promise for each call: one for all, in Promise.race, would keep alive what every call gave.
    let tell!: (lost: DeviceLostError) => void;
    const lost = new Promise<never>((_, reject) => {
      tell = reject;
    });
    if (this.#lost) tell(this.#lost);
    this.#waiting.add(tell);
    try {
      return await Promise.race([work, lost]);
    } catch (error) {
      // When the device goes, pending work is rejected in no fixed order; the loss is the cause.
      await Promise.resolve();
      throw this.#lost ?? error;
    } finally {
      this.#waiting.delete(tell);
    }
  }

  #throwUncaptured(): void {
    const error = this.#uncaptured;
    this.#uncaptured = undefined;
    if (error) throw error;
  }

  /** Destroys the device with everything on it. Safe to call twice. */
  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    for (const buffer of this.#buffers.keys()) buffer.destroy();
    this.#buffers.clear();
    this.#bytes = 0;
    // A listener that holds this object, and so the device, makes a circle through Dawn that no collector sees.
    this.device.removeEventListener('uncapturederror', this.#onUncaptured);
    this.device.destroy();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}
