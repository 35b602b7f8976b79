// Results as bars: engines of the whole network, layers, rungs.

import { standaloneSvg } from '../../plot/svg.js';
import { isOurs } from '../engine.js';
import { ladderRows } from '../ladder.js';
import type { BenchReport, BenchResult } from '../report.js';
import { type BarKind, barChart } from './bar_chart.js';

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
