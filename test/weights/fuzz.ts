// Files made bad at random, and what every reader owes whoever opens one: an error that names the file, or all of its
// tensors; soon, and without taking more memory than the file's size excuses.

import { readFileSync } from 'node:fs';
import { dirname, join, sep } from 'node:path';
import { expect } from 'vitest';
import { WeightsError } from '../../src/errors.js';
import { openWeights } from '../../src/node/weights/open.js';
import { type Random, seededRandom } from '../../src/random.js';
import { describeVgg16 } from '../../src/weights/vgg16.js';
import { watchAllocations } from './allocations.js';
import { write } from './files.js';

const SLOWEST_MS = 5000;
const SPARE_BYTES = 64e6;

/** How a mutant differs from its original. */
export type Mutate = (bytes: Buffer, random: Random) => Buffer | Promise<Buffer>;

export interface FuzzOptions {
  readonly mutants: number;
  readonly seed: number;
  /** Ways to change a file besides `mutated`, taken for half of the mutants; those that know the format reach deeper. */
  readonly ways?: readonly Mutate[] | undefined;
  /** The mutants' name, where it matters. */
  readonly name?: string | undefined;
}

/** How many mutants were refused, how many could be read to their end, and whether those were a VGG16. */
export interface Outcomes {
  refused: number;
  notVgg16: number;
  read: number;
}

/**
 * Opens mutants of the originals in turn and reads them to their end.
 *
 * @param folder  for the mutants; what lies in it already, as a model's shards, may be referred to
 * @throws for the first that fails, with its number; its file is left in the folder
 */
export async function fuzz(
  folder: string,
  originals: readonly string[],
  { mutants, seed, ways = [], name = 'mutant' }: FuzzOptions,
): Promise<Outcomes> {
  const files = originals.map((path) => readFileSync(path));
  const random = seededRandom(seed);
  const outcomes: Outcomes = { refused: 0, notVgg16: 0, read: 0 };
  for (let i = 0; i < mutants; i++) {
    const bytes = files[i % files.length]!;
    const way = random.below(2) === 0 ? ways[random.below(ways.length)] : undefined;
    const path = write(folder, name, await (way ?? mutated)(bytes, random));
    try {
      outcomes[await outcomeOf(path)]++;
    } catch (error) {
      throw new Error(`mutant ${i}, of ${originals[i % files.length]}: ${path}`, { cause: error });
    }
  }
  return outcomes;
}

/** What comes of a file. Fails where that is neither a WeightsError of one line nor all tensors, or takes too much. */
export async function outcomeOf(path: string): Promise<keyof Outcomes> {
  const size = readFileSync(path).length;
  const most = 2 * size + SPARE_BYTES;
  const rss = process.memoryUsage.rss();
  const peak = process.resourceUsage().maxRSS;
  const started = performance.now();
  const { result, largest } = await watchAllocations(() => readAll(path));
  expect(performance.now() - started, 'milliseconds').toBeLessThan(SLOWEST_MS);
  expect(largest, 'bytes allocated at once').toBeLessThan(most);
  const newPeak = process.resourceUsage().maxRSS;
  if (newPeak > peak) expect(newPeak * 1024 - rss, 'bytes of memory').toBeLessThan(most);
  return result;
}

async function readAll(path: string): Promise<keyof Outcomes> {
  const source = await unlessWeightsError(path, () => openWeights(path));
  if (!source) return 'refused';
  try {
    const piece = new Uint8Array(2 ** 20);
    for (const { name, byteLength } of source.tensors.values()) {
      for (let at = 0; at < byteLength; at += piece.length) {
        const part = piece.subarray(0, byteLength - at);
        const isRead = await unlessWeightsError(path, async () => {
          await source.read(name, at, part);
          return true;
        });
        if (!isRead) return 'refused';
      }
    }
    return (await unlessWeightsError(path, () => describeVgg16(source))) ? 'read' : 'notVgg16';
  } finally {
    await source.close();
  }
}

/** The action's result; undefined where it threw a WeightsError of one line that names the file, or one beside it. */
async function unlessWeightsError<T>(path: string, action: () => T | Promise<T>): Promise<T | undefined> {
  try {
    return await action();
  } catch (error) {
    if (!(error instanceof WeightsError)) throw error;
    expect(error.message).toContain(join(dirname(path), sep));
    expect(error.message).not.toMatch(/[\p{Cc}\p{Zl}\p{Zp}]/u);
    expect(error.message.length).toBeLessThan(2000);
    return undefined;
  }
}

/** What integers of a file must not be believed to be. */
const EXTREMES = [0n, 1n, 0x7fn, 0xffn, 0x7fffn, 0xffffn, 2n ** 31n - 1n, 2n ** 31n, 2n ** 32n - 1n];
EXTREMES.push(2n ** 53n - 1n, 2n ** 53n, 2n ** 63n - 1n, 2n ** 63n, 2n ** 64n - 1n);

/** Bytes with one thing wrong, or a few: whatever the format. */
export function mutated(bytes: Buffer, random: Random): Buffer {
  const at = placeIn(bytes, random);
  const stretch = 1 + random.below(random.below(4) === 0 ? 4096 : 32);
  switch (random.below(8)) {
    case 0:
    case 1: {
      const copy = Buffer.from(bytes);
      for (let i = 0; i <= random.below(3); i++) copy[placeIn(bytes, random)]! ^= 1 << random.below(8);
      return copy;
    }
    case 2:
    case 3: {
      const copy = Buffer.from(bytes);
      const size = 2 ** random.below(4);
      const value = Buffer.alloc(8);
      value.writeBigUInt64LE(EXTREMES[random.below(EXTREMES.length)]!);
      const field = value.subarray(0, size);
      if (random.below(4) === 0) field.reverse();
      field.copy(copy, Math.max(0, Math.min(at, copy.length - size)));
      return copy;
    }
    case 4: // a stretch cut out
      return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + stretch)]);
    case 5: // a stretch twice
      return Buffer.concat([bytes.subarray(0, at + stretch), bytes.subarray(at)]);
    case 6: {
      // a stretch over another
      const copy = Buffer.from(bytes);
      const from = placeIn(bytes, random);
      bytes.copy(copy, at, from, from + stretch);
      return copy;
    }
    default: // the end missing
      return Buffer.from(bytes.subarray(0, at));
  }
}

/** Anywhere, but more often near the beginning and the end, where formats keep what leads to all else. */
function placeIn(bytes: Buffer, random: Random): number {
  const near = Math.min(1024, bytes.length);
  const where = random.below(4);
  if (where === 0) return random.below(near);
  return where === 1 ? bytes.length - 1 - random.below(near) : random.below(bytes.length);
}
