// Threads that work together: how many, and which products of matrices they compute in hardware.

export interface SubgroupInfo {
  /** Threads of the smallest subgroup that a kernel may run in; 0 where subgroups cannot be used. */
  readonly minSubgroup: number;
  /** And of the largest. */
  readonly maxSubgroup: number;
  /** The products of matrices that a subgroup computes in hardware; none where that cannot be used. */
  readonly subgroupMatrixConfigs: readonly SubgroupMatrixConfig[];
}

/** A matrix (M,K) times one of (K,N), both of `componentType`; the product is of `resultComponentType`. */
export interface SubgroupMatrixConfig {
  readonly componentType: string;
  readonly resultComponentType: string;
  readonly M: number;
  readonly N: number;
  readonly K: number;
}

/** Dawn's own, in no standard yet. */
export const SUBGROUP_MATRIX = 'chromium-experimental-subgroup-matrix';

/** The null backend runs nothing, so that all that compiles will do for it: it names no products, and takes any. */
const NULL_PRODUCTS: readonly SubgroupMatrixConfig[] = [
  { componentType: 'f16', resultComponentType: 'f32', M: 16, N: 16, K: 16 },
];

/**
 * What those features that the device has come to.
 *
 * @param source  of the adapter, as `AdapterSource` has it
 */
export function subgroupsOf(
  info: Partial<GPUAdapterInfo>,
  source: string,
  features: readonly string[],
): SubgroupInfo {
  if (!features.includes('subgroups')) return { minSubgroup: 0, maxSubgroup: 0, subgroupMatrixConfigs: [] };
  const { subgroupMinSize = 0, subgroupMaxSize = 0 } = info;
  const { subgroupMatrixConfigs = [] } = info as { subgroupMatrixConfigs?: Iterable<SubgroupMatrixConfig> };
  const products = source === 'null' ? NULL_PRODUCTS : Array.from(subgroupMatrixConfigs, plainConfig);
  return {
    minSubgroup: source === 'null' ? subgroupMaxSize : subgroupMinSize,
    maxSubgroup: subgroupMaxSize,
    subgroupMatrixConfigs: features.includes(SUBGROUP_MATRIX) ? products : [],
  };
}

/** Dawn's have getters, which JSON would leave out. */
function plainConfig({
  componentType,
  resultComponentType,
  M,
  N,
  K,
}: SubgroupMatrixConfig): SubgroupMatrixConfig {
  return { componentType, resultComponentType, M, N, K };
}
