// A probe of the adapter, and what it says about how much can be computed.
import { duration } from '../src/cli/progress.js';
import {
  chooseSetting,
  type Fixed,
  PROBE_SIZE,
  predictSeconds,
  type Setting,
  timeLimit,
  timePlan,
} from './budget.js';
import { CLASSES } from './classes.js';
import { averagedFeatures, BATCH } from './extract.js';
import type { DemoModel } from './model.js';
import type { Surroundings } from './surroundings.js';

export interface Plan {
  readonly setting: Setting;
  /** Seconds since the start of the process after which no more is computed. */
  readonly stopAt: number;
}

/** Decides how much is computed. The clock only stops a run that was sized here: what the user fixed is done in full. */
export async function makePlan(
  model: DemoModel,
  fixed: Fixed,
  { stderr, now, signal }: Surroundings,
): Promise<Plan> {
  const secondsPerBatch = await probe(model, now, signal);
  const predict = (setting: Setting) =>
    predictSeconds(setting, CLASSES.length, { size: PROBE_SIZE, secondsPerPicture: secondsPerBatch / BATCH });
  const { available, stopAt } = timePlan(timeLimit(model.gpu.info), now());
  const setting = chooseSetting(available, fixed, predict);
  stderr.write(
    `probe    ${BATCH} drawings at ${PROBE_SIZE} px take ${duration(1000 * secondsPerBatch)}\n` +
      `plan     ${setting.perClass * CLASSES.length} drawings at ${setting.size} px, ` +
      `about ${duration(1000 * predict(setting))} (--size and --per-class choose otherwise)\n`,
  );
  const isFixed = fixed.size !== undefined && fixed.perClass !== undefined;
  return { setting, stopAt: isFixed ? Number.POSITIVE_INFINITY : stopAt };
}

/** Seconds of one batch: the second of two equal ones, for the first also compiles the pipelines. */
async function probe(model: DemoModel, now: () => number, signal: AbortSignal): Promise<number> {
  const data = new Uint8Array(PROBE_SIZE * PROBE_SIZE * 3).fill(255);
  const pictures = Array.from({ length: BATCH }, () => ({ width: PROBE_SIZE, height: PROBE_SIZE, data }));
  await averagedFeatures(model, pictures, signal);
  const begin = now();
  await averagedFeatures(model, pictures, signal);
  return now() - begin;
}
