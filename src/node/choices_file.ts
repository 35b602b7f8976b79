// Choices as a JSON file, one for each adapter and dtype. It says what they were measured with: by another driver or version of
// this package they would not be the fastest any more, and might not exist.

import { createHash } from 'node:crypto';
import { readFile, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Gpu } from '../gpu/gpu.js';
import type { TensorDtype } from '../gpu/tensor.js';
import {
  Choices,
  type ChoicesKey,
  type ChoicesRecord,
  choicesKeyOf,
  choicesOf,
  type FoundChoices,
  recordOf,
} from '../network/choices.js';
import { writeAtomically } from './atomic_file.js';
import { cacheFolder } from './cache.js';
import { makeFolders, refusing } from './disk.js';

/** Driver and version are not in the name, so that what is no good any more is replaced. */
export function choicesPath({ adapter, dtype }: ChoicesKey, folder = cacheFolder()): string {
  const { vendor, architecture, device } = adapter;
  const text = JSON.stringify([vendor, architecture, device, dtype]);
  const name = createHash('sha256').update(text).digest('hex').slice(0, 16);
  return join(folder, 'tuning', `${name}.json`);
}

/** Whether choices are wanted where nobody says so: the environment may have VGG16_TUNED=0. */
export function areChoicesWanted(): boolean {
  return process.env.VGG16_TUNED !== '0';
}

/** What there is for this adapter. A file that cannot be used is a fault to be told, never an error. */
export async function readChoices(gpu: Gpu, dtype: TensorDtype, path?: string): Promise<FoundChoices> {
  const key = choicesKeyOf(gpu, dtype);
  const file = path ?? choicesPath(key);
  const { choices, fault } = await readFile(file, 'utf8').then(
    (text) => choicesIn(gpu, key, text),
    (error: NodeJS.ErrnoException) => ({
      choices: Choices.NONE,
      fault: error.code === 'ENOENT' ? undefined : error.message,
    }),
  );
  const advice = 'what `vgg16 tune` chose is left aside until it is run again';
  return { choices, fault: fault === undefined ? undefined : `${file}: ${fault}; ${advice}` };
}

/** The choices that a model is to use. @param tuned  as `Vgg16Options` has it */
export async function choicesFor(
  gpu: Gpu,
  dtype: TensorDtype,
  tuned: boolean | ChoicesRecord = areChoicesWanted(),
): Promise<FoundChoices> {
  if (typeof tuned === 'object') {
    const { choices, fault } = choicesOf(gpu, choicesKeyOf(gpu, dtype), tuned);
    return { choices, fault: fault && `what was chosen before ${fault}; it is left aside` };
  }
  return tuned ? readChoices(gpu, dtype) : { choices: Choices.NONE, fault: undefined };
}

function choicesIn(gpu: Gpu, key: ChoicesKey, text: string): FoundChoices {
  let record: unknown;
  try {
    record = JSON.parse(text);
  } catch (error) {
    return { choices: Choices.NONE, fault: `is damaged (${(error as Error).message})` };
  }
  return choicesOf(gpu, key, record);
}

/**
 * Adds choices to a file. One that is damaged, or of another driver or version, is replaced. Another process may do the same: what
 * the file has is read anew each time.
 *
 * @throws OutputError
 */
export async function addChoices(path: string, gpu: Gpu, dtype: TensorDtype, added: Choices): Promise<void> {
  const { choices } = await readChoices(gpu, dtype, path);
  const record = recordOf(choicesKeyOf(gpu, dtype), choices.with(added));
  await refusing(path, () => makeFolders(dirname(path)));
  await writeAtomically(path, (append) => append(Buffer.from(`${JSON.stringify(record, undefined, 1)}\n`)));
}

/** Whether there was such a file. @throws OutputError */
export async function removeChoices(path: string): Promise<boolean> {
  return refusing(path, () => rm(path)).then(
    () => true,
    (error) => {
      if ((error.cause as NodeJS.ErrnoException | undefined)?.code === 'ENOENT') return false;
      throw error;
    },
  );
}
