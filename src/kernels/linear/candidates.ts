// Which rungs, and over how many workgroups, may be the fastest: what a tuner tries, and all that it may have chosen.

import type { Gpu } from '../../gpu/gpu.js';
import { bestLinearRung, canRunLinear, GEMV_MAX_BATCH, type LinearRung } from './linear.js';

/** How a fully connected layer is computed: all that decides its time, and how it rounds. */
export interface LinearChoice {
  readonly rung: LinearRung;
  /** As `LinearArguments.workgroups`. */
  readonly workgroups?: number;
}

interface Candidate {
  readonly rung: LinearRung;
  readonly workgroups: readonly (number | undefined)[];
  readonly suits: (N: number) => boolean;
}

const CANDIDATES: readonly Candidate[] = [
  {
    rung: '03_gemv',
    workgroups: [undefined, 128, 256, 512, 2048, 4096],
    suits: (N) => N <= GEMV_MAX_BATCH,
  },
  { rung: '05_subgroup', workgroups: [undefined, 64, 256, 1024], suits: (N) => N >= 4 },
  { rung: '04_register_blocked', workgroups: [undefined, 64, 256, 1024], suits: (N) => N >= 4 },
];

/** What is chosen without a tuner. */
export function defaultLinear(gpu: Gpu, { N }: { readonly N: number }): LinearChoice {
  return { rung: bestLinearRung(gpu, N) };
}

/** The default first. */
export function linearCandidates(gpu: Gpu, { N }: { readonly N: number }): LinearChoice[] {
  const first = defaultLinear(gpu, { N });
  const all = CANDIDATES.filter(({ rung, suits }) => suits(N) && canRunLinear(gpu, rung)).flatMap(
    ({ rung, workgroups }) =>
      workgroups.map((count) => (count === undefined ? { rung } : { rung, workgroups: count })),
  );
  return [first, ...all.filter((choice) => !isSame(choice, first))];
}

/** Whether a tuner may choose this; of what is read from a file, nothing else is believed. */
export function isLinearCandidate(gpu: Gpu, sizes: { readonly N: number }, choice: LinearChoice): boolean {
  return linearCandidates(gpu, sizes).some((candidate) => isSame(candidate, choice));
}

function isSame(a: LinearChoice, b: LinearChoice): boolean {
  return a.rung === b.rung && a.workgroups === b.workgroups;
}
