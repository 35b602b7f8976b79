// Which rungs and tilings may be the fastest, on one adapter or another: what a tuner tries, and the only choices that are
// accepted from a file.

import type { Gpu } from '../../gpu/gpu.js';
import type { TensorDtype } from '../../gpu/tensor.js';
import { bestRung, defaultScratchBytes } from './defaults.js';
import { type Conv3x3Rung, type Conv3x3Sizes, canRun, isWinograd } from './rungs.js';
import { chunksOf } from './winograd.js';

/** How a convolution is computed: all that decides its time, and how it rounds. */
export interface Conv3x3Choice {
  readonly rung: Conv3x3Rung;
  /** As `Conv3x3Arguments.tiling`. */
  readonly tiling?: Readonly<Record<string, number>>;
  readonly scratchBytes?: number;
}

interface Candidate {
  readonly rung: Conv3x3Rung;
  /** In the order in which they are tried. */
  readonly tilings: readonly Readonly<Record<string, number>>[];
  /** Whether it may be the fastest there; it is only tried where it can run. */
  readonly suits?: (gpu: Gpu) => boolean;
}

/** Not 01 and 02, which are there to be read. */
const CANDIDATES: readonly Candidate[] = [
  {
    rung: '06_subgroup',
    tilings: [{}, { BN: 64 }, { BN: 256 }],
  },
  // A CPU that plays a card takes minutes to compile it, and then computes no faster.
  { rung: '07_subgroup_matrix', tilings: [{}], suits: ({ info }) => !info.isSoftware },
  { rung: '05_winograd_4x4', tilings: [{}, { BM: 64 }, { BM: 32, BN: 32 }] },
  { rung: '05_winograd_2x2', tilings: [{}, { BM: 64 }] },
  { rung: '04_vec4', tilings: [{}, { BN: 16 }, { BM: 32, BN: 32 }] },
  { rung: '03_register_blocked', tilings: [{}, { BM: 128 }, { BM: 32, BN: 32 }] },
];

/** Of Winograd's v and m each; tried, besides the default, on the tiling that is best with the default. */
const SCRATCH_SIZES = [2, 8, 32, 64].map((mebibytes) => mebibytes * 2 ** 20);

/** What is chosen without a tuner. */
export function defaultConv3x3(gpu: Gpu, sizes: Pick<Conv3x3Sizes, 'C' | 'O'>): Conv3x3Choice {
  return { rung: bestRung(gpu, sizes) };
}

/** The default first. @param dtype  of the network's kernels */
export function conv3x3Candidates(gpu: Gpu, sizes: Conv3x3Sizes, dtype: TensorDtype): Conv3x3Choice[] {
  const first = defaultConv3x3(gpu, sizes);
  const possible = CANDIDATES.filter(({ rung, suits }) => canRun(gpu, rung, dtype) && (suits?.(gpu) ?? true));
  const all = possible.flatMap(({ rung, tilings }) =>
    tilings.map((tiling) => (Object.keys(tiling).length === 0 ? { rung } : { rung, tiling })),
  );
  // A tile that is mostly empty cannot be the fastest.
  const others = all.filter(({ tiling }) => (tiling?.BN ?? 0) < 2 * sizes.O);
  return [first, ...others.filter((choice) => !isSame(choice, first))];
}

/** The same with other amounts of scratch, as far as these make other chunks. */
export function conv3x3Variants(gpu: Gpu, choice: Conv3x3Choice, sizes: Conv3x3Sizes): Conv3x3Choice[] {
  const { rung } = choice;
  if (!isWinograd(rung)) return [];
  const chunk = (bytes: number) => chunksOf(rung, sizes, bytes).chunk;
  const tried = new Set([chunk(defaultScratchBytes(gpu))]);
  return SCRATCH_SIZES.flatMap((scratchBytes) => {
    if (tried.has(chunk(scratchBytes))) return [];
    tried.add(chunk(scratchBytes));
    return [{ ...choice, scratchBytes }];
  });
}

/** Whether a tuner may choose this here. Whatever else a file holds is not used. */
export function isConv3x3Candidate(
  gpu: Gpu,
  sizes: Conv3x3Sizes,
  dtype: TensorDtype,
  choice: Conv3x3Choice,
): boolean {
  return conv3x3Candidates(gpu, sizes, dtype).some((candidate) =>
    [candidate, ...conv3x3Variants(gpu, candidate, sizes)].some((variant) => isSame(variant, choice)),
  );
}

function isSame(a: Conv3x3Choice, b: Conv3x3Choice): boolean {
  const text = ({ rung, tiling = {}, scratchBytes }: Conv3x3Choice) =>
    JSON.stringify([rung, Object.entries(tiling).sort(), scratchBytes]);
  return text(a) === text(b);
}
