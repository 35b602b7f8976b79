// Horizontal bars in groups, each with its name before it and its value behind it.

import { type Figure, label, px } from '../../plot/svg.js';

export interface Bar {
  readonly name: string;
  readonly value: number;
  /** What stands behind the bar. */
  readonly text: string;
  /** What the eye shall follow, what stands beside it, or what it is compared with. */
  readonly kind: BarKind;
}

export type BarKind = 'main' | 'side' | 'other';

export interface BarGroup {
  /** Empty where there is but one. */
  readonly heading: string;
  readonly bars: readonly Bar[];
}

export interface BarChart {
  readonly title: string;
  /** Below the title: what a bar's length means, and where it was measured. */
  readonly subtitle: string;
  readonly groups: readonly BarGroup[];
  /** Bars of all groups at one scale, or each group at its own. */
  readonly scale: 'common' | 'each';
}

const WIDTH = 760;
const LEFT = 190;
/** Room for the text behind the longest bar. */
const RIGHT = 190;
const BAR = 14;
const STEP = 20;
const GROUP_GAP = 14;
const HEADING = 22;
const TOP = 74;

const FILL: Readonly<Record<BarKind, string>> = { main: 'hit', side: 'dot side', other: 'miss' };

export function barChart({ title, subtitle, groups, scale }: BarChart): Figure {
  const largest = (of: readonly BarGroup[]) =>
    Math.max(...of.flatMap(({ bars }) => bars.map((b) => b.value)));
  const overall = largest(groups);
  const parts = [label(24, 34, title, 'heading'), label(24, 54, subtitle)];
  let y = TOP;
  for (const group of groups) {
    if (group.heading) {
      parts.push(label(24, y + 12, group.heading, 'strong ink'));
      y += HEADING;
    }
    const most = scale === 'common' ? overall : largest([group]);
    for (const { name, value, text, kind } of group.bars) {
      const width = Math.max(1, ((WIDTH - LEFT - RIGHT) * value) / most);
      parts.push(
        label(LEFT - 10, y + BAR - 3, name, kind === 'main' ? 'end strong ink' : 'end'),
        `<rect class="${FILL[kind]}" x="${px(LEFT)}" y="${px(y)}" width="${px(width)}" height="${BAR}"/>`,
        label(LEFT + width + 8, y + BAR - 3, text, kind === 'main' ? 'strong ink' : ''),
      );
      y += STEP;
    }
    y += GROUP_GAP;
  }
  const said = groups.map(({ heading, bars }) =>
    `${heading} ${bars.map(({ name, text }) => `${name}: ${text}`).join(', ')}`.trim(),
  );
  return { width: WIDTH, height: y + 10, title, description: `${said.join('; ')}.`, body: parts.join('\n') };
}
