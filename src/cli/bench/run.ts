// What every benchmark does around its measuring: a device, progress, a report, and an exit code.

import type { Measured } from '../../bench/e2e.js';
import { measurePeak } from '../../bench/peak.js';
import { type BenchReport, reportFrame } from '../../bench/report.js';
import type { ExitCode } from '../../errors.js';
import type { TensorDtype } from '../../gpu/tensor.js';
import type { Choices } from '../../network/choices.js';
import { areChoicesWanted, readChoices } from '../../node/choices_file.js';
import { Gpu } from '../../node/gpu.js';
import { createSteps } from '../progress.js';
import { heedingInterrupts } from '../stopping.js';
import type { Terminal } from '../terminal.js';
import { type BenchFlags, checkFiles, deliver } from './options.js';
import { exitCodeOf } from './text.js';

export interface Benchmark {
  readonly name: string;
  /** What was asked for, beyond the name: it stands in the report. */
  readonly settings: BenchReport['settings'];
  /** Whether the adapter's peak is measured first. */
  readonly peak?: boolean;
  /** Of our own weights: what `vgg16 tune` chose for these is used, unless the flags say otherwise. */
  readonly tuned?: readonly TensorDtype[];
  readonly measure: (gpu: Gpu, context: Context) => Promise<Measured>;
  readonly text: (report: BenchReport) => string;
  /** Drawings by the path that was asked for. */
  readonly drawings: readonly (readonly [path: string | undefined, svg: (report: BenchReport) => string])[];
}

export interface Context {
  readonly onStep: (step: string) => void;
  readonly choices: ReadonlyMap<TensorDtype, Choices>;
  readonly signal: AbortSignal;
}

/** @throws what `measure` does; OutputError; the signal's reason */
export async function runBenchmark(
  { name, settings, peak, tuned = [], measure, text, drawings }: Benchmark,
  flags: Pick<BenchFlags, 'adapter' | 'json' | 'out' | 'rounds' | 'maxSeconds' | 'untuned'>,
  terminal: Terminal,
): Promise<ExitCode> {
  await checkFiles([flags.out, ...drawings.map(([path]) => path)]);
  const gpu = await Gpu.open({ adapter: flags.adapter });
  const steps = createSteps(terminal);
  try {
    const isTuned = !flags.untuned && areChoicesWanted();
    const choices = await choicesOf(gpu, isTuned ? tuned : [], terminal);
    const context = { onStep: steps.show, choices, signal: terminal.signal };
    const measured = await heedingInterrupts(terminal, async () => ({
      ...(peak && { peak: await measurePeak(gpu) }),
      ...(await measure(gpu, context)),
    }));
    steps.end();
    const { rounds, maxSeconds } = flags;
    const report: BenchReport = {
      ...reportFrame(name, gpu, {
        ...settings,
        ...(tuned.length > 0 && { tuned: choices.size > 0 }),
        ...{ rounds, 'max-seconds': maxSeconds },
      }),
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

/** What was chosen for this adapter, by dtype; what cannot be read of it is told. */
async function choicesOf(
  gpu: Gpu,
  dtypes: readonly TensorDtype[],
  terminal: Terminal,
): Promise<Map<TensorDtype, Choices>> {
  const found = new Map<TensorDtype, Choices>();
  for (const dtype of dtypes) {
    const { choices, fault } = await readChoices(gpu, dtype);
    if (fault !== undefined) terminal.note(fault);
    if (!choices.isEmpty) found.set(dtype, choices);
  }
  return found;
}
