// What is chosen without a tuner: which rung for a layer, how much scratch for Winograd's passes. Both depend on whether a
// graphics card computes or a CPU.

import type { Gpu } from '../../gpu/gpu.js';
import { type Conv3x3Rung, type Conv3x3Sizes, canRun } from './rungs.js';

/** What the choice looks at. */
type Adapter = Pick<Gpu, 'info' | 'features' | 'limits'>;

const kindOf = ({ info }: Pick<Adapter, 'info'>) => (info.isSoftware ? 'software' : 'hardware');

/** With fewer output channels, at least three quarters of a tile of 64 channels are empty. */
const NARROW = 16;

/**
 * How many FMAs one number of v or m costs each time it is written or read. On cards: Mesa's compiler for AMD makes 628
 * instructions of the 4x4 input transform, of which 180 are its arithmetic, so that each of its 72 numbers takes about 6 (the
 * address, the check of bounds, the access itself). On CPUs: what the times of block1_conv1 on lavapipe come to.
 */
const FMAS_PER_NUMBER = { software: 2, hardware: 6 };

/**
 * What a tile of 4x4 pixels costs in FMAs: directly, and by Winograd's three passes. The products shrink to a quarter; but the
 * transforms cost as much per channel of C and of O, however few channels there are on the other side. So Winograd needs
 * both C and O to be large.
 */
export function fmasPerTile(
  { C, O }: Pick<Conv3x3Sizes, 'C' | 'O'>,
  kind: keyof typeof FMAS_PER_NUMBER,
): { direct: number; winograd: number } {
  const transforms = 168 * C + 140 * O;
  // v has 36 numbers per channel of C, m has 36 per channel of O; each is written once and read once.
  const moved = 2 * 36 * (C + O);
  return {
    direct: 16 * 9 * C * O,
    winograd: 36 * C * O + transforms + FMAS_PER_NUMBER[kind] * moved,
  };
}

/**
 * The fastest rung for a layer of C input and O output channels on this adapter, of those that compute in f32 throughout:
 * `07_subgroup_matrix`, which rounds what it reads, is for those who ask for it.
 *
 * `06_subgroup` is for CPUs alone: there a broadcast between threads is free. On a card it was predicted to cost as much as the FMAs that
 * it feeds, and its tiles read u four times as often as those of `05_winograd_4x4`. `04_vec4` is for CPUs as well: on a card, its
 * threads would not read side by side. Timed on lavapipe, and on one card, an NVIDIA H200: there `06_subgroup` is 1.43 times as fast as
 * `05_winograd_4x4` for one image (docs/benchmarks.md). One card is too few to change the default of all.
 */
export function bestRung(adapter: Adapter, { C, O }: Pick<Conv3x3Sizes, 'C' | 'O'>): Conv3x3Rung {
  const { isSoftware } = adapter.info;
  if (isSoftware && O < NARROW) return '04_vec4';
  const { direct, winograd } = fmasPerTile({ C, O }, kindOf(adapter));
  if (direct <= winograd) return '03_register_blocked';
  return isSoftware && canRun(adapter, '06_subgroup', 'f32') ? '06_subgroup' : '05_winograd_4x4';
}

/**
 * What v and m of Winograd's passes are given each, in bytes. Tiles that do not fit go through the passes in chunks. A CPU's cache
 * holds little more than 8 MiB: at 224x224, that is a fourth of the tiles of block1_conv2 and all those of the layers from block3
 * on. A card wants few and large dispatches: at 32 images, the thirteen layers take 1,132 with 8 MiB and 148 with 64.
 */
const SCRATCH_BYTES = { software: 8 * 2 ** 20, hardware: 64 * 2 ** 20 };

/** No more than the adapter binds. */
export function defaultScratchBytes(adapter: Pick<Adapter, 'info' | 'limits'>): number {
  const { maxStorageBufferBindingSize, maxBufferSize } = adapter.limits;
  return Math.min(SCRATCH_BYTES[kindOf(adapter)], maxStorageBufferBindingSize, maxBufferSize);
}
