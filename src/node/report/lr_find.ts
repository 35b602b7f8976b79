// The search for a learning rate: loss over ever higher rates, and the rate that is suggested.

import { linearScale, lineChart, logScale } from '../../plot/line_chart.js';
import { standaloneSvg } from '../../plot/svg.js';
import { short } from '../../text.js';

/** What a step of the search came to. */
export interface RatePoint {
  readonly lr: number;
  readonly loss: number;
}

const WIDTH = 720;
const HEIGHT = 340;
const BOX = { left: 56, right: WIDTH - 60, top: 50, bottom: HEIGHT - 34 };

/** Above this share of the first loss a curve that runs away is cut off: the valley is what matters. */
const SHOWN_ABOVE_FIRST = 1.5;

/**
 * A whole SVG file.
 *
 * @param curve       by ascending rate, of at least two points; losses that are not finite are left out
 * @param suggestion  a rate, as a rule one of the curve's
 */
export function lrFindSvg(curve: readonly RatePoint[], suggestion: number): string {
  const finite = curve.filter(({ loss }) => Number.isFinite(loss));
  const losses = finite.map(({ loss }) => loss);
  const low = losses.reduce((a, b) => Math.min(a, b), losses[0] ?? 0);
  const high = losses.reduce((a, b) => Math.max(a, b), low);
  const top = Math.min(high, low + SHOWN_ABOVE_FIRST * ((losses[0] ?? high) - low || high - low));
  const points = finite.map(({ lr, loss }) => ({ x: lr, y: loss }));
  const runsAway = points.findIndex(({ y }, i) => i > 0 && y > top);
  const rates = [curve[0]?.lr ?? 1e-7, curve.at(-1)?.lr ?? 10] as const;
  return standaloneSvg({
    width: WIDTH,
    height: HEIGHT,
    title: 'Loss over the learning rate',
    description: `Suggested learning rate: ${short(suggestion)}. Lowest loss: ${short(low)}.`,
    body: lineChart({
      heading: 'Loss over the learning rate',
      box: BOX,
      x: logScale(rates, [BOX.left, BOX.right]),
      y: linearScale([low, top], [BOX.bottom, BOX.top]),
      formatX: short,
      formatY: short,
      nameOfX: 'rate',
      curves: [{ name: '', kind: 'main', points: runsAway < 0 ? points : points.slice(0, runsAway) }],
      mark: { x: suggestion, text: `suggested: ${short(suggestion)}` },
    }),
  });
}
