// What vgg16 doctor finds out about this machine. Prints nothing.

import { readdir, stat } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { EXIT_CODES, type ExitCode, VggError } from '../errors.js';
import type { GpuInfo } from '../gpu/device.js';
import type { TensorDtype } from '../gpu/tensor.js';
import { cacheFolder } from '../node/cache.js';
import { readChoices } from '../node/choices_file.js';
import { isWithoutWeights, verifyEmbeddedBase } from '../node/embedded.js';
import { Gpu } from '../node/gpu.js';
import {
  adviceFor,
  describeFeatures,
  describeLimits,
  type Feature,
  type Limit,
  largestBatchOf,
} from './doctor_meaning.js';
import { type SelfTest, selfTest } from './self_test.js';

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
    return { ok: true, message: await verifyEmbeddedBase() };
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
