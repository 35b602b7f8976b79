// vgg16 train --resume: a run is gone on with as it began, so that hardly anything else can be said.

import { UsageError } from '../errors.js';
import type { TrainResult } from '../node/training/new_run.js';
import { resumeRun } from '../node/training/resumed_run.js';
import type { OnEvent } from '../train/events.js';
import { withBar } from './bytes_bar.js';
import type { Terminal } from './terminal.js';
import type { TrainFlags } from './train.js';
import { runOptionsOf } from './training_options.js';

/** What only a new run can be told. All that decides what a run computes, `resumeRun` compares with what it was. */
const BEGINS_A_RUN = {
  out: '--out',
  initFrom: '--init-from',
  weights: '--weights',
  base: '--base',
  preprocess: '--preprocess',
  dtype: '--dtype',
  valShare: '--val-share',
} as const satisfies Partial<Record<keyof TrainFlags, string>>;

/** @throws UsageError for what cannot be said of a run that has begun; as `resumeRun` */
export async function goOn(
  folder: string,
  dir: string | undefined,
  flags: TrainFlags,
  terminal: Terminal,
  onEvent: OnEvent,
): Promise<TrainResult> {
  if (dir !== undefined) {
    throw new UsageError(`--resume ${folder} goes on with the run's own pictures; leave ${dir} out`);
  }
  const said = Object.entries(BEGINS_A_RUN).filter(([flag]) => flags[flag as keyof TrainFlags] !== undefined);
  if (said.length > 0) {
    const options = said.map(([, option]) => option).join(', ');
    throw new UsageError(`--resume ${folder} goes on as the run began; leave ${options} out`);
  }
  const { adapter } = flags;
  const { signal } = terminal;
  return withBar('weights', terminal, (onProgress) =>
    resumeRun(folder, { options: runOptionsOf(flags), adapter, onProgress, onEvent, signal }),
  );
}
