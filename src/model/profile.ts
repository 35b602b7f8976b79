// How long each layer takes.

import type { LayerName } from '../architecture.js';
import { median } from '../median.js';
import type { ForwardPlan } from '../network/forward.js';
import type { ProfileOptions } from './options.js';

/** A layer's time. */
export interface LayerTiming {
  readonly layer: LayerName;
  /** (N,H,W,C) or (N,D) */
  readonly shape: readonly number[];
  readonly ms: number;
  /** Arithmetic done per second, in units of 10^9 floating point operations. */
  readonly gflops: number;
}

/** The median of some passes of a timed plan over grey pictures, after one that is not counted if `warmUp`. */
export async function profile(
  plan: ForwardPlan,
  { passes = 3, warmUp = true }: ProfileOptions,
): Promise<LayerTiming[]> {
  const { batch, layers } = plan;
  const [height, width] = layers[0]!.inputShape as [number, number, number];
  const pixels = new Uint8Array(batch * height * width * 3).fill(128);
  if (warmUp) await plan.run(pixels);
  const times: (readonly number[])[] = [];
  for (let pass = 0; pass < passes; pass++) {
    await plan.run(pixels);
    times.push(plan.timings);
  }
  return layers.map(({ name, shape, flops }, i) => {
    const ms = median(times.map((timings) => timings[i]!));
    return { layer: name, shape: [batch, ...shape], ms, gflops: (flops * batch) / ms / 1e6 };
  });
}
