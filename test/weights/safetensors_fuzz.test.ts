// Whatever happens to a file's bytes, it is either a WeightsError or a file that can be read to its end.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { WeightsError } from '../../src/errors.js';
import { readFloats } from '../../src/weights/floats.js';
import { openSafetensors } from '../../src/weights/safetensors.js';
import { describeVgg16 } from '../../src/weights/vgg16.js';
import { type Random, seededRandom } from '../support/random.js';
import { writeRandomVgg16 } from '../support/weights.js';
import { temporaryFolder, write } from './files.js';

const MUTATIONS = 5000;
const HOSTILE = [
  '-1',
  '1e308',
  '9007199254740991',
  '9007199254740992',
  '0',
  '0.5',
  'null',
  '[]',
  '{}',
  '"F32"',
  '""',
];

const folder = temporaryFolder();

test(`${MUTATIONS} seeded mutations of a VGG16 file`, async () => {
  const original = join(folder, 'original');
  const metadata = { preprocess: 'caffe', classes: '["a","b"]' };
  await writeRandomVgg16(original, {
    widths: [1, 1, 1, 1, 1],
    hidden: 1,
    classes: 2,
    featureSide: 1,
    seed: 1,
    dtype: 'F16',
    metadata,
  });
  const bytes = readFileSync(original);
  const random = seededRandom(2024);
  const outcomes = { refused: 0, notVgg16: 0, read: 0 };
  for (let i = 0; i < MUTATIONS; i++) {
    const path = write(folder, 'mutated', mutated(bytes, random));
    try {
      outcomes[await outcomeOf(path)]++;
    } catch (error) {
      throw new Error(`mutation ${i}`, { cause: error });
    }
  }
  // Each of the three ways was taken, so the mutations reach behind the first check.
  expect(Math.min(...Object.values(outcomes)), JSON.stringify(outcomes)).toBeGreaterThan(100);
});

async function outcomeOf(path: string): Promise<'refused' | 'notVgg16' | 'read'> {
  const source = await unlessWeightsError(path, () => openSafetensors(path));
  if (!source) return 'refused';
  try {
    for (const { name } of source.tensors.values()) await readFloats(source, name);
    return (await unlessWeightsError(path, () => describeVgg16(source))) ? 'read' : 'notVgg16';
  } finally {
    await source.close();
  }
}

/** The action's result; undefined where it threw a WeightsError of one line that begins with the path. */
async function unlessWeightsError<T>(path: string, action: () => T | Promise<T>): Promise<T | undefined> {
  try {
    return await action();
  } catch (error) {
    if (!(error instanceof WeightsError)) throw error;
    expect(error.message.startsWith(`${path}: `)).toBe(true);
    expect(error.message).not.toMatch(/[\n\r]/);
    return undefined;
  }
}

function mutated(bytes: Buffer, random: Random): Buffer {
  const at = random.below(bytes.length);
  const copy = Buffer.from(bytes);
  switch (random.below(6)) {
    case 0: // one bit, anywhere
      copy[at]! ^= 1 << random.below(8);
      return copy;
    case 1: // one byte of the length field
      copy[random.below(8)] = random.below(256);
      return copy;
    case 2: // a stretch cut out
      return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1 + random.below(40))]);
    case 3: // a stretch twice
      return Buffer.concat([bytes.subarray(0, at), bytes.subarray(Math.max(0, at - random.below(40)))]);
    case 4: // a value of the header replaced, its length mended
      return withHeader(bytes, (json) =>
        replaceOne(json, /-?\d+(?=[,\]])|"F16"|\[[\d,]*\]/g, random, HOSTILE),
      );
    default: // a letter of the header replaced, its length kept
      return withHeader(bytes, (json) =>
        replaceOne(json, /[a-z_.0-9]/g, random, ['a', '_', '.', '0', '7', '"']),
      );
  }
}

function withHeader(bytes: Buffer, change: (json: string) => string): Buffer {
  const end = 8 + Number(bytes.readBigUInt64LE());
  const json = Buffer.from(change(bytes.toString('utf8', 8, end)));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(json.length));
  return Buffer.concat([length, json, bytes.subarray(end)]);
}

function replaceOne(text: string, pattern: RegExp, random: Random, choices: readonly string[]): string {
  const matches = [...text.matchAll(pattern)];
  const { 0: found, index } = matches[random.below(matches.length)]!;
  const choice = choices[random.below(choices.length)]!;
  return text.slice(0, index) + choice + text.slice(index + found.length);
}
