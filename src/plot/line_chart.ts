// From values to positions in a plot, and the round values that stand at its axes.

import { label, px } from './svg.js';

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

// Curves over an axis: grid, ticks, and the name of each curve where it ends.

export interface Point {
  readonly x: number;
  readonly y: number;
}

export interface Curve {
  readonly name: string;
  /** What the eye shall follow, or what stands beside it for comparison. */
  readonly kind: 'main' | 'side';
  /** From left to right. Points that are not finite are left out. */
  readonly points: readonly Point[];
}

/** A value of x that stands out: a line from top to bottom, a ring on the main curve. */
export interface Mark {
  readonly x: number;
  readonly text: string;
}

export interface LineChart {
  readonly heading: string;
  readonly box: Box;
  readonly x: Scale;
  readonly y: Scale;
  readonly formatX: (value: number) => string;
  readonly formatY: (value: number) => string;
  /** What x counts. */
  readonly nameOfX: string;
  readonly curves: readonly Curve[];
  readonly mark?: Mark | undefined;
}

/** The area that curves may touch, in px. Headings, ticks and names stand around it. */
export interface Box {
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
}

/** Up to so many points are shown as dots, too. */
const MOST_DOTS = 30;

/** Names of curves are at least so far apart. */
const LINE_HEIGHT = 15;

/** SVG elements. */
export function lineChart(chart: LineChart): string {
  const { heading, box, x, y, curves, mark } = chart;
  const drawn = curves.map((curve) => ({
    ...curve,
    points: curve.points.filter((point) => Number.isFinite(point.x) && Number.isFinite(point.y)),
  }));
  return [
    label(box.left, box.top - 26, heading, 'heading'),
    ...y.ticks.map((tick) => gridLine(box, y.at(tick), chart.formatY(tick))),
    ...x.ticks.map((tick) => tickBelow(box, x.at(tick), chart.formatX(tick))),
    `<path class="axis" d="M${px(box.left)} ${px(box.bottom)}H${px(box.right)}"/>`,
    label(box.right + 14, box.bottom + 18, chart.nameOfX),
    mark ? markLine(box, x.at(mark.x), mark.text) : '',
    ...drawn.map((curve) => curveElements(curve, x, y)),
    mark ? ring(drawn, mark.x, x, y) : '',
    ...namesAtEnds(drawn, chart),
  ]
    .filter(Boolean)
    .join('\n');
}

function gridLine(box: Box, at: number, text: string): string {
  const line = `<path class="grid" d="M${px(box.left)} ${px(at)}H${px(box.right)}"/>`;
  return line + label(box.left - 8, at + 4, text, 'end');
}

function tickBelow(box: Box, at: number, text: string): string {
  return `<path class="axis" d="M${px(at)} ${px(box.bottom)}v4"/>${label(at, box.bottom + 18, text, 'middle')}`;
}

function markLine(box: Box, at: number, text: string): string {
  // On the side where there is room for it.
  const anchor = at > (box.left + box.right) / 2 ? 'end' : '';
  const line = `<path class="mark" d="M${px(at)} ${px(box.top - 14)}V${px(box.bottom)}"/>`;
  return line + label(at + (anchor ? -6 : 6), box.top - 5, text, anchor);
}

function curveElements({ kind, points }: Curve, x: Scale, y: Scale): string {
  const positions = points.map((point) => `${px(x.at(point.x))} ${px(y.at(point.y))}`);
  const line = positions.length > 1 ? `<path class="curve ${kind}" d="M${positions.join('L')}"/>` : '';
  if (points.length > MOST_DOTS) return line;
  const radius = kind === 'main' ? 2.5 : 2;
  const dots = points.map(
    (point) =>
      `<circle class="dot ${kind}" cx="${px(x.at(point.x))}" cy="${px(y.at(point.y))}" r="${radius}"/>`,
  );
  return line + dots.join('');
}

function ring(curves: readonly Curve[], at: number, x: Scale, y: Scale): string {
  const main = curves.find(({ kind }) => kind === 'main');
  const point = main?.points.find((candidate) => candidate.x === at);
  return point ? `<circle class="ring" cx="${px(x.at(point.x))}" cy="${px(y.at(point.y))}" r="4.5"/>` : '';
}

/** Each curve's name beside its last point, moved apart where two end together. */
function namesAtEnds(curves: readonly Curve[], { box, y }: LineChart): string[] {
  const names = curves
    .flatMap(({ name, kind, points }) => {
      const end = points.at(-1);
      return end && name ? [{ name, kind, at: y.at(end.y) + 4 }] : [];
    })
    .sort((a, b) => a.at - b.at);
  const [upper, lower] = names;
  if (upper && lower) {
    const overlap = Math.max(0, LINE_HEIGHT - (lower.at - upper.at));
    // Not onto what is written below the axis.
    const down = Math.min(overlap / 2, Math.max(0, box.bottom - lower.at));
    lower.at += down;
    upper.at -= overlap - down;
  }
  return names.map(({ name, kind, at }) => label(box.right + 14, at, name, `label ${kind}`));
}
