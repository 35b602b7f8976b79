// Safetensors files, and the heads that are kept in them, by their paths.

import { asWeightsError } from '../../weights/file.js';
import { type HeadFile, type HeadToWrite, openHead, writeHeadWith } from '../../weights/head_file.js';
import { readSafetensors, safetensorsChunks, type TensorToWrite } from '../../weights/safetensors.js';
import type { WeightsSource } from '../../weights/source.js';
import { writeAtomically } from '../atomic_file.js';
import { openFile } from '../files.js';

/** @throws WeightsError where the file is missing, and as `readSafetensors` */
export async function openSafetensors(path: string): Promise<WeightsSource> {
  return await readSafetensors(await openFile(path));
}

/**
 * Writes `safetensorsChunks`. The file appears under its name only when it is complete and on the disk.
 *
 * @throws WeightsError for tensors that the format cannot hold, or whose data does not have the size of their shape
 * @throws OutputError  where the file cannot be written
 */
export async function writeSafetensors(
  path: string,
  tensors: readonly TensorToWrite[],
  metadata: Readonly<Record<string, string>> = {},
): Promise<void> {
  try {
    const chunks = safetensorsChunks(tensors, metadata);
    await writeAtomically(path, async (append) => {
      for await (const chunk of chunks) await append(chunk);
    });
  } catch (error) {
    throw asWeightsError(path, error);
  }
}

/** @throws WeightsError where the file is missing, damaged or no head */
export async function openHeadFile(path: string): Promise<HeadFile> {
  return await openHead(await openSafetensors(path));
}

/** As `writeHeadWith`; the file appears only when it is complete and on the disk. */
export async function writeHead(path: string, head: HeadToWrite): Promise<void> {
  await writeHeadWith(path, head, writeSafetensors);
}
