// Results of a benchmark as tables for people.

import { isOurs } from '../../bench/engine.js';
import type { BenchReport, BenchResult } from '../../bench/report.js';
import { EXIT_CODES, type ExitCode } from '../../errors.js';
import { byteText, whole } from '../../text.js';
import { alignedRows, wrapped } from '../table.js';
import type { Colours } from '../terminal.js';

/** Above this NMSE against float64 a result is not another rounding but another result. */
const WRONG_NMSE = 1e-9;
/** Of what rounds to 11 bits: weights, or with 07 the input as well. */
const WRONG_NMSE_F16 = 1e-5;

function boundOf(engine: string): number {
  return /f16$|07_subgroup_matrix$/.test(engine) ? WRONG_NMSE_F16 : WRONG_NMSE;
}

/** NaN, which JSON has as null, is wrong; what was not looked at is not. */
export function isWrong({ engine, nmse }: Pick<BenchResult, 'engine' | 'nmse'>): boolean {
  return nmse === null || (nmse !== undefined && !(nmse <= boundOf(engine)));
}

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

/** That something of ours is wrong, or could not run, is a failure; that of a peer's is a result. */
export function exitCodeOf({ results, leftOut }: Pick<BenchReport, 'results' | 'leftOut'>): ExitCode {
  const ours = results.filter(({ engine }) => isOurs(engine));
  const failed = leftOut.some(({ engine, kind }) => isOurs(engine) && kind === 'failed');
  return ours.some(isWrong) || failed || ours.length === 0 ? EXIT_CODES.gpu : EXIT_CODES.ok;
}

/** Milliseconds with three digits that count. */
export function msText(ms: number): string {
  return ms >= 100 ? ms.toFixed(0) : ms >= 10 ? ms.toFixed(1) : ms >= 1 ? ms.toFixed(2) : ms.toFixed(3);
}

/** Pictures a second with three digits that count. */
function rateText(rate: number): string {
  return rate >= 999.5 ? whole(Math.round(rate)) : rate.toPrecision(3);
}

export function timesText(factor: number): string {
  return `${factor >= 10 ? factor.toFixed(1) : factor.toFixed(2)}x`;
}

/** `8.1e-14`; what is wrong is called so. */
export function nmseText(result: Pick<BenchResult, 'engine' | 'nmse'>, colours: Colours): string {
  const { nmse } = result;
  if (nmse === undefined) return '';
  const text = nmse === null ? 'NaN' : nmse === 0 ? '0' : nmse.toExponential(1);
  return isWrong(result) ? colours.red(`WRONG: ${text}`) : text;
}

/** One block of engines that did the same. */
export function enginesTable(results: readonly BenchResult[], base: string, colours: Colours): string[] {
  const compared = results.find(({ engine }) => engine === base);
  const rows = results.map(({ engine, batch, medianMs, minMs, maxMs, nmse }) => [
    engine,
    ...[medianMs, minMs, maxMs].map(msText),
    rateText((1000 * batch) / medianMs),
    compared ? timesText(compared.medianMs / medianMs) : '',
    nmseText({ engine, nmse }, colours),
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
    nmseText({ engine, nmse }, colours),
  ]);
  const heading = ['engine', 'ms', 'least', 'most', compared ? `${base} is 1x` : '', 'memory', 'NMSE'];
  const right = { align: 'right' } as const;
  return alignedRows([heading, ...rows], [{}, right, right, right, right, right, {}]);
}

/** Of what was left out for one reason, so many are named. */
const MOST_NAMED = 4;

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
  return [...reasons].flatMap(([reason, what]) => {
    const more = what.length > MOST_NAMED ? ` and ${what.length - MOST_NAMED} more` : '';
    return wrapped(`Left out  ${what.slice(0, MOST_NAMED).join(', ')}${more}, ${reason}`, 80);
  });
}
