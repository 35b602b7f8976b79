// What an adapter's features and limits mean for VGG16, and what would make things better.

import type { GpuInfo } from '../gpu/device.js';
import type { Gpu } from '../gpu/gpu.js';
import { mebibytes } from '../gpu/messages.js';
import { SUBGROUP_MATRIX } from '../gpu/subgroups.js';
import { columnsPerPiece } from '../kernels/linear/pieces.js';
import { largestActivation, largestBatch, MAX_BATCH } from '../model/batches.js';
import { PAPER_WIDTHS, planLayers } from '../network/layers.js';
import { installAdvice } from '../node/dawn/adapter.js';
import { byteText, whole } from '../text.js';

export interface Feature {
  readonly name: string;
  readonly present: boolean;
  readonly use: string;
}

const USES: Readonly<Record<string, string>> = {
  'timestamp-query': "the time of each layer, by the GPU's own clock",
  'shader-f16': 'weights kept as f16 (--dtype f16) are widened by the hardware',
  subgroups: 'threads read for each other, in subgroups of 8 or more',
  [SUBGROUP_MATRIX]: 'matrices multiplied by hardware: conv3x3/07, if asked for',
};

export function describeFeatures(features: ReadonlySet<string>): Feature[] {
  return Object.entries(USES).map(([name, use]) => ({ name, present: features.has(name), use }));
}

/** Sizes of subgroups, and the matrices of f16 with sums in f32 that they multiply. */
export function describeSubgroups({ minSubgroup, maxSubgroup, subgroupMatrixConfigs }: GpuInfo): string {
  if (maxSubgroup === 0) return 'none';
  const threads = minSubgroup === maxSubgroup ? `${maxSubgroup}` : `${minSubgroup} to ${maxSubgroup}`;
  const matrices = subgroupMatrixConfigs
    .filter(
      ({ componentType, resultComponentType }) => `${componentType} ${resultComponentType}` === 'f16 f32',
    )
    .map(({ M, N, K }) => `${M}x${N}x${K}`);
  return `${threads} threads${matrices.length > 0 ? `, matrices of ${matrices.join(', ')}` : ''}`;
}

export interface Limit {
  /** WebGPU's own. */
  readonly name: keyof Gpu['limits'];
  readonly value: number;
  /** Name and value as people say them. */
  readonly title: string;
  readonly text: string;
  readonly meaning: string;
}

/** Pictures of this size are what VGG16 was made for. */
const SIDE = 224;

export function describeLimits(limits: Gpu['limits']): Limit[] {
  const layers = planLayers(PAPER_WIDTHS, SIDE, SIDE, 'softmax');
  const fc1 = layers.find(({ name }) => name === 'fc1')!;
  const depth = fc1.inputShape.reduce((product, side) => product * side, 1);
  const columns = fc1.shape[0]!;
  const pieces = Math.ceil(columns / columnsPerPiece(limits, depth, columns));
  const inPieces = pieces === 1 ? 'in one piece' : `in ${pieces} pieces`;
  const activation = byteText(largestActivation(layers, SIDE, SIDE));
  const limit = (
    name: Limit['name'],
    title: string,
    text: (value: number) => string,
    meaning: string,
  ): Limit => ({ name, value: limits[name], title, text: text(limits[name]), meaning });
  // That the kernels need no more than WebGPU's minimum of threads and workgroup memory is tested: they compile on
  // Dawn's null backend, which has no more.
  return [
    limit(
      'maxStorageBufferBindingSize',
      'binding',
      mebibytes,
      `what a kernel sees of a buffer: fc1 (${byteText(4 * depth * columns)}) is bound ${inPieces}`,
    ),
    limit('maxBufferSize', 'buffer', mebibytes, `a picture of ${SIDE} px needs one of ${activation}`),
    limit(
      'maxComputeWorkgroupStorageSize',
      'workgroup memory',
      (bytes) => `${bytes / 1024} KiB`,
      'the kernels need 16 KiB at most',
    ),
    limit('maxComputeInvocationsPerWorkgroup', 'workgroup threads', whole, 'the kernels need 256 at most'),
    limit(
      'maxComputeWorkgroupsPerDimension',
      'workgroups',
      whole,
      'in one direction: bounds batch x height x width',
    ),
  ];
}

/** Pictures of 224 px in a forward pass, at most. */
export function largestBatchOf(limits: Gpu['limits']): number {
  return Math.min(
    MAX_BATCH,
    largestBatch(limits, planLayers(PAPER_WIDTHS, SIDE, SIDE, 'softmax'), SIDE, SIDE),
  );
}

/** What could be better, and what looks worse than it is; a sentence each. */
export function adviceFor({ info, features }: Gpu): string[] {
  const advice: string[] = [];
  if (info.source === 'null') {
    advice.push('The null backend checks programs and computes nothing: name another adapter, or none.');
  } else if (info.source === 'swiftshader') {
    advice.push(
      `SwiftShader is the slowest adapter there is. Faster: ${installAdvice({ isSoftwareThere: true })}.`,
    );
  } else if (info.isSoftware) {
    advice.push("No GPU is used. Where this machine has one, install its vendor's driver with Vulkan.");
  }
  if (!features.has('timestamp-query')) {
    advice.push('The adapter has no clock (timestamp-query): no times of single layers.');
  }
  return advice;
}
