// What is computed of each picture, and what those who train on it are given.

import type { LayerName, TrainedPool } from '../../architecture.js';
import type { Sample } from '../dataset.js';
import type { AugmentationName } from '../options.js';

/** Which numbers are computed of a picture. */
export interface FeatureSpec {
  /** `pixels`: what the network's first layer reads. */
  readonly layer: LayerName | 'pixels';
  readonly pool: TrainedPool;
  /** Side in px of the square that the network sees. */
  readonly size: number;
  /** Varied views of each picture besides the plain one: 0 where nothing is augmented. */
  readonly views: number;
  readonly augment: readonly AugmentationName[];
  /** Decides, with the file's bytes, how each view is varied. */
  readonly seed: number;
}

/** How the features came about. */
export interface FeatureStats {
  /** Rows (pictures or views of them) that were computed, and those that the cache had. */
  readonly computed: number;
  readonly cached: number;
  /** Pictures that were left out. */
  readonly broken: number;
  readonly seconds: number;
  /** Share of the time, from the first forward pass to the last, in which none was under way: the GPU waited. */
  readonly gpuIdleShare: number;
}

/** A row of a table: a sample's place in `samples`, and 0 for the plain picture or 1 to `views` for a varied one. */
export interface FeatureRow {
  readonly sample: number;
  readonly view: number;
}

/** The features of those samples that could be read. Close it, or a temporary folder may stay. */
export interface FeatureTable {
  /** Numbers in a row. Those of a flattened layer are in the order H, W, C. */
  readonly width: number;
  readonly samples: readonly Sample[];
  /** Varied views of each sample, besides the plain one, which is view 0. */
  readonly views: number;
  readonly stats: FeatureStats;
  /** SHA-256 over what the samples' pictures are, byte for byte, in their order. */
  readonly digest: string;
  /**
   * Reads rows, one after another, into `target`: at least rows.length * width numbers. A row that the cache has lost
   * is computed again.
   *
   * @throws PictureError where that is no longer possible; GpuError; DeviceLostError
   */
  read(rows: readonly FeatureRow[], target: Float32Array): Promise<void>;
  /**
   * Without a cache: draws views 1 to `views` of every sample anew, for this epoch (from 0; those of epoch 0 are there
   * to begin with). With one, the same few views serve all epochs, and this does nothing.
   *
   * @throws as `extractFeatures`
   */
  refreshViews(epoch: number): Promise<void>;
  close(): Promise<void>;
}
