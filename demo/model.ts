// What the demo needs of VGG16, and no more: the tests give it a small one of their own.
import type { Picture } from '../src/image/picture.js';

/** Features of this layer are compared. Drawings are far from photos; for them it does better than block5_pool. */
export const LAYER = 'block4_pool';

export interface DemoModel {
  features(
    pictures: readonly Picture[],
    layer: typeof LAYER,
    options: {
      framing: { resize: 'none'; crop: 'none' };
      batch: number;
      pool: 'avg';
      signal: AbortSignal;
    },
  ): Promise<readonly { readonly data: Float32Array }[]>;
  /** undefined where the adapter has no timestamps. */
  profile(
    input: { batch: number; height: number; width: number },
    until: typeof LAYER,
    options: { passes: number },
  ): Promise<readonly LayerTime[] | undefined>;
  readonly gpu: { readonly info: { readonly description: string; readonly isSoftware: boolean } };
  dispose(): void;
}

/** One layer's time on the GPU. */
export interface LayerTime {
  readonly layer: string;
  /** Of its output: N, H, W, C. */
  readonly shape: readonly number[];
  readonly ms: number;
  /** Billions of floating-point operations a second; a multiply-add is two. */
  readonly gflops: number;
}

export type LoadModel = (options: {
  onProgress: (progress: { loaded: number; total: number }) => void;
  signal: AbortSignal;
}) => Promise<DemoModel>;
