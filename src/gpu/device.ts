// Opens a device that can as much as its adapter: WebGPU grants the spec's minimum unless asked for more.

import { GpuError } from '../errors.js';
import {
  type AdapterOptions,
  type AdapterSource,
  findAdapter,
  isSoftwareAdapter,
} from '../node/dawn/adapter.js';
import { settle } from '../node/dawn/promises.js';
import { group, listOf, type OptionRules, text, whole } from '../options.js';
import { messageOf } from './messages.js';
import { SUBGROUP_MATRIX, type SubgroupInfo, subgroupsOf } from './subgroups.js';

/** What can be told of an adapter. */
export interface GpuInfo extends SubgroupInfo {
  readonly vendor: string;
  readonly architecture: string;
  readonly device: string;
  /** The driver's own words, for instance `llvmpipe: Mesa 25.0.7 (LLVM 15.0.6)`. */
  readonly description: string;
  readonly source: AdapterSource;
  /** True where a CPU computes. */
  readonly isSoftware: boolean;
}

/** Asked for wherever the adapter has them. */
const WANTED_FEATURES: readonly GPUFeatureName[] = [
  'timestamp-query',
  'shader-f16',
  'subgroups',
  SUBGROUP_MATRIX as GPUFeatureName,
];

/** Asked for as large as the adapter allows. */
const WANTED_LIMITS = [
  'maxStorageBufferBindingSize',
  'maxBufferSize',
  'maxComputeWorkgroupStorageSize',
  'maxComputeInvocationsPerWorkgroup',
  'maxComputeWorkgroupSizeX',
  'maxComputeWorkgroupSizeY',
  'maxComputeWorkgroupSizeZ',
  'maxComputeWorkgroupsPerDimension',
] as const;

export type WantedLimit = (typeof WANTED_LIMITS)[number];

export interface GpuOptions extends AdapterOptions {
  /** Use no larger limits than these, though the adapter has them: how a lesser adapter would fare. */
  readonly atMost?: Partial<Record<WantedLimit, number>> | undefined;
  /** Do without these features, though the adapter has them: likewise. */
  readonly without?: readonly string[] | undefined;
}

/** For `checkOptions`. */
export const GPU_OPTIONS: OptionRules<GpuOptions> = {
  adapter: text,
  atMost: group(
    Object.fromEntries(WANTED_LIMITS.map((name) => [name, whole(0)])) as OptionRules<
      NonNullable<GpuOptions['atMost']>
    >,
  ),
  without: listOf(text),
};

export interface OpenDevice {
  readonly device: GPUDevice;
  readonly info: GpuInfo;
  readonly features: ReadonlySet<string>;
  readonly limits: Readonly<Record<WantedLimit, number>>;
}

/** @throws NoAdapterError when there is no adapter, GpuError when it gives no device */
export async function openDevice(options: GpuOptions): Promise<OpenDevice> {
  const { adapter, source } = await findAdapter(options);
  const features = wantedOf(adapter, options.without);
  const limits = Object.fromEntries(
    WANTED_LIMITS.map((name) => [name, Number(adapter.limits[name])]),
  ) as Record<WantedLimit, number>;
  let device: GPUDevice;
  try {
    device = await settle(() =>
      adapter.requestDevice({
        label: 'vgg16-webgpu',
        requiredFeatures: features,
        requiredLimits: limits,
      }),
    );
  } catch (error) {
    throw new GpuError(`the adapter gives no device: ${messageOf(error)}`, { cause: error });
  }
  const { vendor, architecture, device: name, description } = adapter.info;
  const isSoftware = isSoftwareAdapter(adapter.info, source);
  const info = {
    ...{ vendor, architecture, device: name, description, source, isSoftware },
    ...subgroupsOf(adapter, source, features),
  };
  return { device, info, features: new Set(features), limits: atMost(limits, options.atMost) };
}

function wantedOf({ features }: GPUAdapter, without: readonly string[] = []): GPUFeatureName[] {
  const wanted = WANTED_FEATURES.filter((name) => features.has(name) && !without.includes(name));
  // The one is refused without the other.
  return wanted.filter(
    (name) => name !== (SUBGROUP_MATRIX as GPUFeatureName) || wanted.includes('subgroups'),
  );
}

function atMost(
  limits: Record<WantedLimit, number>,
  wanted: GpuOptions['atMost'] = {},
): Record<WantedLimit, number> {
  const lowered = WANTED_LIMITS.map((name) => [name, Math.min(limits[name], wanted[name] ?? limits[name])]);
  return Object.fromEntries(lowered) as Record<WantedLimit, number>;
}
