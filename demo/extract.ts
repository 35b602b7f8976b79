// Features of many pictures, against the clock.
import type { Picture } from '../src/image/picture.js';
import { type DemoModel, LAYER } from './model.js';

/** One picture of each class at a time: small enough for a lively progress bar, and balanced wherever it stops. */
export const BATCH = 4;

export interface Clock {
  /** Seconds, from any beginning. */
  readonly now: () => number;
  /** When to stop, on that clock; Infinity never stops. */
  readonly stopAt: number;
  /** How many pictures are computed whatever the clock says. */
  readonly atLeast: number;
}

/** Averaged features (512 floats each) of pictures of one size. */
export async function averagedFeatures(
  model: DemoModel,
  pictures: readonly Picture[],
  signal: AbortSignal,
): Promise<Float32Array[]> {
  const features = await model.features(pictures, LAYER, {
    framing: { resize: 'none', crop: 'none' },
    batch: BATCH,
    pool: 'avg',
    signal,
  });
  return features.map(({ data }) => data);
}

/**
 * Features of the pictures in order, or of the first so many when the clock runs out: always a multiple of BATCH, or all.
 * @param onProgress called after every batch with the number of pictures done
 */
export async function featuresInTime(
  model: DemoModel,
  pictures: readonly Picture[],
  clock: Clock,
  onProgress: (done: number) => void,
  signal: AbortSignal,
): Promise<Float32Array[]> {
  const features: Float32Array[] = [];
  let lastTook = 0;
  while (features.length < pictures.length) {
    const begin = clock.now();
    if (features.length >= clock.atLeast && begin + lastTook > clock.stopAt) break;
    const batch = pictures.slice(features.length, features.length + BATCH);
    features.push(...(await averagedFeatures(model, batch, signal)));
    lastTook = clock.now() - begin;
    onProgress(features.length);
  }
  return features;
}
