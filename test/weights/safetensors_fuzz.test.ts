// Whatever happens to a file's bytes, it is either a WeightsError or a file that can be read to its end.

import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { Random } from '../../src/random.js';
import { writeRandomVgg16 } from '../support/random_vgg16.js';
import { temporaryFolder } from './files.js';
import { fuzz, type Mutate } from './fuzz.js';

const MUTATIONS = 2000;
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

/** Besides what may happen to any file: what the header says is changed, by those who know where it is. */
const WAYS: readonly Mutate[] = [
  // One byte of the length field.
  (bytes, random) => {
    const copy = Buffer.from(bytes);
    copy[random.below(8)] = random.below(256);
    return copy;
  },
  // A value replaced, the length mended.
  (bytes, random) =>
    withHeader(bytes, (json) => replaceOne(json, /-?\d+(?=[,\]])|"F16"|\[[\d,]*\]/g, random, HOSTILE)),
  // A letter replaced, the length kept.
  (bytes, random) =>
    withHeader(bytes, (json) => replaceOne(json, /[a-z_.0-9]/g, random, ['a', '_', '.', '0', '7', '"'])),
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
  const outcomes = await fuzz(folder, [original], { mutants: MUTATIONS, seed: 2024, ways: WAYS });
  // Each of the three ways was taken, so the mutations reach behind the first check.
  expect(Math.min(...Object.values(outcomes)), JSON.stringify(outcomes)).toBeGreaterThan(50);
});

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
