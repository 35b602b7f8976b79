// A probe of the adapter, and what it says about how much can be computed.
import { duration } from '../src/cli/progress.js';
import type { VGG16 } from '../src/index.js';
import {
  chooseSetting,
  type Fixed,
  PROBE_SIZE,
  predictSeconds,
  type Setting,
  timeAvailable,
  timeLimit,
} from './budget.js';
import { CLASSES } from './classes.js';
import type { Surroundings } from './surroundings.js';

/** What a head is trained on. Drawings are far from photos; for them it does better than block5_pool. */
export const LAYER = 'block4_pool';

/** Pictures in a forward pass, as training computes them. */
const BATCH = 8;

/** Decides how much is computed. */
export async function makePlan(
  model: VGG16,
  fixed: Fixed,
  { stderr, now, signal }: Surroundings,
): Promise<Setting> {
  const secondsPerBatch = await probe(model, now, signal);
  const predict = (setting: Setting) =>
    predictSeconds(setting, CLASSES.length, { size: PROBE_SIZE, secondsPerPicture: secondsPerBatch / BATCH });
  const setting = chooseSetting(timeAvailable(timeLimit(model.gpu.info), now()), fixed, predict);
  stderr.write(
    `probe    ${BATCH} pictures of ${PROBE_SIZE} px take ${duration(1000 * secondsPerBatch)}\n` +
      `plan     ${setting.perClass} drawings of each class to learn from, ${setting.size} px, about ` +
      `${duration(1000 * predict(setting))} (--size and --per-class choose otherwise)\n`,
  );
  return setting;
}

/** Seconds of one batch: the second of two equal ones, for the first also compiles the pipelines. */
async function probe(model: VGG16, now: () => number, signal: AbortSignal): Promise<number> {
  const data = new Uint8Array(PROBE_SIZE * PROBE_SIZE * 3).fill(255);
  const pictures = Array.from({ length: BATCH }, () => ({ width: PROBE_SIZE, height: PROBE_SIZE, data }));
  const compute = () =>
    model.features(pictures, LAYER, {
      framing: { resize: 'none', crop: 'none' },
      batch: BATCH,
      pool: 'avg',
      signal,
    });
  await compute();
  const begin = now();
  await compute();
  return now() - begin;
}
