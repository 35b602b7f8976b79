// Results as bars: engines of the whole network, layers, rungs.

import { type Figure, label, px, standaloneSvg } from '../../plot/svg.js';
import { isOurs } from '../engine.js';
import { ladderRows } from '../ladder.js';
import type { BenchReport, BenchResult } from '../report.js';

/** Pictures a second, scope by scope and batch by batch. */
export function enginesBars(report: BenchReport): string {
  const { results } = report;
  const keyOf = ({ scope, batch, start }: BenchResult) =>
    start === 'cold' ? `${scope}, from the start of a process` : `${scope}, batch ${batch}`;
  const groups = [...new Set(results.map(keyOf))].map((heading) => {
    const rows = results.filter((result) => keyOf(result) === heading);
    const base = rows.find(({ engine }) => engine === 'tfjs-webgpu');
    const bars = rows.map(({ engine, batch, medianMs }) => ({
      name: engine,
      value: batch / medianMs,
      text: `${milliseconds(medianMs)}${base ? `, ${times(base.medianMs / medianMs)}` : ''}`,
      kind: kindOf(engine),
    }));
    return { heading, bars };
  });
  const subtitle = `Pictures a second, longer is better; ${where(report)}`;
  const title = report.benchmark === 'train-step' ? "A head's training step" : 'VGG16, pass by pass';
  return standaloneSvg(barChart({ title, subtitle, groups, scale: 'each' }));
}

/** Milliseconds, layer by layer. */
export function layersBars(report: BenchReport): string {
  const { results } = report;
  const groups = [...new Set(results.map(({ scope }) => scope))].map((heading) => ({
    heading,
    bars: results.filter(({ scope }) => scope === heading).map(timeBar),
  }));
  const subtitle = `Milliseconds, shorter is better; ${where(report)}`;
  return standaloneSvg(barChart({ title: 'VGG16, layer by layer', subtitle, groups, scale: 'common' }));
}

/** Arithmetic a second, rung by rung. */
export function ladderBars(report: BenchReport): string {
  const rows = ladderRows(report);
  const best = Math.max(...rows.filter(({ engine }) => isOurs(engine)).map(({ gflops }) => gflops));
  const bars = rows.map(({ engine, ms, gflops }) => ({
    name: engine,
    value: gflops,
    text: `${gflops.toPrecision(3)} GFLOP/s, ${milliseconds(ms)}`,
    kind: isOurs(engine) ? (gflops === best ? ('main' as const) : ('side' as const)) : ('other' as const),
  }));
  const subtitle = `GFLOP/s of the formula, longer is better; ${where(report)}`;
  const title = `The ${report.benchmark.replace('ladder ', 'ladder of ')}`;
  return standaloneSvg(barChart({ title, subtitle, groups: [{ heading: '', bars }], scale: 'common' }));
}

function timeBar({ engine, medianMs }: BenchResult) {
  return { name: engine, value: medianMs, text: milliseconds(medianMs), kind: kindOf(engine) };
}

function kindOf(engine: string): BarKind {
  if (isOurs(engine)) return 'main';
  return engine === 'tfjs-webgpu' ? 'other' : 'side';
}

function milliseconds(ms: number): string {
  return `${ms >= 100 ? Math.round(ms).toLocaleString('en') : ms.toPrecision(3)} ms`;
}

function times(factor: number): string {
  return `${factor >= 9.95 ? factor.toFixed(0) : factor.toFixed(1)}x`;
}

function where({ driver, settings }: BenchReport): string {
  return settings.side === undefined ? `on ${driver}` : `${settings.side} px, on ${driver}`;
}

// Horizontal bars in groups, each with its name before it and its value behind it.

interface Bar {
  readonly name: string;
  readonly value: number;
  /** What stands behind the bar. */
  readonly text: string;
  /** What the eye shall follow, what stands beside it, or what it is compared with. */
  readonly kind: BarKind;
}

type BarKind = 'main' | 'side' | 'other';

interface BarGroup {
  /** Empty where there is but one. */
  readonly heading: string;
  readonly bars: readonly Bar[];
}

interface BarChart {
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

function barChart({ title, subtitle, groups, scale }: BarChart): Figure {
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
