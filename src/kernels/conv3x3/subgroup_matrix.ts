// Which of the adapter's products of matrices 07_subgroup_matrix computes with, and what tile of them a workgroup owns.

import type { Gpu } from '../../gpu/gpu.js';
import type { SubgroupMatrixConfig } from '../../gpu/subgroups.js';

/** A graphics card's tile, whatever the product. */
const [BM, BN, BK] = [128, 64, 32];

/** Subgroups down and across that share it; fewer where they are so large that a workgroup has no room for four. */
const SUBGROUPS = [
  [2, 2],
  [1, 2],
  [1, 1],
] as const;

/** Numbers of a product: a matrix of each subgroup lies in workgroup memory, beside the two tiles. */
const MAX_PRODUCT = 256;

/** The adapter's best product for 07: f16 in and f32 out, 16x16x16 or else the largest; none where it has none that fits. */
export function matrixOf({ info }: Pick<Gpu, 'info'>): SubgroupMatrixConfig | undefined {
  const worth = ({ M, N, K }: SubgroupMatrixConfig) =>
    M === 16 && N === 16 && K === 16 ? Infinity : M * N * K;
  return info.subgroupMatrixConfigs.filter(fits).sort((a, b) => worth(b) - worth(a))[0];
}

function fits({ componentType, resultComponentType, M, N, K }: SubgroupMatrixConfig): boolean {
  const [[down, across]] = SUBGROUPS;
  const isWhole = BM % (down * M) === 0 && BN % (across * N) === 0 && BK % K === 0;
  const isInQuads = N % 4 === 0 && K % 4 === 0;
  return (
    componentType === 'f16' && resultComponentType === 'f32' && isWhole && isInQuads && M * N <= MAX_PRODUCT
  );
}

/** Values for 07's lines `const NAME: u32 = ...;`. */
export function matrixTiling(
  { info: { isSoftware, source, maxSubgroup }, limits }: Pick<Gpu, 'info' | 'limits'>,
  { M, N, K }: SubgroupMatrixConfig,
): Record<string, number> {
  const most = Math.min(limits.maxComputeInvocationsPerWorkgroup, limits.maxComputeWorkgroupSizeX);
  const [down, across] = SUBGROUPS.find(([m, n]) => m * n * maxSubgroup <= most) ?? [1, 1];
  // Pixels of which the workgroup's threads copy K depths at once: none of them may have nothing to copy.
  const copied = (4 * down * across * maxSubgroup) / K;
  return {
    ...{ SM: M, SN: N, SK: K },
    ...{ SUBGROUPS_M: down, SUBGROUPS_N: across, SUBGROUP: maxSubgroup },
    // On CPUs, Mesa writes out every number of every product: seconds for each of a subgroup's, of which cards' tile has 128 of 8x8x8.
    ...(isSoftware && source !== 'null'
      ? { BM: Math.max(down * M, copied), BN: across * N, BK: K }
      : { BM, BN, BK }),
  };
}
