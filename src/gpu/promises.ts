// How promises of WebGPU are begun and waited for. A browser settles them by itself; Dawn's binding for Node needs help
// (src/node/dawn/promises.ts), and hands its own functions to `Gpu.from`.

export interface GpuPromises {
  /** False where the thread may not wait for a promise that only the GPU's work settles. */
  readonly mayLeavePending: boolean;
  /** Makes a call that returns a promise which the GPU's work settles. */
  begin<T>(call: () => T): T;
  /** Makes a call whose promise needs nothing of the GPU, and can be settled soon. */
  settle<T>(call: () => Promise<T>): Promise<T>;
  /**
   * Maps a buffer for reading once the GPU has done all that was submitted to it.
   *
   * @param isLost  whether to give up, for a lost device never finishes
   * @throws what `mapAsync` rejects with
   */
  mapForReading(buffer: GPUBuffer, isLost: () => boolean): Promise<void>;
  /** Waits until the GPU has done all that was submitted. */
  submittedWorkDone(device: GPUDevice, isLost: () => boolean): Promise<void>;
}

/** Plain calls, as everywhere but on Node. */
export const PLAIN_PROMISES: GpuPromises = {
  mayLeavePending: true,
  begin: (call) => call(),
  settle: (call) => call(),
  mapForReading: (buffer) => buffer.mapAsync(GPUMapMode.READ) as Promise<void>,
  submittedWorkDone: (device) => device.queue.onSubmittedWorkDone() as Promise<void>,
};
