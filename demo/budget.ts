// How much work fits into the time that a newcomer is willing to wait.

/** What is computed: the side of the pictures in px, and the drawings of each class. */
export interface Setting {
  readonly size: number;
  readonly perClass: number;
}

/** The part of a setting that the user has fixed. */
export type Fixed = { readonly [K in keyof Setting]?: Setting[K] | undefined };

/** From the least work to the most. More drawings help more than larger ones do (measured), so they come first. */
export const LADDER: readonly Setting[] = [
  { size: 48, perClass: 12 },
  { size: 48, perClass: 16 },
  { size: 48, perClass: 24 },
  { size: 48, perClass: 32 },
  { size: 64, perClass: 24 },
  { size: 64, perClass: 32 },
  { size: 64, perClass: 40 },
  { size: 96, perClass: 40 },
  { size: 128, perClass: 40 },
  { size: 160, perClass: 40 },
  { size: 224, perClass: 40 },
];

/** The most drawings of a class that are chosen unasked. */
export const MOST_PER_CLASS = Math.max(...LADDER.map(({ perClass }) => perClass));

/** The probe's size: the smallest one, so that the pipelines it warms up are of use where time is shortest. */
export const PROBE_SIZE = LADDER[0]!.size;

/** Everything, the start of the process and the last line included, in seconds. */
export function timeLimit(adapter: { description: string; isSoftware: boolean }): number {
  if (!adapter.isSoftware) return 20;
  return /swiftshader/i.test(adapter.description) ? 240 : 90;
}

/** The share of the limit that is planned for: the machine may turn out slower than the probe, by other programs. */
const PLANNED_SHARE = 0.5;

/** The share of the limit after which no more is computed; the rest is for timings, sheet and farewell. */
const STOP_SHARE = 0.8;

export interface TimePlan {
  /** Seconds that the chosen setting may take by prediction. */
  readonly available: number;
  /** Seconds since the start of the process at which computing stops. */
  readonly stopAt: number;
}

/** @param elapsed seconds since the start of the process */
export function timePlan(limit: number, elapsed: number): TimePlan {
  return { available: limit * PLANNED_SHARE - elapsed, stopAt: limit * STOP_SHARE };
}

/** VGG16's convolutions cost the same for every pixel, so one timed picture predicts all sizes. */
export function predictSeconds(
  setting: Setting,
  classes: number,
  probe: { size: number; secondsPerPicture: number },
): number {
  return probe.secondsPerPicture * (setting.size / probe.size) ** 2 * setting.perClass * classes;
}

/**
 * The last rung of the ladder that fits into `available` seconds, else the first one. What the user has fixed stays
 * fixed; the rungs then only offer the other number.
 */
export function chooseSetting(
  available: number,
  fixed: Fixed,
  predict: (setting: Setting) => number,
): Setting {
  const rungs = LADDER.map((rung) => ({
    size: fixed.size ?? rung.size,
    perClass: fixed.perClass ?? rung.perClass,
  })).sort((a, b) => predict(a) - predict(b));
  return rungs.findLast((rung) => predict(rung) <= available) ?? rungs[0]!;
}
