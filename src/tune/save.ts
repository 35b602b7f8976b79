// Choices written to their file, beside those that are there.

import { rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Gpu } from '../gpu/gpu.js';
import type { TensorDtype } from '../gpu/tensor.js';
import type { Choices } from '../network/choices.js';
import { writeAtomically } from '../node/atomic_file.js';
import { choicesKeyOf, readChoices, recordOf } from '../node/choices_file.js';
import { makeFolders, refusing } from '../node/disk.js';

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
