// Results of a benchmark, with what is needed to compare them with others later.

import { availableParallelism, cpus } from 'node:os';
import { UsageError, VggError } from '../errors.js';
import type { GpuInfo } from '../gpu/device.js';
import type { Gpu } from '../gpu/gpu.js';
import { requireFrom } from './peers/installed.js';
import type { Timing } from './turns.js';

/** How fast one engine computed something, and how right. */
export interface BenchResult extends Timing {
  /** An `EngineName`, or a rung of a ladder. */
  readonly engine: string;
  /** A `Scope`, a layer's name, or `train-step`. */
  readonly scope: string;
  readonly batch: number;
  /** Of its output against float64; NaN has no place in JSON and is null. Absent where it was not looked at. */
  readonly nmse?: number | null | undefined;
  /** `cold`: from the start of a process. */
  readonly start?: 'warm' | 'cold';
  /** Height and width of the pictures in px. */
  readonly side?: number;
  /** The most that the engine's process held in memory. */
  readonly peakBytes?: number | undefined;
  /** What the engine held on its device. */
  readonly deviceBytes?: number | undefined;
  /** Floating point operations of one run, as the formula has them: what Winograd saves is not taken off. */
  readonly flops?: number;
  /** The least that must be moved: input, weights and output, each once. */
  readonly bytes?: number;
}

/** Why something was left out: it would take too long, is not installed or not measured, or the engine or device refused. */
export type LeftOutKind = 'slow' | 'absent' | 'failed';

/** What an engine did not do. */
export interface LeftOut {
  readonly kind: LeftOutKind;
  readonly engine: string;
  readonly scope: string;
  readonly batch: number;
  readonly start?: 'warm' | 'cold';
  readonly side?: number;
  readonly reason: string;
}

export interface BenchReport {
  /** As it was asked for: `e2e`, `ladder conv3x3`, ... */
  readonly benchmark: string;
  readonly adapter: Omit<GpuInfo, 'description'>;
  /** The driver's own words. */
  readonly driver: string;
  readonly host: { readonly cpu: string; readonly cores: number; readonly platform: string };
  readonly versions: Readonly<Record<string, string>>;
  readonly commit: string;
  /** What was asked for, beyond the name. */
  readonly settings: Readonly<Record<string, unknown>>;
  readonly results: readonly BenchResult[];
  readonly leftOut: readonly LeftOut[];
  /** What the adapter can do at most, where it was measured. */
  readonly peak?: { readonly gflops: number; readonly gbps: number };
}

/** @throws what is no fault of the engine or the device: bugs, and what the user stopped */
export function faultOf(error: unknown): Pick<LeftOut, 'kind' | 'reason'> {
  if (!(error instanceof VggError)) throw error;
  return { kind: error instanceof UsageError ? 'absent' : 'failed', reason: error.message };
}

/** What is true of all results of a run. */
export function reportFrame(
  benchmark: string,
  gpu: Gpu,
  settings: BenchReport['settings'],
): Omit<BenchReport, 'results' | 'leftOut'> {
  const { description, ...adapter } = gpu.info;
  const host = {
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: availableParallelism(),
    platform: `${process.platform} ${process.arch}`,
  };
  return {
    benchmark,
    adapter,
    driver: description,
    host,
    versions: versions(),
    commit: __COMMIT__,
    settings,
  };
}

const PACKAGES = ['webgpu', '@tensorflow/tfjs-core', 'onnxruntime-node'];

function versions(): Record<string, string> {
  const installed = PACKAGES.flatMap((name) => {
    const require = requireFrom(`${name}/package.json`);
    return require ? [[name, (require(`${name}/package.json`) as { version: string }).version]] : [];
  });
  return { 'vgg16-webgpu': __VERSION__, node: process.version, ...Object.fromEntries(installed) };
}

/** As the files in bench/results are. */
export function reportJson(report: BenchReport): string {
  return `${JSON.stringify(report, null, 1)}\n`;
}
