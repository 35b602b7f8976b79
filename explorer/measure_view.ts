// Measure this adapter: what it can do at most, and the convolutions' share of it; the result downloads as JSON.

import type { BenchReport, BenchResult } from '../src/bench/report.js';
import { VggError } from '../src/errors.js';
import { byId, element } from './dom.js';
import { measure } from './measure.js';
import type { Explored } from './network.js';

export interface MeasureHost {
  readonly explored: () => Explored;
  readonly size: () => number;
  readonly say: (text: string, isBad?: boolean) => void;
}

export function showMeasure(host: MeasureHost): void {
  const result = element('div', { 'aria-live': 'polite' });
  const start = element('button', { type: 'button' }, 'Measure');
  start.addEventListener('click', async () => {
    start.disabled = true;
    try {
      const report = await measure(host.explored(), host.size(), (step) => host.say(`Measuring: ${step}…`));
      host.say('');
      show(result, report);
    } catch (error) {
      if (!(error instanceof VggError)) throw error;
      host.say(error.message, true);
    } finally {
      start.disabled = false;
    }
  });
  byId('measure-body').replaceChildren(
    element(
      'p',
      { class: 'hint' },
      'Times the convolutions of this network on this adapter, from pixels on the host to numbers on the host: the median of seven passes. The side of the image is that under "Look". Close other programs, and leave this page in front.',
    ),
    element('p', {}, start),
    result,
  );
}

function show(body: HTMLElement, report: BenchReport): void {
  const { results, leftOut, peak, adapter, driver } = report;
  const table = element(
    'table',
    {},
    element(
      'tr',
      {},
      ...['images', 'ms', 'images/s', 'GFLOP/s', 'of the peak'].map((name) => element('th', {}, name)),
    ),
    ...results.map((one) =>
      element('tr', {}, ...cellsOf(one, peak!.gflops).map((cell) => element('td', {}, cell))),
    ),
    ...leftOut.map(({ batch, reason }) =>
      element(
        'tr',
        {},
        element('td', {}, String(batch)),
        element('td', { colspan: '4' }, `left out: ${reason}`),
      ),
    ),
  );
  const file = new Blob([`${JSON.stringify(report, null, 1)}\n`], { type: 'application/json' });
  const name =
    `e2e-${[adapter.vendor, adapter.architecture].filter(Boolean).join('-') || 'adapter'}.json`.replace(
      /[^\w.-]+/g,
      '-',
    );
  body.replaceChildren(
    element('h3', {}, driver || `${adapter.vendor} ${adapter.architecture}`),
    element(
      'p',
      {},
      `At most ${peak!.gflops.toFixed(0)} GFLOP/s in f32, and ${peak!.gbps.toFixed(0)} GB/s read from memory, as measured here.`,
    ),
    table,
    element(
      'p',
      { class: 'buttons' },
      element('a', { class: 'button', href: URL.createObjectURL(file), download: name }, 'Download as JSON'),
    ),
    element(
      'p',
      { class: 'hint' },
      "The file has the form of the project's bench/results. Winograd's kernels need fewer multiplications than the formula that GFLOP/s are counted by, and may pass the peak.",
    ),
  );
}

function cellsOf({ batch, medianMs, flops }: BenchResult, peak: number): string[] {
  const gflops = flops! / medianMs / 1e6;
  return [
    String(batch),
    medianMs.toPrecision(3),
    ((1000 * batch) / medianMs).toPrecision(3),
    gflops.toFixed(0),
    `${((100 * gflops) / peak).toFixed(0)} %`,
  ];
}
