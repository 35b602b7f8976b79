// What vgg16 doctor finds out about this machine. Prints nothing.

import { readdir, stat } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { EXIT_CODES, type ExitCode, VggError } from '../errors.js';
import type { GpuInfo } from '../gpu/device.js';
import { runOnce } from '../gpu/recorder.js';
import { type Shape, sizeOf, type TensorDtype } from '../gpu/tensor.js';
import { conv3x3 } from '../kernels/conv3x3/conv3x3.js';
import { cacheFolder } from '../node/cache.js';
import { readChoices } from '../node/choices_file.js';
import { EMBEDDED, isWithoutWeights, verifyPackaged } from '../node/embedded.js';
import { Gpu } from '../node/gpu.js';
import { nmse } from '../reference/compare.js';
import { conv3x3 as conv3x3InFloat64 } from '../reference/conv3x3.js';
import {
  adviceFor,
  describeFeatures,
  describeLimits,
  type Feature,
  type Limit,
  largestBatchOf,
} from './doctor_meaning.js';

/** What `vgg16 doctor --json` prints. */
export interface Findings {
  /** The exit code. */
  readonly code: ExitCode;
  readonly versions: Versions;
  readonly adapter: AdapterFindings | null;
  /** Why no adapter could be opened. */
  readonly fault: string | null;
  readonly embeddedBase: BaseFindings;
  readonly cache: { readonly folder: string; readonly bytes: number };
  readonly advice: readonly string[];
}

export interface Versions {
  readonly package: string;
  readonly node: string;
  /** Of the npm package `webgpu`, which is Dawn. */
  readonly webgpu: string | null;
  /** For instance `linux x64`. */
  readonly platform: string;
}

export interface AdapterFindings extends GpuInfo {
  readonly features: readonly Feature[];
  readonly limits: readonly Limit[];
  /** Pictures of 224 px in a forward pass, at most. */
  readonly largestBatch: number;
  /** Shapes that kernels were chosen for by `vgg16 tune`, by how weights are kept. */
  readonly tuned: Readonly<Record<TensorDtype, number>>;
  readonly selfTest: SelfTest;
}

export interface BaseFindings {
  readonly ok: boolean;
  readonly message: string;
}

/** @throws nothing that is wrong with the machine: that is what it finds */
export async function examine(adapterName: string | undefined): Promise<Findings> {
  const [embeddedBase, cacheBytes] = await Promise.all([checkEmbeddedBase(), folderSize(cacheFolder())]);
  const common = {
    versions: versions(),
    embeddedBase,
    cache: { folder: cacheFolder(), bytes: cacheBytes },
  };
  let gpu: Gpu;
  try {
    gpu = await Gpu.open({ adapter: adapterName });
  } catch (error) {
    if (!(error instanceof VggError)) throw error;
    return { code: error.exitCode, ...common, adapter: null, fault: error.message, advice: [] };
  }
  try {
    const test = await selfTest(gpu);
    const tuned = await Promise.all([readChoices(gpu, 'f32'), readChoices(gpu, 'f16')]);
    const [f32, f16] = tuned.map(({ choices }) => choices.size) as [number, number];
    const faults = tuned.flatMap(({ fault }) => (fault === undefined ? [] : [fault]));
    const adapter = {
      ...gpu.info,
      features: describeFeatures(gpu.features),
      limits: describeLimits(gpu.limits),
      largestBatch: largestBatchOf(gpu.limits),
      tuned: { f32, f16 },
      selfTest: test,
    };
    const code = !test.passed ? EXIT_CODES.gpu : embeddedBase.ok ? EXIT_CODES.ok : EXIT_CODES.weights;
    return { code, ...common, adapter, fault: null, advice: [...adviceFor(gpu), ...faults] };
  } finally {
    gpu.dispose();
  }
}

function versions(): Versions {
  let webgpu: string | null = null;
  try {
    webgpu = (createRequire(import.meta.url)('webgpu/package.json') as { version: string }).version;
  } catch {
    // Not installed; opening an adapter says so in its own words.
  }
  return {
    package: __VERSION__,
    node: process.version,
    webgpu,
    platform: `${process.platform} ${process.arch}`,
  };
}

async function checkEmbeddedBase(): Promise<BaseFindings> {
  if (isWithoutWeights()) return { ok: true, message: 'left out of this bundle, which is for benchmarks' };
  try {
    return { ok: true, message: await verifyPackaged(EMBEDDED) };
  } catch (error) {
    if (!(error instanceof VggError)) throw error;
    return { ok: false, message: error.message };
  }
}

/** Bytes of the files in a folder and below; 0 where there is none. */
async function folderSize(folder: string): Promise<number> {
  const names = await readdir(folder, { recursive: true }).catch(() => []);
  const sizes = names.map(async (name) => {
    const found = await stat(join(folder, name)).catch(() => undefined);
    return found?.isFile() ? found.size : 0;
  });
  return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
}

// Does the GPU really compute? One small convolution, held against float64 on the CPU.

interface SelfTest {
  readonly passed: boolean;
  readonly message: string;
  readonly milliseconds: number;
}

/** Odd, so that tiles stick out of the picture on two sides. */
const SIZES = { N: 1, H: 9, W: 13, C: 8, O: 12 } as const;

/** Single precision leaves about 1e-14 here; a wrong result is off by about 1. */
const TOLERANCE = 1e-9;

async function selfTest(gpu: Gpu): Promise<SelfTest> {
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
