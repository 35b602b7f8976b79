// Pictures through the network: collected into batches, varied where they are to be, one batch computed while the next is
// made ready.

import { bindable } from '../../gpu/limits.js';
import type { Picture } from '../../image/picture.js';
import { evenBatch, largestBatch } from '../../model/batches.js';
import { averageOverSpace, checkFinite } from '../../model/features.js';
import type { VGG16 } from '../../model/vgg16.js';
import type { Preprocess } from '../../weights/archive.js';
import { arithmeticOf } from '../../weights/preprocess.js';
import type { FeatureSpec } from './spec.js';
import { largestSource, type VariedPicture, Warper } from './warper.js';

/** A picture and who wants its row. */
export interface Job {
  /** Already of the network's size, or to be made so. */
  readonly picture: Picture | VariedPicture;
  readonly take: (row: Float32Array) => Promise<void>;
}

/**
 * Pixels of a pass, where the caller does not say how many pictures: enough to fill the GPU at any size. Fewer where a
 * CPU computes, which a few fill and where a pass may take seconds: nothing can be interrupted within one.
 */
const PASS_PIXELS = { hardware: 8 * 224 ** 2, software: 2 * 224 ** 2 };

export interface PipelineOptions {
  /** Pictures in a pass, at most. */
  readonly batch?: number | undefined;
  /** How many there will be, at most: batches are made even. */
  readonly count: number;
}

/** Owns the GPU memory of varied pictures. */
export class FeaturePipeline {
  readonly busy = new Busy();

  private constructor(
    private readonly model: VGG16,
    private readonly spec: FeatureSpec,
    /** The layer's shape for one picture. */
    private readonly shape: readonly number[],
    readonly batch: number,
    /** Passes that may be asked for before the first has answered. */
    private readonly inFlight: number,
    private readonly warper: Warper | undefined,
  ) {}

  /** @throws UsageError for a layer or size that the network does not have; GpuError */
  static async create(
    model: VGG16,
    spec: FeatureSpec,
    { batch, count }: PipelineOptions,
  ): Promise<FeaturePipeline> {
    const { size, layer } = spec;
    const { gpu } = model;
    const isPixels = layer === 'pixels';
    const layers = isPixels ? [] : model.layers(size, size, layer);
    const shape = layers.at(-1)?.shape ?? [size, size, 3];
    const { isSoftware } = gpu.info;
    const pixels = isSoftware ? PASS_PIXELS.software : PASS_PIXELS.hardware;
    const wanted = batch ?? Math.max(1, Math.round(pixels / size ** 2));
    const sources = spec.views > 0 ? Math.floor(bindable(gpu.limits) / largestSource(size)) : wanted;
    const most = Math.max(
      1,
      Math.min(wanted, sources, isPixels ? wanted : largestBatch(gpu.limits, layers, size, size)),
    );
    const even = evenBatch(count, most);
    const warper = spec.views > 0 ? await Warper.create(gpu, size, even) : undefined;
    // Where the CPU is the GPU, a second pass waiting would gain nothing and be another to wait for on an abort.
    return new FeaturePipeline(model, spec, shape, even, isSoftware ? 1 : 2, warper);
  }

  /** Numbers in a row. */
  get width(): number {
    const channels = this.shape.at(-1)!;
    return this.spec.pool === 'avg' ? channels : this.shape.reduce((product, side) => product * side, 1);
  }

  /**
   * Computes the row of each job and waits until it has been taken. What has begun is finished, whatever fails.
   *
   * @throws GpuError, DeviceLostError; errors of `jobs` and `take`; the signal's reason
   */
  async run(jobs: AsyncIterable<readonly Job[]>, signal?: AbortSignal): Promise<void> {
    const begun: Promise<void>[] = [];
    const begin = async (batch: readonly Job[]) => {
      if (begun.length === this.inFlight) await begun.shift();
      signal?.throwIfAborted();
      const pass = this.#pass(batch);
      // Whoever waits for it next learns of it.
      pass.catch(() => {});
      begun.push(pass);
    };
    const waiting: Job[] = [];
    try {
      for await (const some of jobs) {
        waiting.push(...some);
        while (waiting.length >= this.batch) await begin(waiting.splice(0, this.batch));
      }
      if (waiting.length > 0) await begin(waiting);
      for (const pass of begun) await pass;
    } finally {
      await Promise.allSettled(begun);
    }
  }

  async #pass(jobs: readonly Job[]): Promise<void> {
    const { layer, pool } = this.spec;
    const { model, shape } = this;
    const rows = await this.busy.during(async () => {
      const pictures = await this.#pictures(jobs);
      if (layer === 'pixels') return normalised(pictures, model.preprocess);
      return (await model.forward(pictures, [layer], { choicesFor: this.batch })).get(layer)!;
    });
    if (layer !== 'pixels') checkFinite(model.gpu, layer, rows);
    const length = rows.length / jobs.length;
    const taken = jobs.map(({ take }, i) => {
      const data = rows.subarray(i * length, (i + 1) * length);
      return take(pool === 'avg' ? averageOverSpace({ data, shape }).data : data);
    });
    await Promise.all(taken);
  }

  async #pictures(jobs: readonly Job[]): Promise<Picture[]> {
    const varied = jobs.flatMap(({ picture }) => ('maps' in picture ? [picture] : []));
    const warped = varied.length > 0 ? (await this.warper!.warp(varied)).values() : [].values();
    return jobs.map(({ picture }) => ('maps' in picture ? warped.next().value! : picture));
  }

  dispose(): void {
    this.warper?.dispose();
  }
}

/** What the network's first layer reads of pictures, as normalise.wgsl computes it. */
function normalised(pictures: readonly Picture[], preprocess: Preprocess): Float32Array {
  const { reverse, mean, scale } = arithmeticOf(preprocess);
  const rows = pictures.map(({ data }) => {
    const row = new Float32Array(data.length);
    for (let at = 0; at < data.length; at += 3) {
      for (let c = 0; c < 3; c++) row[at + c] = (data[at + (reverse ? 2 - c : c)]! - mean[c]!) * scale[c]!;
    }
    return row;
  });
  const all = new Float32Array(rows.reduce((sum, { length }) => sum + length, 0));
  let end = 0;
  for (const row of rows) {
    all.set(row, end);
    end += row.length;
  }
  return all;
}

/** Adds up the time in which at least one piece of work is under way. */
export class Busy {
  #running = 0;
  #since = 0;
  #busy = 0;
  #first: number | undefined;
  #last = 0;

  /** @param now  milliseconds of a clock that never goes back */
  constructor(private readonly now: () => number = () => performance.now()) {}

  async during<Result>(work: () => Promise<Result>): Promise<Result> {
    if (this.#running++ === 0) this.#since = this.now();
    this.#first ??= this.#since;
    try {
      return await work();
    } finally {
      this.#last = this.now();
      if (--this.#running === 0) this.#busy += this.#last - this.#since;
    }
  }

  /** Share of the time from the first work's begin to the last one's end in which none was under way; 0 without work. */
  get idleShare(): number {
    if (this.#first === undefined) return 0;
    const underWay = this.#running > 0 ? this.now() - this.#since : 0;
    const end = this.#running > 0 ? this.now() : this.#last;
    const total = end - this.#first;
    return total > 0 ? 1 - (this.#busy + underWay) / total : 0;
  }
}
