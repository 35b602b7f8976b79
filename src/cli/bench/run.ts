// What every benchmark does around its measuring: a device, progress, a report, and an exit code.

import type { Measured } from '../../bench/e2e.js';
import { measurePeak } from '../../bench/peak.js';
import { type BenchReport, reportFrame } from '../../bench/report.js';
import type { ExitCode } from '../../errors.js';
import { Gpu } from '../../gpu/gpu.js';
import { heedingInterrupts } from '../stopping.js';
import type { Terminal } from '../terminal.js';
import { type BenchFlags, deliver } from './options.js';
import { createSteps } from './steps.js';
import { exitCodeOf } from './text.js';

export interface Benchmark {
  readonly name: string;
  /** What was asked for, beyond the name: it stands in the report. */
  readonly settings: BenchReport['settings'];
  /** Whether the adapter's peak is measured first. */
  readonly peak?: boolean;
  readonly measure: (gpu: Gpu, onStep: (step: string) => void) => Promise<Measured>;
  readonly text: (report: BenchReport) => string;
  /** Drawings by the path that was asked for. */
  readonly drawings: readonly (readonly [path: string | undefined, svg: (report: BenchReport) => string])[];
}

/** @throws what `measure` does; OutputError; the signal's reason */
export async function runBenchmark(
  { name, settings, peak, measure, text, drawings }: Benchmark,
  flags: Pick<BenchFlags, 'adapter' | 'json' | 'out' | 'rounds' | 'maxSeconds'>,
  terminal: Terminal,
): Promise<ExitCode> {
  const gpu = await Gpu.open({ adapter: flags.adapter });
  const steps = createSteps(terminal);
  try {
    const measured = await heedingInterrupts(terminal, async () => ({
      ...(peak && { peak: await measurePeak(gpu) }),
      ...(await measure(gpu, steps.show)),
    }));
    steps.end();
    const { rounds, maxSeconds } = flags;
    const report: BenchReport = {
      ...reportFrame(name, gpu, { ...settings, rounds, 'max-seconds': maxSeconds }),
      ...measured,
    };
    const files = drawings.map(([path, svg]) => [path, () => svg(report)] as const);
    await deliver(report, () => text(report), files, flags, terminal);
    return exitCodeOf(report);
  } finally {
    steps.end();
    gpu.dispose();
  }
}
