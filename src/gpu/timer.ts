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
    const queries = await gpu.checked('timestamps', () =>
      gpu.device.createQuerySet({ label: 'timestamps', type: 'timestamp', count: capacity * 2 }),
    );
    const resolved = await gpu.createBuffer({
      label: 'timestamps',
      size,
      usage: GPUBufferUsage.QUERY_RESOLVE | GPUBufferUsage.COPY_SRC,
    });
    const staging = await gpu.createBuffer({
      label: 'timestamps read-back',
      size,
      usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST,
    });
    return new Timer(gpu, queries, resolved, staging, capacity);
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
    await this.gpu.untilLost(this.staging.mapAsync(GPUMapMode.READ));
    const ticks = new BigUint64Array(this.staging.getMappedRange().slice(0));
    this.staging.unmap();
    return Array.from({ length: this.capacity }, (_, i) => Number(ticks[2 * i + 1]! - ticks[2 * i]!) / 1e6);
  }

  dispose(): void {
    this.queries.destroy();
    this.gpu.destroyBuffer(this.resolved);
    this.gpu.destroyBuffer(this.staging);
  }
}
