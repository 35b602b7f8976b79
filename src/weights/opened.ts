// An open weights file with what people want to know of it besides its tensors.

import type { Activation } from '../architecture.js';
import type { Preprocess } from './archive.js';
import type { WeightsSource } from './source.js';

/** What is known better than by the file itself. */
export interface ReadOptions {
  /** How pixels are to be prepared, where the file does not say it or is wrong. */
  readonly preprocess?: Preprocess | undefined;
  /** What makes probabilities of the outputs, where the file does not say it or is wrong. */
  readonly activation?: Activation | undefined;
}

/** Where a tensor came from. */
export interface Origin {
  /** In the file. */
  readonly name: string;
  /** In the file's own layout. */
  readonly shape: readonly number[];
  /** How the file keeps the numbers: `F32`, `F64`, `U8 (quantised)`. */
  readonly stored: string;
}

/** The base of a head that was opened with it. */
export interface HeadsBase {
  /** As the head says it: `embedded`, a known name, or a path. */
  readonly ref: string;
  /** The file that was opened. */
  readonly path: string;
  readonly format: string;
  /** Of its convolutions below the head, as they were before the head was trained: see `fingerprintOf`. */
  readonly fingerprint: string;
  /** Whether the head's file brings some of them anew: they were trained with it. */
  readonly isChanged: boolean;
}

export interface OpenedWeights extends WeightsSource {
  /** "PyTorch (zip)", "Keras HDF5", "safetensors" */
  readonly format: string;
  /** The file's own texts, of which `metadata` is what is needed; undefined where its format has none. */
  readonly ownMetadata?: Readonly<Record<string, string>> | undefined;
  /** What was taken for granted, a line each. */
  readonly notes: readonly string[];
  /** The note (also in `notes`) that says that the file does not state how pixels are prepared. */
  readonly preprocessNote?: string | undefined;
  /** Where the file holds a head alone, whose convolutions are another file's. */
  readonly base?: HeadsBase | undefined;
  /** By the names of `tensors`. */
  readonly origins: ReadonlyMap<string, Origin>;
}
