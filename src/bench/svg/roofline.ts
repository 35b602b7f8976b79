// The roofline: what an adapter can do at most at each ratio of arithmetic to memory traffic, and what was done.
//
// Source   Williams, Waterman and Patterson, "Roofline: An Insightful Visual Performance Model for Multicore
//          Architectures", 2009

import { logScale, type Scale } from '../../plot/line_chart.js';
import { label, px, standaloneSvg } from '../../plot/svg.js';
import { isOurs } from '../engine.js';
import { ladderRows } from '../ladder.js';
import type { BenchReport } from '../report.js';

interface Dot {
  readonly engine: string;
  readonly layer: string;
  /** FLOP/B: of input, weights and output, each moved once. */
  readonly intensity: number;
  readonly gflops: number;
}

const WIDTH = 760;
const HEIGHT = 480;
const BOX = { left: 76, right: 736, top: 96, bottom: 416 };

/** @param report  with a peak, of layers that have `flops` and `bytes` */
export function rooflineSvg(report: BenchReport): string {
  const { gflops: roof, gbps } = report.peak!;
  const shown = enginesToShow(report);
  const dots = report.results
    .filter(({ engine }) => shown.some((one) => one.engine === engine))
    .filter(({ flops = 0, bytes = 0 }) => flops > 0 && bytes > 0)
    .map(({ engine, scope, flops, bytes, medianMs }): Dot => {
      return { engine, layer: scope, intensity: flops! / bytes!, gflops: flops! / medianMs / 1e6 };
    });
  const intensities = [...dots.map(({ intensity }) => intensity), roof / gbps];
  const speeds = [...dots.map(({ gflops }) => gflops), roof];
  const xs: [number, number] = [Math.min(...intensities) / 2, Math.max(...intensities) * 2];
  const ys: [number, number] = [Math.min(...speeds) / 2, Math.max(...speeds) * 2];
  const x = logScale(xs, [BOX.left, BOX.right]);
  const y = logScale(ys, [BOX.bottom, BOX.top]);
  const body = [
    label(24, 34, `Under the roof of ${report.driver}`, 'heading'),
    label(
      24,
      54,
      `${roof.toPrecision(3)} GFLOP/s in registers, ${gbps.toPrecision(3)} GB/s from memory; each dot a layer of VGG16 at ` +
        `${report.settings.side} px, batch ${report.settings.batch}`,
    ),
    ...axes(x, y),
    roofLine(x, y, { roof, gbps, from: Math.max(xs[0], ys[0] / gbps), to: xs[1] }),
    ...shown.map(({ engine, look }, i) => legend(engine, look, i)),
    ...shown.flatMap(({ engine, look }) =>
      dots.filter((dot) => dot.engine === engine).map((dot) => circle(dot, look, x, y)),
    ),
  ];
  const said = shown.map(({ engine }) => {
    const own = dots.filter((dot) => dot.engine === engine).map(({ gflops }) => gflops);
    return `${engine}: ${Math.min(...own).toPrecision(2)} to ${Math.max(...own).toPrecision(2)} GFLOP/s`;
  });
  return standaloneSvg({
    width: WIDTH,
    height: HEIGHT,
    title: `Roofline of ${report.driver}`,
    description: `At most ${roof.toPrecision(3)} GFLOP/s and ${gbps.toPrecision(3)} GB/s. ${said.join('; ')}.`,
    body: body.join('\n'),
  });
}

type Look = 'dot main' | 'dot side' | 'miss';

/** Of a ladder, the fastest rung and the naive one; and who computes on the same adapter: the roof is not others'. */
function enginesToShow(report: BenchReport): { engine: string; look: Look }[] {
  const engines = [...new Set(report.results.map(({ engine }) => engine))];
  const rows = ladderRows(report).filter(({ engine }) => isOurs(engine));
  const best = rows.sort((a, b) => a.ms - b.ms)[0]?.engine ?? engines[0]!;
  const first = engines.find(isOurs)!;
  const peers = engines.filter((engine) => engine === 'tfjs-webgpu');
  return [...new Set([best, ...peers, first])].map((engine) => ({
    engine,
    look: engine === best ? 'dot main' : engine === 'tfjs-webgpu' ? 'miss' : 'dot side',
  }));
}

function axes(x: Scale, y: Scale): string[] {
  return [
    ...x.ticks.flatMap((tick) => [
      `<path class="grid" d="M${px(x.at(tick))} ${BOX.top}V${BOX.bottom}"/>`,
      label(x.at(tick), BOX.bottom + 18, String(tick), 'middle'),
    ]),
    ...y.ticks.flatMap((tick) => [
      `<path class="grid" d="M${BOX.left} ${px(y.at(tick))}H${BOX.right}"/>`,
      label(BOX.left - 8, y.at(tick) + 4, tick.toLocaleString('en'), 'end'),
    ]),
    `<path class="axis" d="M${BOX.left} ${BOX.bottom}H${BOX.right}"/>`,
    label(
      (BOX.left + BOX.right) / 2,
      BOX.bottom + 42,
      'FLOP for each byte of input, weights and output',
      'middle',
    ),
    label(24, (BOX.top + BOX.bottom) / 2, 'GFLOP/s', 'middle', { turned: -90 }),
  ];
}

function roofLine(
  x: Scale,
  y: Scale,
  { roof, gbps, from, to }: { roof: number; gbps: number; from: number; to: number },
): string {
  const ridge = roof / gbps;
  const path = `M${px(x.at(from))} ${px(y.at(from * gbps))}L${px(x.at(ridge))} ${px(y.at(roof))}H${px(x.at(to))}`;
  return `<path class="curve side" d="${path}"/>`;
}

function circle({ engine, layer, intensity, gflops }: Dot, look: Look, x: Scale, y: Scale): string {
  const hint = `${layer}, ${engine}: ${gflops.toPrecision(3)} GFLOP/s`;
  return `<circle class="${look}" cx="${px(x.at(intensity))}" cy="${px(y.at(gflops))}" r="4.5"><title>${hint}</title></circle>`;
}

function legend(engine: string, look: Look, i: number): string {
  const left = BOX.left + 170 * i;
  return `<circle class="${look}" cx="${left + 5}" cy="76" r="4.5"/>\n${label(left + 16, 80, engine, 'ink')}`;
}
