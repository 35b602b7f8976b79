// From values to positions in a plot, and the round values that stand at its axes.

export interface Scale {
  /** A value's position in px. */
  readonly at: (value: number) => number;
  /** Round values, ascending, none outside of the scale. */
  readonly ticks: readonly number[];
}

type Interval = readonly [low: number, high: number];

/** A linear scale from `low` to `high`, which are widened to round values where `widen` says so. */
export function linearScale(
  [low, high]: Interval,
  [from, to]: Interval,
  { most = 5, smallestStep = 0, widen = true } = {},
): Scale {
  const step = Math.max(niceStep((high - low) / most), smallestStep);
  // A hair's breadth of tolerance: 0.3 / 0.1 is 2.9999999999999996.
  const first = (widen ? Math.floor : Math.ceil)(low / step + (widen ? 1e-9 : -1e-9));
  const last = (widen ? Math.ceil : Math.floor)(high / step + (widen ? -1e-9 : 1e-9));
  const ticks = Array.from({ length: last - first + 1 }, (_, i) =>
    Number(((first + i) * step).toPrecision(12)),
  );
  const [start, end] = widen ? [first * step, last * step] : [low, high];
  const at = (value: number) =>
    start === end ? (from + to) / 2 : from + ((value - start) / (end - start)) * (to - from);
  return { at, ticks };
}

/** A logarithmic scale of positive values; its ticks are powers of ten, with 2 and 5 times them where there is room. */
export function logScale([low, high]: Interval, [from, to]: Interval): Scale {
  const [start, end] = [Math.log10(low), Math.log10(high)];
  const factors = end - start > 3 ? [1] : [1, 2, 5];
  const every = Math.ceil((end - start) / 8);
  const ticks: number[] = [];
  for (let power = Math.floor(start); power <= Math.ceil(end); power++) {
    if (power % every !== 0) continue;
    for (const factor of factors) {
      const tick = Number(`${factor}e${power}`);
      if (tick >= low * (1 - 1e-9) && tick <= high * (1 + 1e-9)) ticks.push(tick);
    }
  }
  const at = (value: number) =>
    start === end ? (from + to) / 2 : from + ((Math.log10(value) - start) / (end - start)) * (to - from);
  return { at, ticks };
}

/** 1, 2 or 5 times a power of ten: the smallest that is not below `least`. */
function niceStep(least: number): number {
  if (least <= 0) return 1;
  const power = 10 ** Math.floor(Math.log10(least) + 1e-9);
  const factor = [1, 2, 5, 10].find((candidate) => candidate * power >= least * (1 - 1e-9))!;
  return factor * power;
}
