// Files made to hurt: small ones that would take all memory or time, or bring the process down, if they were believed.

import { describe, expect, it } from 'vitest';
import { temporaryFolder, write } from './files.js';
import { outcomeOf } from './fuzz.js';
import { zipBytes } from './zip_writer.js';

const folder = temporaryFolder();

/** A PyTorch file whose pickle is this, each letter a byte. */
function torchFile(pickle: string): Buffer {
  return zipBytes([{ name: 'a/data.pkl', bytes: Buffer.from(pickle, 'latin1'), deflate: true }]);
}

const STORAGE = '(X\x07\0\0\0storagectorch\nFloatStorage\nX\x01\0\0\0' + '0X\x03\0\0\0cpuK\x04tQ';
const tensor = (sizes: string, strides: string) =>
  `}X\x11\0\0\0features.0.weightctorch._utils\n_rebuild_tensor_v2\n(${STORAGE}K\0${sizes}${strides}\x89NtRs.`;

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
  ])('%s', async (_, bytes) => {
    expect(await outcomeOf(write(folder, 'hostile', bytes))).toBe('refused');
  });
});
