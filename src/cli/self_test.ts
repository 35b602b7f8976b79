// Does the GPU really compute? One small convolution, held against float64 on the CPU.

import { VggError } from '../errors.js';
import type { Gpu } from '../gpu/gpu.js';
import { runOnce } from '../gpu/recorder.js';
import { type Shape, sizeOf } from '../gpu/tensor.js';
import { conv3x3 } from '../kernels/conv3x3/conv3x3.js';
import { nmse } from '../reference/compare.js';
import { conv3x3 as conv3x3InFloat64 } from '../reference/conv3x3.js';

export interface SelfTest {
  readonly passed: boolean;
  readonly message: string;
  readonly milliseconds: number;
}

/** Odd, so that tiles stick out of the picture on two sides. */
const SIZES = { N: 1, H: 9, W: 13, C: 8, O: 12 } as const;

/** Single precision leaves about 1e-14 here; a wrong result is off by about 1. */
const TOLERANCE = 1e-9;

export async function selfTest(gpu: Gpu): Promise<SelfTest> {
  const begin = performance.now();
  const done = (passed: boolean, message: string): SelfTest => ({
    passed,
    message,
    milliseconds: performance.now() - begin,
  });
  try {
    const error = await convolutionError(gpu);
    const passed = error <= TOLERANCE;
    const verdict = passed ? 'agrees with' : 'DISAGREES with';
    return done(
      passed,
      `a convolution on the adapter ${verdict} float64 on the CPU (NMSE ${error.toExponential(1)})`,
    );
  } catch (error) {
    if (!(error instanceof VggError)) throw error;
    return done(false, error.message);
  }
}

/** Normalised mean squared error of conv3x3 on numbers without a pattern. */
async function convolutionError(gpu: Gpu): Promise<number> {
  const { N, H, W, C, O } = SIZES;
  const shapes = { x: [N, H, W, C], k: [3, 3, C, O], b: [O], y: [N, H, W, O] } as const;
  const values = {
    x: filled(shapes.x, (i) => Math.sin(12.9898 * i)),
    k: filled(shapes.k, (i) => Math.sin(78.233 * i + 1)),
    b: filled(shapes.b, Math.cos),
    // Whatever the kernel fails to write shows.
    y: filled(shapes.y, () => Number.NaN),
  };
  const results = await runOnce(gpu, 'self-test', (recorder) => {
    const given = (name: keyof typeof shapes) =>
      recorder.persistent(`self-test ${name}`, shapes[name], values[name]);
    const y = given('y');
    const args = { x: given('x'), k: given('k'), b: given('b'), y, relu: true };
    conv3x3(recorder, { label: 'self-test', ...args, rung: '03_register_blocked' });
    recorder.read('y', y);
  });
  return nmse(results.get('y')!, conv3x3InFloat64(values.x, values.k, values.b, SIZES, true));
}

function filled(shape: Shape, value: (i: number) => number): Float32Array {
  return Float32Array.from({ length: sizeOf(shape) }, (_, i) => value(i));
}
