// Results of a benchmark as tables for people.

import type { BenchReport, BenchResult } from '../../bench/report.js';
import { EXIT_CODES, type ExitCode } from '../../errors.js';
import { alignedRows, wrapped } from '../table.js';
import type { Colours } from '../terminal.js';
import { byteText, grouped } from '../units.js';

/** Above this NMSE against float64 a result is not another rounding but another result. f16 rounds at about 1e-7. */
export const WRONG_NMSE = 1e-5;

/** The lines that all tables begin with. */
export function headingOf({ adapter, driver, host, settings }: BenchReport): string[] {
  const device = adapter.isSoftware ? `no GPU, ${host.cores} cores of ${host.cpu}` : adapter.device;
  const said = Object.entries(settings).map(([name, value]) => `${name} ${value}`);
  return [`Adapter  ${driver} (${device})`, `Asked    ${said.join(', ')}`];
}

/** What the adapter can do at most. */
export function peakLine({ peak }: BenchReport): string {
  return `Peak     ${peak!.gflops.toPrecision(3)} GFLOP/s in registers, ${peak!.gbps.toPrecision(3)} GB/s from memory`;
}

/** That something of ours is wrong, or that there is nothing of ours, is a failure; that of a peer's is a result. */
export function exitCodeOf({ results }: Pick<BenchReport, 'results'>): ExitCode {
  const ours = results.filter(({ engine }) => !/^(tfjs|onnxruntime)-/.test(engine));
  const isRight = ours.every(({ nmse }) => nmse === undefined || (nmse !== null && nmse <= WRONG_NMSE));
  return isRight && ours.length > 0 ? EXIT_CODES.ok : EXIT_CODES.gpu;
}

/** Milliseconds with three digits that count. */
export function msText(ms: number): string {
  return ms >= 100 ? ms.toFixed(0) : ms >= 10 ? ms.toFixed(1) : ms >= 1 ? ms.toFixed(2) : ms.toFixed(3);
}

/** Pictures a second with three digits that count. */
function rateText(rate: number): string {
  return rate >= 999.5 ? grouped(Math.round(rate)) : rate.toPrecision(3);
}

export function timesText(factor: number): string {
  return `${factor >= 10 ? factor.toFixed(1) : factor.toFixed(2)}x`;
}

/** `8.1e-14`; what is wrong is called so. */
export function nmseText(nmse: number | null | undefined, colours: Colours): string {
  if (nmse === undefined) return '';
  if (nmse === null) return colours.red('WRONG: NaN');
  const text = nmse === 0 ? '0' : nmse.toExponential(1);
  return nmse <= WRONG_NMSE ? text : colours.red(`WRONG: ${text}`);
}

/** One block of engines that did the same. */
export function enginesTable(results: readonly BenchResult[], base: string, colours: Colours): string[] {
  const compared = results.find(({ engine }) => engine === base);
  const rows = results.map(({ engine, batch, medianMs, minMs, maxMs, nmse }) => [
    engine,
    ...[medianMs, minMs, maxMs].map(msText),
    rateText((1000 * batch) / medianMs),
    compared ? timesText(compared.medianMs / medianMs) : '',
    nmseText(nmse, colours),
  ]);
  const heading = ['engine', 'ms', 'least', 'most', 'pictures/s', compared ? `${base} is 1x` : '', 'NMSE'];
  const right = { align: 'right' } as const;
  return alignedRows([heading, ...rows], [{}, right, right, right, right, right, {}]);
}

/** Engines that were started, with the most that each process held in memory. */
export function coldTable(results: readonly BenchResult[], base: string, colours: Colours): string[] {
  const compared = results.find(({ engine }) => engine === base);
  const rows = results.map(({ engine, medianMs, minMs, maxMs, nmse, peakBytes }) => [
    engine,
    ...[medianMs, minMs, maxMs].map(msText),
    compared ? timesText(compared.medianMs / medianMs) : '',
    peakBytes === undefined ? '' : byteText(peakBytes),
    nmseText(nmse, colours),
  ]);
  const heading = ['engine', 'ms', 'least', 'most', compared ? `${base} is 1x` : '', 'memory', 'NMSE'];
  const right = { align: 'right' } as const;
  return alignedRows([heading, ...rows], [{}, right, right, right, right, right, {}]);
}

/** What is not in the table, and why, one line a reason. */
export function leftOutLines({ leftOut }: Pick<BenchReport, 'leftOut'>): string[] {
  const reasons = new Map<string, string[]>();
  for (const { engine, scope, batch, side, start, reason } of leftOut) {
    const key = `${engine}: ${reason}`;
    const size = side === undefined ? '' : ` at ${side} px`;
    reasons.set(key, [
      ...(reasons.get(key) ?? []),
      `${scope} of ${batch}${size}${start === 'cold' ? ', cold' : ''}`,
    ]);
  }
  return [...reasons].flatMap(([reason, what]) => wrapped(`Left out  ${what.join(', ')}, ${reason}`, 100));
}
