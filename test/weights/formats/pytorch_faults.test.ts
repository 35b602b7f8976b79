// PyTorch's files with something wrong: one line that says what and where. Nothing in them is run.

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, test } from 'vitest';
import { WeightsError } from '../../../src/errors.js';
import { openFile } from '../../../src/node/files.js';
import { openWeights } from '../../../src/node/weights/open.js';
import { openZip } from '../../../src/weights/formats/zip.js';
import { temporaryFolder, thrownBy, write } from '../files.js';
import { type EntryToZip, zipBytes } from '../zip_writer.js';

const FOLDER = 'test/golden/pytorch';
const folder = temporaryFolder();

/** What opening these bytes and reading every tensor of them throws, without the path. */
async function faultOf(bytes: Uint8Array): Promise<string> {
  const path = write(folder, 'file', bytes);
  const error = await thrownBy(async () => {
    const source = await openWeights(path);
    try {
      for (const { name, byteLength } of source.tensors.values()) {
        await source.read(name, 0, new Uint8Array(byteLength));
      }
    } finally {
      await source.close();
    }
  });
  expect(error).toBeInstanceOf(WeightsError);
  expect(error.message.startsWith(`${path}: `), error.message).toBe(true);
  expect(error.message).not.toContain('\n');
  return error.message.slice(path.length + 2);
}

/** The entries of zip.pth, by the end of their names. */
async function entriesOf(file: string): Promise<Map<string, EntryToZip>> {
  const zip = await openZip(await openFile(join(FOLDER, file)));
  const entries = new Map<string, EntryToZip>();
  for (const { name, size } of zip.entries.values()) {
    entries.set(name.slice(name.indexOf('/') + 1), { name, bytes: await zip.bytes(name, size) });
  }
  await zip.close();
  return entries;
}

async function changed(file: string, change: (entries: Map<string, EntryToZip>) => void): Promise<Buffer> {
  const entries = await entriesOf(file);
  change(entries);
  return zipBytes([...entries.values()]);
}

/** The bytes with the first occurrence of some replaced by as many others. */
function replaced(bytes: Uint8Array, some: string, others: string): Buffer {
  const copy = Buffer.from(bytes);
  const at = copy.indexOf(some, 0, 'latin1');
  if (at < 0 || some.length !== others.length)
    throw new Error(`${JSON.stringify(some)} is not there, or too short`);
  copy.write(others, at, 'latin1');
  return copy;
}

test('another tool packs the archive again, deflated: the same tensors', async () => {
  const entries = [...(await entriesOf('zip.pth')).values()].map((entry) => ({ ...entry, deflate: true }));
  const again = await openWeights(write(folder, 'deflated', zipBytes(entries)));
  const original = await openWeights(join(FOLDER, 'zip.pth'));
  for (const { name, byteLength } of original.tensors.values()) {
    const [a, b] = [new Uint8Array(byteLength), new Uint8Array(byteLength)];
    await original.read(name, 0, a);
    await again.read(name, 0, b);
    expect(Buffer.compare(a, b)).toBe(0);
    // Back to its beginning, which a deflated entry is inflated again for.
    await again.read(name, 0, b.subarray(0, 8));
    expect(Buffer.compare(a.subarray(0, 8), b.subarray(0, 8))).toBe(0);
  }
  await original.close();
  await again.close();
});

test('numbers of a big-endian machine are turned', async () => {
  const bytes = await changed('zip.pth', (entries) => {
    for (const [name, entry] of entries) {
      if (name.startsWith('data/')) entries.set(name, { ...entry, bytes: Buffer.from(entry.bytes).swap32() });
    }
    entries.set('byteorder', { name: 'zip/byteorder', bytes: Buffer.from('big') });
  });
  const turned = await openWeights(write(folder, 'big_endian', bytes));
  const original = await openWeights(join(FOLDER, 'zip.pth'));
  const [a, b] = [new Uint8Array(40), new Uint8Array(40)];
  await original.read('features.0.weight', 0, a);
  await turned.read('features.0.weight', 0, b);
  expect(b).toEqual(a);
  await original.close();
  await turned.close();
});

describe('what could run code', () => {
  it.each([
    ['evil.pth', 'it holds no tensor at all'],
    ['evil_legacy.pth', 'it holds no tensor at all'],
  ])('%s: is not run', async (file, message) => {
    expect(await faultOf(readFileSync(join(FOLDER, file)))).toContain(message);
    expect(existsSync('EVIL_WAS_HERE')).toBe(false);
  });

  it('a whole model: its tensors are read, and its class is not looked for', async () => {
    const source = await openWeights(join(FOLDER, 'whole_model.pth'));
    await source.close();
    expect([...source.tensors.keys()]).toContain('features.28.bias');
  });
});

describe('cut off', () => {
  it.each(['zip.pth', 'legacy.pth'])('%s: anywhere, it is truncated', async (file) => {
    const whole = readFileSync(join(FOLDER, file));
    const lengths = Array.from({ length: 60 }, (_, i) => Math.floor((i / 60) ** 2 * whole.length));
    for (const length of [...lengths, whole.length - 1]) {
      expect(`${length}: ${await faultOf(whole.subarray(0, length))}`).toMatch(
        /truncated|too few|did not write/,
      );
    }
  });
});

describe('a zip archive', () => {
  const PICKLE = 'data.pkl';
  const withPickle = (change: (bytes: Uint8Array) => Buffer) =>
    changed('zip.pth', (entries) => {
      const entry = entries.get(PICKLE)!;
      entries.set(PICKLE, { ...entry, bytes: change(entry.bytes) });
    });

  it('whose storage is missing', async () => {
    expect(await faultOf(await changed('zip.pth', (entries) => entries.delete('data/3')))).toBe(
      'tensor "features.2.bias": its numbers are missing, "zip/data/3"',
    );
  });

  it('whose storage is too short', async () => {
    const bytes = await changed('zip.pth', (entries) => {
      entries.set('data/3', { ...entries.get('data/3')!, bytes: Buffer.alloc(12) });
    });
    expect(await faultOf(bytes)).toBe(
      'tensor "features.2.bias": 16 bytes of numbers expected, "zip/data/3" has 12',
    );
  });

  it('whose tensor is larger than its storage', async () => {
    // features.0.bias: (4,) of a storage of 4
    const bytes = await withPickle((pickle) =>
      replaced(pickle, 'K\x04tq\x10QK\0K\x04\x85', 'K\x04tq\x10QK\0K\x05\x85'),
    );
    expect(await faultOf(bytes)).toMatch(
      /^tensor "features.0.bias": shape \(5,\) .* needs 5 numbers, 4 are there$/,
    );
  });

  it('with a name that leads out of it', async () => {
    const bytes = zipBytes([{ name: '../data.pkl', bytes: Buffer.from('N.') }]);
    expect(await faultOf(bytes)).toBe('damaged zip archive: "invalid relative path: ../data.pkl"');
  });

  it('with the same name twice', async () => {
    const entry = { name: 'a/data.pkl', bytes: Buffer.from('N.') };
    expect(await faultOf(zipBytes([entry, entry]))).toBe(
      'damaged zip archive: two entries are called "a/data.pkl"',
    );
  });

  it('that claims more than it can hold', async () => {
    const bytes = await changed('zip.pth', (entries) => {
      entries.set(PICKLE, { ...entries.get(PICKLE)!, deflate: true, claim: 2 ** 31 });
    });
    expect(await faultOf(bytes)).toBe(
      'zip entry "zip/data.pkl": 2147483648 bytes are too many for what it should hold, 16777216 at most',
    );
    const storage = await changed('zip.pth', (entries) => {
      entries.set('data/3', { ...entries.get('data/3')!, deflate: true, claim: 16_000_000 });
    });
    expect(await faultOf(storage)).toContain('16 bytes of numbers expected, "zip/data/3" has 16000000');
  });

  it('that is deflated, and ends before what it claims', async () => {
    const bytes = await changed('zip.pth', (entries) => {
      const entry = entries.get('data/3')!;
      entries.set('data/3', { ...entry, bytes: entry.bytes.subarray(0, 12), deflate: true, claim: 16 });
    });
    expect(await faultOf(bytes)).toBe('zip entry "zip/data/3": the deflated data ends after 12 bytes');
  });

  it('whose deflated data is damaged', async () => {
    const bytes = await changed('zip.pth', (entries) => {
      entries.set(PICKLE, { ...entries.get(PICKLE)!, method: 8 });
    });
    expect(await faultOf(bytes)).toMatch(/^zip entry "zip\/data\.pkl": the deflated data is damaged: /);
  });

  it('that is encrypted, or packed otherwise', async () => {
    const make = (change: Partial<EntryToZip>) =>
      changed('zip.pth', (entries) => entries.set(PICKLE, { ...entries.get(PICKLE)!, ...change }));
    expect(await faultOf(await make({ flags: 1, deflate: true }))).toContain('encrypted; unpack the archive');
    expect(await faultOf(await make({ method: 12 }))).toContain(
      'packed by method 12, only deflate is understood',
    );
  });

  it('of an unknown byte order', async () => {
    const bytes = await changed('zip.pth', (entries) => {
      entries.set('byteorder', { name: 'zip/byteorder', bytes: Buffer.from('middle') });
    });
    expect(await faultOf(bytes)).toBe('zip/byteorder is "middle", expected "little" or "big"');
  });

  it('without a VGG16', async () => {
    const bytes = await withPickle((pickle) => replaced(pickle, 'features.0.weight', 'features_0_weight'));
    expect(await faultOf(bytes)).toContain('not a VGG16');
    expect(
      await faultOf(zipBytes([{ name: 'a/data.pkl', bytes: Buffer.from('\x80\x02}.', 'latin1') }])),
    ).toContain('it holds no tensor at all');
  });
});

describe('a legacy file', () => {
  const whole = readFileSync(join(FOLDER, 'legacy.pth'));
  it('whose storage has another length than announced', async () => {
    const source = await openWeights(join(FOLDER, 'legacy.pth'));
    await source.close();
    const sizes = [...source.tensors.values()].map(({ byteLength }) => 8 + byteLength);
    const storages = whole.length - sizes.reduce((sum, size) => sum + size, 0);
    const bytes = Buffer.from(whole);
    bytes.writeBigUInt64LE(2n ** 62n, storages);
    expect(await faultOf(bytes)).toMatch(
      /^storage "\d+" at byte \d+: has 4611686018427388000 numbers, \d+ were announced$/,
    );
  });

  it('with bytes behind its end', async () => {
    expect(await faultOf(Buffer.concat([whole, Buffer.alloc(5)]))).toBe('5 bytes follow the last storage');
  });

  it('of another protocol', async () => {
    const bytes = replaced(whole, 'M\xe9\x03.', 'M\xea\x03.');
    expect(await faultOf(bytes)).toBe("PyTorch's protocol 1002, expected 1001");
  });
});
