// A device that can do as much as its adapter: WebGPU grants the spec's minimum unless asked for more.

import { GpuError } from '../errors.js';
import { messageOf } from './messages.js';
import type { GpuPromises } from './promises.js';
import { SUBGROUP_MATRIX, type SubgroupInfo, subgroupsOf } from './subgroups.js';

/** Where an adapter came from. `null` is Dawn's backend that compiles and validates but executes nothing. */
export type AdapterSource = 'system' | 'swiftshader' | 'null';

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
export const WANTED_LIMITS = [
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

export type Limits = Readonly<Record<WantedLimit, number>>;

/** What of an adapter is not to be used. */
export interface DeviceOptions {
  /** Use no larger limits than these, though the adapter has them: how a lesser adapter would fare. */
  readonly atMost?: Partial<Record<WantedLimit, number>> | undefined;
  /** Do without these features, though the adapter has them: likewise. */
  readonly without?: readonly string[] | undefined;
}

/** What is known of an open device. */
export interface KnownDevice {
  readonly info: GpuInfo;
  readonly features: ReadonlySet<string>;
  readonly limits: Limits;
}

/** @throws GpuError where the adapter gives no device */
export async function requestDevice(
  adapter: GPUAdapter,
  promises: Pick<GpuPromises, 'settle'>,
  options: DeviceOptions = {},
): Promise<GPUDevice> {
  try {
    return await promises.settle(() =>
      adapter.requestDevice({
        label: 'vgg16-webgpu',
        requiredFeatures: wantedOf(adapter.features, options),
        requiredLimits: limitsOf(adapter.limits),
      }),
    );
  } catch (error) {
    throw new GpuError(`the adapter gives no device: ${messageOf(error)}`, { cause: error });
  }
}

/** @param source  of the adapter that `adapterInfo` tells of, and that gave the device */
export function knownOf(
  { features, limits }: Pick<GPUDevice, 'features' | 'limits'>,
  adapterInfo: Partial<GPUAdapterInfo>,
  source: AdapterSource,
  options: DeviceOptions = {},
): KnownDevice {
  const { vendor = '', architecture = '', device = '', description = '' } = adapterInfo;
  const had = wantedOf(features, options);
  const isSoftware = isSoftwareAdapter(adapterInfo, source);
  const info = {
    ...{ vendor, architecture, device, description, source, isSoftware },
    ...subgroupsOf(adapterInfo, source, had),
  };
  return { info, features: new Set(had), limits: atMost(limitsOf(limits), options.atMost) };
}

/** How drivers call themselves that compute on the CPU: Mesa's, Google's, Microsoft's. */
const SOFTWARE_DRIVERS = /llvmpipe|lavapipe|softpipe|swiftshader|microsoft basic render|\bwarp\b/i;

/**
 * Whether a CPU computes. Dawn says so of Vulkan's and Direct3D's software drivers (`isFallbackAdapter`); for an implementation of
 * WebGPU that does not, the driver's names tell. The null backend counts as software, too: it is no card.
 */
export function isSoftwareAdapter(info: Partial<GPUAdapterInfo>, source: AdapterSource): boolean {
  const { vendor, architecture, device, description, isFallbackAdapter } = info;
  const names = [vendor, architecture, device, description].join(' ');
  return source !== 'system' || isFallbackAdapter === true || SOFTWARE_DRIVERS.test(names);
}

function wantedOf(features: GPUSupportedFeatures, { without = [] }: DeviceOptions): GPUFeatureName[] {
  const wanted = WANTED_FEATURES.filter((name) => features.has(name) && !without.includes(name));
  // The one is refused without the other.
  return wanted.filter(
    (name) => name !== (SUBGROUP_MATRIX as GPUFeatureName) || wanted.includes('subgroups'),
  );
}

function limitsOf(limits: GPUSupportedLimits): Record<WantedLimit, number> {
  return Object.fromEntries(WANTED_LIMITS.map((name) => [name, Number(limits[name])])) as Record<
    WantedLimit,
    number
  >;
}

function atMost(limits: Limits, wanted: DeviceOptions['atMost'] = {}): Limits {
  const lowered = WANTED_LIMITS.map((name) => [name, Math.min(limits[name], wanted[name] ?? limits[name])]);
  return Object.fromEntries(lowered) as Record<WantedLimit, number>;
}
