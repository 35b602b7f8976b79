// How long each pass took, by the GPU's own clock.

import type { Gpu } from './gpu.js';

/** Timestamps around up to `capacity` passes of one submission. */
export class Timer {
  private constructor(
    private readonly gpu: Gpu,
    private readonly queries: GPUQuerySet,
    private readonly resolved: GPUBuffer,
    private readonly staging: GPUBuffer,
    private readonly capacity: number,
  ) {}

  /** Undefined where the adapter has no `timestamp-query`. */
  static async create(gpu: Gpu, capacity: number): Promise<Timer | undefined> {
    if (!gpu.features.has('timestamp-query')) return undefined;
    const size = capacity * 2 * 8;
    const usage = GPUBufferUsage.QUERY_RESOLVE | GPUBufferUsage.COPY_SRC;
    const resolved = await gpu.createBuffer({ label: 'timestamps', size, usage });
    let staging: GPUBuffer | undefined;
    try {
      const readUsage = GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST;
      staging = await gpu.createBuffer({ label: 'timestamps read-back', size, usage: readUsage });
      const queries = await gpu.checked('timestamps', () =>
        gpu.device.createQuerySet({ label: 'timestamps', type: 'timestamp', count: capacity * 2 }),
      );
      return new Timer(gpu, queries, resolved, staging, capacity);
    } catch (error) {
      gpu.destroyBuffer(resolved);
      if (staging) gpu.destroyBuffer(staging);
      throw error;
    }
  }

  /** What pass number `index` is to be begun with. */
  writes(index: number): GPUComputePassTimestampWrites {
    return {
      querySet: this.queries,
      beginningOfPassWriteIndex: 2 * index,
      endOfPassWriteIndex: 2 * index + 1,
    };
  }

  /** To be recorded after the last pass. */
  resolve(encoder: GPUCommandEncoder): void {
    encoder.resolveQuerySet(this.queries, 0, 2 * this.capacity, this.resolved, 0);
    encoder.copyBufferToBuffer(this.resolved, 0, this.staging, 0, this.staging.size);
  }

  /** Milliseconds of each pass. To be called after the submit. */
  async read(): Promise<number[]> {
    const { gpu, staging } = this;
    const ticks = await gpu.readMapped(
      'timestamps',
      staging,
      (mapped) => new BigUint64Array(mapped.slice(0)),
    );
    return Array.from({ length: this.capacity }, (_, i) => Number(ticks[2 * i + 1]! - ticks[2 * i]!) / 1e6);
  }

  dispose(): void {
    this.queries.destroy();
    this.gpu.destroyBuffer(this.resolved);
    this.gpu.destroyBuffer(this.staging);
  }
}
