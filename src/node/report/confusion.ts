// The confusion matrix: a row a class, a column what its pictures were taken for, a cell as strong as its share of the row.

import { type Figure, label, shortened, standaloneSvg } from '../../plot/svg.js';
import { counted, percent, whole } from '../../text.js';
import type { Evaluation } from '../../train/metrics.js';

/** A cell's side in px for few classes, and from which side on something can be written into it. */
const SIDES: readonly (readonly [classes: number, side: number])[] = [
  [4, 88],
  [12, 54],
  [24, 32],
  [40, 24],
];
const SHARE_FROM = 54;
const COUNT_FROM = 24;

/** The matrix of more classes than that is so wide, in px, but a cell is at most and at least so large. */
const WIDE = 800;
const [LARGEST_CELL, SMALLEST_CELL] = [16, 1];

/** Below this side a name does not fit beside its row. */
const NAME_FROM = 8;
const LONGEST_NAME = 18;
const LONGEST_IN_HINT = 40;

/** Shares are drawn in so many steps, the weakest of which can still be seen. */
const SHADES = 20;
const FAINTEST = 0.07;

/** The shares from which on writing in a cell is dark, or as light as the paper (in a dark room: as dark). */
const DARK_TEXT_FROM = 0.55;
const PAPER_TEXT_FROM = 0.8;

type Matrix = readonly (readonly number[])[];

/** The matrix as a file. */
export function confusionSvg(evaluation: Evaluation): string {
  return standaloneSvg(confusionFigure(evaluation));
}

export function confusionFigure({ classes, confusion, accuracy, count }: Evaluation): Figure {
  const side = sideOf(classes.length);
  const size = side * classes.length;
  const names = side < NAME_FROM ? [] : classes.map((name) => shortened(name, LONGEST_NAME));
  const font = Math.min(12, side * 0.85);
  const longest = names.reduce((most, name) => Math.max(most, widthOf(name) * font), 0);
  const slanted = Math.ceil(longest * Math.SQRT1_2);
  const [left, top] = [Math.max(Math.ceil(longest), 52) + 16, slanted + 46];
  const totals = confusion.map((row) => row.reduce((sum, n) => sum + n, 0));
  const shares = confusion.map((row, truth) => row.map((n) => (n === 0 ? 0 : n / totals[truth]!)));
  const rows = names.map((name, i) =>
    label(left - 8, top + (i + 0.5) * side + font * 0.35, name, 'ink end', { size: font }),
  );
  const columns = names.map((name, i) =>
    label(left + (i + 0.5) * side + font * 0.25, top - 7, name, 'ink', { size: font, turned: -45 }),
  );
  return {
    width: left + size + Math.max(20, slanted - Math.floor(side / 2) + 16),
    height: top + size + 16,
    title: 'Confusion matrix',
    description:
      `${counted(count, 'picture')} of ${classes.length} classes, a row each; ${percent(accuracy)} lie on the diagonal, ` +
      'where the predicted class is the true one.',
    body: [
      label(left, 16, 'taken for →', 'label'),
      label(left - 8, top - 8, 'truth ↓', 'label end'),
      ...rows,
      ...columns,
      `<g transform="translate(${left} ${top})">`,
      `<rect class="empty" width="${size}" height="${size}"/>`,
      cells(shares, side),
      ...(side < COUNT_FROM ? [] : numbers(classes, confusion, totals, side)),
      '</g>',
    ].join('\n'),
  };
}

function sideOf(classes: number): number {
  const few = SIDES.find(([most]) => classes <= most);
  if (few) return few[1];
  return Math.min(LARGEST_CELL, Math.max(SMALLEST_CELL, Math.floor(WIDE / classes)));
}

/** All cells of a shade are one path, so that a thousand classes are drawn with a few elements. */
function cells(shares: Matrix, side: number): string {
  const gap = side < COUNT_FROM ? 0 : 1;
  const inner = side - 2 * gap;
  const paths = new Map<string, string[]>();
  for (const [truth, row] of shares.entries()) {
    for (const [predicted, share] of row.entries()) {
      if (share === 0) continue;
      const opacity = FAINTEST + (1 - FAINTEST) * (Math.ceil(share * SHADES) / SHADES);
      const key = `class="${predicted === truth ? 'hit' : 'miss'}" fill-opacity="${opacity.toFixed(2)}"`;
      if (!paths.has(key)) paths.set(key, []);
      paths.get(key)!.push(`M${predicted * side + gap} ${truth * side + gap}h${inner}v${inner}h-${inner}z`);
    }
  }
  return [...paths].map(([key, squares]) => `<path ${key} d="${squares.join('')}"/>`).join('\n');
}

/** The counts, and where there is room their shares of the row. */
function numbers(
  classes: readonly string[],
  confusion: Matrix,
  totals: readonly number[],
  side: number,
): string[] {
  const names = classes.map((name) => shortened(name, LONGEST_IN_HINT));
  return confusion.flatMap((row, truth) =>
    row.flatMap((n, predicted) => {
      if (n === 0) return [];
      const share = n / totals[truth]!;
      const tone = share >= PAPER_TEXT_FROM ? 'on' : share >= DARK_TEXT_FROM ? 'mid' : 'ink';
      const middle = [(predicted + 0.5) * side, (truth + 0.5) * side] as const;
      const hint = `${names[truth]} taken for ${names[predicted]}: ${whole(n)} of ${whole(totals[truth]!)}`;
      const text = String(n);
      const fitting = (side - 6) / (0.6 * text.length);
      if (side < SHARE_FROM) {
        const size = Math.min(12, fitting);
        return [label(middle[0], middle[1] + 0.35 * size, text, `${tone} middle`, { size, hint })];
      }
      return [
        label(middle[0], middle[1], text, `${tone} middle strong`, {
          size: Math.min(side / 4, fitting),
          hint,
        }),
        label(middle[0], middle[1] + 14, percent(share, 0), `${tone} middle`, { size: 11 }),
      ];
    }),
  );
}

/** About how wide a name is in em. What fonts the reader has is not known; Chinese characters and emoji are square. */
function widthOf(text: string): number {
  const square =
    /[\p{Script=Han}\p{Script=Hangul}\p{Script=Hiragana}\p{Script=Katakana}\p{Emoji_Presentation}]/u;
  return Array.from(text, (character) => (square.test(character) ? 1.1 : 0.58)).reduce((a, b) => a + b, 0);
}
