// The table of pictures' features: filled from the cache and the network, then read row by row.

import { ahead } from '../../ahead.js';
import { PictureError, UsageError } from '../../errors.js';
import type { VGG16 } from '../../model/vgg16.js';
import type { Sample } from '../../train/dataset.js';
import { FeaturePipeline } from '../../train/features/pipeline.js';
import type { FeatureRow, FeatureSpec, FeatureStats, FeatureTable } from '../../train/features/spec.js';
import { BrokenCount } from '../datasets/refusals.js';
import { RowMemory } from './row_memory.js';
import { type Opened, Rows } from './rows.js';
import { FeatureStore, folderOf } from './store.js';

const DEFAULT_MEMORY = 256e6;

export interface ExtractOptions {
  /** `fingerprintOf` the base up to the layer. */
  readonly fingerprint: string;
  /** Where features are cached; undefined computes all of them, keeps them for this table alone, and can draw new views. */
  readonly cacheFolder?: string | undefined;
  /** Rows in a forward pass, at most; by default as many as fill the GPU at this size. */
  readonly batch?: number | undefined;
  /** Bytes of rows that are kept in memory, so that not every epoch reads them from disk. 256 MB by default. */
  readonly memory?: number | undefined;
  /** Pictures that are done with, of how many; 0 as it begins. */
  readonly onProgress?: ((done: number, total: number, stats: FeatureStats) => void) | undefined;
  /** Counts the pictures that cannot be read, where these are a part of those that it is counted among. */
  readonly broken?: Pick<BrokenCount, 'add'> | undefined;
  /** Told of each picture that is done with: its row can be read, or it was left out. By its place among all samples. */
  readonly onReady?: ((index: number) => void) | undefined;
  /** Told of each picture that cannot be read, which is then left out. */
  readonly onBroken?: ((sample: Sample, error: PictureError) => void) | undefined;
  /** Told in a line of each picture that is decoded here, and of which hardly anything is seen. */
  readonly onOdd?: ((sample: Sample, note: string) => void) | undefined;
  /** Told in one line what the owner should know, for instance that the cache cannot be written. */
  readonly onNote?: ((note: string) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * The features of pictures, each computed once: they are cached by the picture's bytes and by all that decides them, a
 * file each, so that an interrupted call goes on where it was. Memory does not grow with the number of pictures, but for
 * names and a few bytes each. Pictures that cannot be read are left out.
 *
 * A plain picture's row equals, bit for bit, what `model.features` gives with `framingForSize(size)`.
 *
 * @throws PictureError where so many of the pictures cannot be read that `BrokenCount` refuses; UsageError for a layer or size that the network
 *   does not have; GpuError; DeviceLostError; the signal's reason, once the GPU has finished what it has begun
 */
export async function extractFeatures(
  model: VGG16,
  samples: readonly Sample[],
  spec: FeatureSpec,
  options: ExtractOptions,
): Promise<FeatureTable> {
  options.signal?.throwIfAborted();
  const table = await CachedFeatures.create(model, samples, spec, options);
  try {
    await table.fill();
    return table;
  } catch (error) {
    await table.close();
    throw error;
  }
}

/** Samples go by their place among all of them; the table's users count only those that could be read. */
export class CachedFeatures implements FeatureTable {
  readonly samples: Sample[] = [];
  readonly width: number;
  readonly views: number;
  readonly #indices: number[] = [];
  readonly #stats = { computed: 0, cached: 0, broken: 0, seconds: 0 };

  private constructor(
    private readonly all: readonly Sample[],
    private readonly options: ExtractOptions,
    spec: FeatureSpec,
    private readonly pipeline: FeaturePipeline,
    private readonly store: FeatureStore,
    private readonly rows: Rows,
  ) {
    this.width = pipeline.width;
    this.views = spec.views;
  }

  /** An empty table, to be filled. @throws UsageError, GpuError */
  static async create(
    model: VGG16,
    samples: readonly Sample[],
    spec: FeatureSpec,
    options: ExtractOptions,
  ): Promise<CachedFeatures> {
    const { views, augment, layer, pool, size } = spec;
    if (!Number.isInteger(views) || views < 0) {
      throw new UsageError(`views is ${views}; it must be a whole number of at least 0`);
    }
    if (views > 0 && augment.length === 0) throw new UsageError(`${views} views need a way to vary pictures`);
    const { fingerprint, cacheFolder, onNote = () => {}, batch, memory = DEFAULT_MEMORY } = options;
    const count = samples.length * (1 + views);
    const pipeline = await FeaturePipeline.create(model, spec, { batch, count });
    const { preprocess, dtype } = model;
    const adapter = model.gpu.info.description;
    const kernels = layer === 'pixels' ? '' : model.kernels(pipeline.batch, size, size, layer);
    const key = { adapter, kernels, fingerprint, preprocess, dtype, layer, pool, size };
    const store = await FeatureStore.open(cacheFolder && folderOf(cacheFolder, key), onNote);
    const { width } = pipeline;
    const rows = new Rows(samples, spec, width, new RowMemory(count, width, memory), store);
    return new CachedFeatures(samples, options, spec, pipeline, store, rows);
  }

  get digest(): string {
    return this.rows.digestOf(this.#indices);
  }

  get stats(): FeatureStats {
    return { ...this.#stats, gpuIdleShare: this.pipeline.busy.idleShare };
  }

  /** Finds or computes all rows of all pictures that can be read. To be called once. @throws as `extractFeatures` */
  async fill(): Promise<void> {
    const { all, options, rows } = this;
    const views = Array.from({ length: 1 + this.views }, (_, view) => view);
    const { broken = new BrokenCount(all.length) } = options;
    const start = performance.now();
    let done = 0;
    const tell = () => {
      this.#stats.seconds = (performance.now() - start) / 1000;
      options.onProgress?.(done, all.length, this.stats);
    };
    const finish = (index: number) => {
      done++;
      tell();
      options.onReady?.(index);
    };
    const open = async (index: number): Promise<Opened | PictureError> => {
      let remaining: number;
      const onRow = () => {
        this.#stats.computed++;
        if (--remaining === 0) finish(index);
      };
      try {
        const onOdd = (note: string) => options.onOdd?.(all[index]!, note);
        const opened = await rows.open(index, { views, lookUp: true, onRow, onOdd });
        remaining = opened.jobs.length;
        return opened;
      } catch (error) {
        if (error instanceof PictureError) return error;
        throw error;
      }
    };
    // The first batch may take long, and its time counts.
    tell();
    let index = 0;
    await this.#compute(all.keys(), open, (opened) => {
      const sample = all[index]!;
      if (opened instanceof PictureError) {
        this.#stats.broken++;
        options.onBroken?.(sample, opened);
        broken.add(opened);
      } else {
        this.samples.push(sample);
        this.#indices.push(index);
        this.#stats.cached += opened.found;
      }
      if (opened instanceof PictureError || opened.jobs.length === 0) finish(index);
      index++;
    });
  }

  async read(rows: readonly FeatureRow[], target: Float32Array): Promise<void> {
    const { width } = this;
    if (target.length < rows.length * width) {
      throw new UsageError(`${rows.length} rows of ${width} numbers do not fit into ${target.length}`);
    }
    const wanted = rows.map(({ sample, view }, i) => {
      return { index: this.#indices[sample]!, view, into: target.subarray(i * width, (i + 1) * width) };
    });
    const found = await Promise.all(wanted.map(({ index, view, into }) => this.rows.find(index, view, into)));
    const lost = wanted.filter((_, i) => !found[i]);
    await this.#compute(lost, ({ index, view, into }) =>
      this.rows.open(index, { views: [view], lookUp: false, onRow: (row) => into.set(row) }),
    );
  }

  async refreshViews(epoch: number): Promise<void> {
    if (this.options.cacheFolder !== undefined || this.views === 0 || epoch === this.rows.epoch) return;
    await this.rows.turnTo(epoch, this.#indices);
    const views = Array.from({ length: this.views }, (_, i) => 1 + i);
    await this.#compute(this.#indices, (index) =>
      this.rows.open(index, { views, lookUp: false, onRow: () => {} }),
    );
  }

  /** Opens items ahead of the network and computes what they lack. `onOpened` is told of each, in order. */
  async #compute<Item, Result extends Opened | PictureError>(
    items: Iterable<Item>,
    open: (item: Item) => Promise<Result>,
    onOpened: (opened: Result) => void = () => {},
  ): Promise<void> {
    const { signal } = this.options;
    // As many as two batches need, which are small once they are framed.
    const count = Math.max(8, Math.ceil((2 * this.pipeline.batch) / (1 + this.views)));
    const jobs = async function* () {
      for await (const opened of ahead(items, count, open)) {
        signal?.throwIfAborted();
        onOpened(opened);
        if (!(opened instanceof PictureError)) yield opened.jobs;
      }
    };
    await this.pipeline.run(jobs(), signal);
  }

  async close(): Promise<void> {
    this.pipeline.dispose();
    await this.store.close();
  }
}
