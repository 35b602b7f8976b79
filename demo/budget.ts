// How much work fits into the time that a newcomer is willing to wait.

/** What is computed: the side of the pictures in px, and the drawings of each class that are learnt from. */
export interface Setting {
  readonly size: number;
  readonly perClass: number;
}

/** Drawings of each class by the unseen artist: half as many. */
export function unseenOf(perClass: number): number {
  return Math.ceil(perClass / 2);
}

/** The part of a setting that the user has fixed. */
export type Fixed = { readonly [K in keyof Setting]?: Setting[K] | undefined };

/** From the least work to the most. More drawings help more than larger ones do (measured), so they come first. */
export const LADDER: readonly Setting[] = [
  { size: 48, perClass: 10 },
  { size: 48, perClass: 15 },
  { size: 48, perClass: 20 },
  { size: 48, perClass: 30 },
  { size: 64, perClass: 20 },
  { size: 64, perClass: 30 },
  { size: 96, perClass: 30 },
  { size: 128, perClass: 30 },
  { size: 160, perClass: 30 },
  { size: 224, perClass: 30 },
];

/** The probe's size: the smallest one, so that the pipelines it warms up are of use where time is shortest. */
export const PROBE_SIZE = LADDER[0]!.size;

/** Everything, the start of the process and the last line included, in seconds. */
export function timeLimit(adapter: { description: string; isSoftware: boolean }): number {
  if (!adapter.isSoftware) return 20;
  return /swiftshader/i.test(adapter.description) ? 240 : 90;
}

/** The share of the limit that is planned for: the machine may turn out slower than the probe, by other programs. */
const PLANNED_SHARE = 0.5;

/** Seconds that the chosen setting may take by prediction. @param elapsed seconds since the start of the process */
export function timeAvailable(limit: number, elapsed: number): number {
  return limit * PLANNED_SHARE - elapsed;
}

/** VGG16's convolutions cost the same for every pixel, so one timed picture predicts all sizes. */
export function predictSeconds(
  setting: Setting,
  classes: number,
  probe: { size: number; secondsPerPicture: number },
): number {
  const pictures = (setting.perClass + unseenOf(setting.perClass)) * classes;
  return probe.secondsPerPicture * (setting.size / probe.size) ** 2 * pictures;
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
