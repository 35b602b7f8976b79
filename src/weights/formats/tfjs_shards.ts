// The files in which TensorFlow.js keeps a model's numbers: end to end they are one stretch of bytes, whatever tensors
// lie across their borders.

import { WeightsError } from '../../errors.js';
import { asWeightsError, type Bytes, FileFault, openBeside, type RandomAccessFile } from '../file.js';
import { fileName, quote } from '../text.js';

/** tfjs' own shards have 4 MB, so that a browser keeps them: 139 for VGG16. */
const MOST_SHARDS = 20_000;

export interface Shards extends Bytes {
  /** In bytes, all together. */
  readonly size: number;
}

interface Shard {
  readonly name: string;
  readonly start: number;
  readonly end: number;
}

/**
 * Shards one after the other. Each is opened when it is read.
 *
 * @param model  model.json, in whose folder they are
 * @param names  as model.json says them
 * @throws FileFault for names that lead out of the folder; WeightsError for shards that are missing
 */
export async function openShards(model: RandomAccessFile, names: readonly string[]): Promise<Shards> {
  if (names.length > MOST_SHARDS) throw new FileFault(`${names.length} shards are more than any model has`);
  const shards: Shard[] = [];
  let size = 0;
  for (const name of names) {
    if (shards.some((shard) => shard.name === checkedName(name)))
      throw new FileFault(`shard ${quote(name)} is listed twice`);
    const file = await openShard(model, checkedName(name));
    await file.close();
    shards.push({ name, start: size, end: size + file.size });
    size += file.size;
  }
  return { size, read: (position, target) => readAcross(model, shards, position, target) };
}

/** A name that stays in the folder, for every system that might read it. */
function checkedName(name: string): string {
  const parts = name.split('/');
  const isInside =
    !/[\\:\0]/.test(name) && parts.every((part) => part !== '' && part !== '.' && part !== '..');
  if (isInside) return name;
  throw new FileFault(
    `shard ${quote(name)} is not a file in the model's folder: put it there, and its name into model.json`,
  );
}

async function openShard(model: RandomAccessFile, name: string): Promise<RandomAccessFile> {
  const shard = await openBeside(model, name, false);
  if (shard) return shard;
  const folder = model.path.slice(0, model.path.length - fileName(model.path).length);
  throw new WeightsError(`${folder}${name}: no such file`);
}

async function readAcross(
  model: RandomAccessFile,
  shards: readonly Shard[],
  position: number,
  target: Uint8Array,
): Promise<void> {
  const end = position + target.length;
  for (const { name, ...shard } of shards) {
    if (shard.end <= position || shard.start >= end) continue;
    const from = Math.max(position, shard.start);
    const part = target.subarray(from - position, Math.min(end, shard.end) - position);
    const file = await openShard(model, name);
    try {
      await file.read(from - shard.start, part);
    } catch (error) {
      throw asWeightsError(file.path, error);
    } finally {
      await file.close();
    }
  }
}
