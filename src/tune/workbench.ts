// What all shapes are tuned with: numbers to compute with, and a clock.

import type { Gpu } from '../gpu/gpu.js';
import type { TensorDtype } from '../gpu/tensor.js';
import { Pattern } from './pattern.js';
import { Stopwatch } from './stopwatch.js';

export interface Workbench {
  readonly gpu: Gpu;
  readonly dtype: TensorDtype;
  readonly activations: Pattern;
  /** Of the dtype that is tuned for. */
  readonly weights: Pattern;
  readonly nan: Pattern;
  /** For what a pooling reads: the larger of NaN and a number may be the number. */
  readonly huge: Pattern;
  readonly stopwatch: Stopwatch;
  dispose(): void;
}

/** @throws GpuError */
export async function createWorkbench(gpu: Gpu, dtype: TensorDtype): Promise<Workbench> {
  const owned: { dispose(): void }[] = [];
  const own = async <T extends { dispose(): void }>(created: Promise<T>) => {
    owned.push(await created);
    return created;
  };
  const dispose = () => {
    for (const one of owned) one.dispose();
  };
  try {
    return {
      ...{ gpu, dtype, dispose },
      activations: await own(Pattern.create(gpu, 1, 1)),
      weights: await own(Pattern.create(gpu, 2, 1 / 4, dtype)),
      nan: await own(Pattern.of(gpu, Number.NaN)),
      huge: await own(Pattern.of(gpu, 1e30)),
      stopwatch: await own(Stopwatch.create(gpu)),
    };
  } catch (error) {
    dispose();
    throw error;
  }
}
