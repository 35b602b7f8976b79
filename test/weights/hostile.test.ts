// Files made to hurt: small ones that would take all memory or time, or bring the process down, if they were believed.

import { describe, expect, it } from 'vitest';
import { safetensorsBytes, temporaryFolder, write } from './files.js';
import { outcomeOf } from './fuzz.js';
import { zipBytes } from './zip_writer.js';

const folder = temporaryFolder();

/** A PyTorch file whose pickle is this, each letter a byte. */
function torchFile(pickle: string): Buffer {
  return zipBytes([{ name: 'a/data.pkl', bytes: Buffer.from(pickle, 'latin1'), deflate: true }]);
}

const SHORT_KEY = 'X\x01\0\0\0' + '0';
const STORAGE = `(X\x07\0\0\0storagectorch\nFloatStorage\n${SHORT_KEY}X\x03\0\0\0cpuK\x04tQ`;
const tensor = (sizes: string, strides: string) =>
  `}X\x11\0\0\0features.0.weightctorch._utils\n_rebuild_tensor_v2\n(${STORAGE}K\0${sizes}${strides}\x89NtRs.`;

/** A PyTorch file from before version 1.6: its magic number, and what is to follow, each letter a byte. */
const legacyFile = (pickles: string) =>
  Buffer.from(`\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.${pickles}`, 'latin1');

/** A text of a million letters. */
const LONG_TEXT = `X\x40\x42\x0f\0${'a'.repeat(1_000_000)}`;

const withStorage = (pickle: string) =>
  zipBytes([
    { name: 'a/data.pkl', bytes: Buffer.from(pickle, 'latin1') },
    { name: 'a/data/0', bytes: Buffer.alloc(16) },
  ]);

/** The locator of zip64 points behind all that a file can have. */
function zip64PointingTo(offset: bigint): Buffer {
  const locator = Buffer.alloc(20);
  locator.write('PK\x06\x07', 'latin1');
  locator.writeBigUInt64LE(offset, 8);
  const end = zipBytes([]);
  return Buffer.concat([Buffer.from('PK\x03\x04', 'latin1'), Buffer.alloc(30), locator, end]);
}

const nested = (depth: number) => `${'{"a":'.repeat(depth)}0${'}'.repeat(depth)}`;

const manyKeys = (count: number) => `{${Array.from({ length: count }, (_, i) => `"${i}":0`).join(',')}}`;

const modelJson = (groups: number) =>
  Buffer.from(`{"modelTopology":{},"weightsManifest":[${'{},'.repeat(groups)}{}]}`);

describe('refused, soon and cheaply', () => {
  it.each<[string, Buffer]>([
    ['a list that holds itself', torchFile(']q\0h\0a.')],
    ['a tuple of one tuple twice, sixty deep', torchFile(`)${'2\x86'.repeat(60)}.`)],
    ['lists in lists', torchFile(`${']'.repeat(90_000)}${'a'.repeat(89_999)}.`)],
    [
      'one long list that dictionaries are made of, again and again',
      torchFile(
        `](${'K\x01K\x02\x86'.repeat(20_000)}eq\0${'0ccollections\nOrderedDict\nh\0\x85R'.repeat(20_000)}.`,
      ),
    ],
    [
      'one long tuple as the shape of tensors, again and again',
      torchFile(
        `${STORAGE}q\0(${'K\x01'.repeat(100_000)}tq\x01ctorch._utils\n_rebuild_tensor_v2\nq\x02` +
          `(h\0K\0h\x01h\x01tq\x03${'h\x02h\x03R0'.repeat(50_000)}.`,
      ),
    ],
    [
      'two long keys, equal but not the same, set again and again',
      torchFile(`}${LONG_TEXT}Ns${LONG_TEXT}q\0Ns(${'h\0N'.repeat(200_000)}u.`),
    ],
    [
      'a storage with a long name, again and again',
      legacyFile(
        `M\xe9\x03.N.](${STORAGE.replace(SHORT_KEY, LONG_TEXT)}q\x01ctorch._utils\n_rebuild_tensor_v2\n` +
          `(h\x01K\0))tRq\x02${'h\x02'.repeat(20_000)}e.]${LONG_TEXT}a.\x04${'\0'.repeat(7 + 16)}`,
      ),
    ],
    [
      'one tensor under four hundred thousand names',
      withStorage(`](ctorch._utils\n_rebuild_tensor_v2\n(${STORAGE}K\0))tRq\0${'h\0'.repeat(400_000)}e.`),
    ],
    [
      'a tuple of one tuple twice, sixty deep, as the protocol',
      legacyFile(`)${'2\x86'.repeat(60)}.N.N.].${' '.repeat(16)}`),
    ],
    ['remembered under all numbers', torchFile(`N${'r\xff\xff\xff\xff\x94'.repeat(50_000)}.`)],
    ['a string of four gigabytes', torchFile('X\xff\xff\xff\xff.')],
    ['one number as a million million', withStorage(tensor('\x8a\x06\0\0\0\0\0\x01\x85', 'K\0\x85'))],
    ['windows over each other', withStorage(tensor('K\x03K\x02\x86', 'K\x01K\x01\x86'))],
    [
      'strides that multiply beyond all numbers',
      withStorage(tensor('K\x02K\x02\x86', '\x8a\x07\0\0\0\0\0\0\x10K\x01\x86')),
    ],
    ['a zip64 directory behind the end', zip64PointingTo(2n ** 40n)],
    ['a zip64 directory beyond 2^53', zip64PointingTo(2n ** 62n)],
    [
      'an entry that claims all memory',
      zipBytes([{ name: 'a/data.pkl', bytes: Buffer.from('N.'), deflate: true, claim: 2 ** 32 - 2 }]),
    ],
    ['a header that claims all memory', Buffer.from('00e1f50500000000', 'hex')],
    ['a header of objects in objects', safetensorsBytes(nested(1_500_000))],
    ['a header of objects in objects that is just short enough', safetensorsBytes(nested(170_000))],
    ['a header of a million keys', safetensorsBytes(manyKeys(1_000_000))],
    ['a header of as many keys as it may have', safetensorsBytes(manyKeys(90_000))],
    [
      'a tensor of too many axes',
      safetensorsBytes({ x: { dtype: 'F32', shape: Array(500_000).fill(1), data_offsets: [0, 4] } }, 4),
    ],
    ['a model.json of five million objects', modelJson(5_000_000)],
    ['a model.json of as many objects as it may have', modelJson(340_000)],
  ])('%s', async (_, bytes) => {
    expect(await outcomeOf(write(folder, 'hostile', bytes))).toBe('refused');
  });
});
