import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { OutputError, WeightsError } from '../../src/errors.js';
import { openSafetensors, writeSafetensors } from '../../src/node/weights/safetensors.js';
import { seededRandom } from '../../src/random.js';
import { encodeFloats, readFloats } from '../../src/weights/floats.js';
import type { TensorToWrite } from '../../src/weights/safetensors.js';
import { temporaryFolder, thrownBy } from './files.js';

const folder = temporaryFolder();

const tensor = (name: string, data: TensorToWrite['data'], shape = [2]): TensorToWrite => ({
  name,
  dtype: 'F16',
  shape,
  data,
});

describe('what is written is read back', () => {
  test('bit by bit, for every dtype, in the order given, with metadata', async () => {
    const random = seededRandom(5);
    const numbers = (count: number) => Float32Array.from({ length: count }, () => random.normal());
    const given = (['F32', 'F16', 'BF16'] as const).flatMap((dtype, d) =>
      [[2, 3, 3, 3], [5], [], [0, 4]].map((shape, i) => {
        const data = encodeFloats(numbers(shape.reduce((a, b) => a * b, 1)), dtype);
        return { name: `${20 - 4 * d - i}`, dtype, shape, data };
      }),
    );
    const metadata = { zebra: 'naïve "図"\n', apple: '' };
    const path = join(folder, 'all');
    await writeSafetensors(
      path,
      given.map((t) => ({ ...t, data: [t.data] })),
      metadata,
    );
    const source = await openSafetensors(path);
    expect(source.metadata).toEqual(metadata);
    expect(Object.keys(source.metadata)).toEqual(['zebra', 'apple']);
    const found = [...source.tensors.values()];
    // An empty tensor lies where the next one begins, and so is listed with it.
    const byName = (a: { name: string }, b: { name: string }) => (a.name < b.name ? -1 : 1);
    expect(found.toSorted(byName)).toEqual(
      given.map(({ data, ...t }) => ({ ...t, byteLength: data.length })).toSorted(byName),
    );
    const full = (t: { shape: readonly number[] }) => !t.shape.includes(0);
    expect(found.filter(full).map(({ name }) => name)).toEqual(given.filter(full).map(({ name }) => name));
    for (const { name, data } of given) {
      const bytes = new Uint8Array(data.length);
      await source.read(name, 0, bytes);
      expect(bytes, name).toEqual(data);
    }
    await source.close();
  });

  test('from generators, ordinary and asynchronous, which may fill one array again and again', async () => {
    async function* oneByOne() {
      const chunk = new Uint8Array(1);
      for (let i = 0; i < 16; i++) {
        chunk[0] = i;
        yield chunk;
      }
    }
    function* halves() {
      yield Uint8Array.of(0, 1, 2, 3, 4, 5, 6, 7);
      yield new Uint8Array(0);
      yield Uint8Array.of(8, 9, 10, 11, 12, 13, 14, 15);
    }
    const path = join(folder, 'generators');
    await writeSafetensors(path, [tensor('a', oneByOne(), [8]), tensor('b', halves(), [8])]);
    const source = await openSafetensors(path);
    expect(await readFloats(source, 'a')).toEqual(await readFloats(source, 'b'));
    const bytes = new Uint8Array(16);
    await source.read('a', 0, bytes);
    expect([...bytes]).toEqual(Array.from({ length: 16 }, (_, i) => i));
    await source.close();
  });

  test('without tensors and metadata', async () => {
    const path = join(folder, 'empty');
    await writeSafetensors(path, []);
    expect(readFileSync(path, 'latin1')).toBe('\x08\0\0\0\0\0\0\0{}      ');
  });
});

test('equal input gives equal bytes, and the tensors start at a multiple of 8', async () => {
  const file = async (name: string, extra: string) => {
    const path = join(folder, name);
    await writeSafetensors(path, [tensor('x', [new Uint8Array(4)])], { extra });
    return readFileSync(path);
  };
  expect(await file('one', 'a')).toEqual(await file('two', 'a'));
  for (let length = 0; length < 8; length++) {
    const bytes = await file('aligned', 'a'.repeat(length));
    expect((bytes.length - 4) % 8).toBe(0);
    expect(Number(bytes.readBigUInt64LE())).toBe(bytes.length - 4 - 8);
  }
});

describe('on failure nothing is left, and what was there stays', () => {
  const broken = new Error('the disk of the source broke');
  async function* breaking() {
    yield new Uint8Array(2);
    throw broken;
  }
  function* endless() {
    for (;;) yield new Uint8Array(1);
  }
  const CASES: readonly (readonly [what: string, data: TensorToWrite['data'], message: string])[] = [
    ['too few bytes', [new Uint8Array(3)], 'tensor "x": its shape needs 4 bytes, only 3 were given'],
    ['too many bytes', [new Uint8Array(4), new Uint8Array(1)], 'its shape needs 4 bytes, more were given'],
    ['bytes without end', endless(), 'its shape needs 4 bytes, more were given'],
    ['a source that breaks', breaking(), broken.message],
  ];

  test.each(CASES)('%s', async (what, data, message) => {
    const inside = join(folder, what);
    mkdirSync(inside);
    const path = join(inside, 'old');
    writeFileSync(path, 'old');
    const error = await thrownBy(() => writeSafetensors(path, [tensor('x', data)]));
    expect(error.message).toContain(message);
    expect(error === broken || error instanceof WeightsError).toBe(true);
    expect(readdirSync(inside)).toEqual(['old']);
    expect(readFileSync(path, 'utf8')).toBe('old');
  });

  test('a target that is a folder', async () => {
    const inside = join(folder, 'target');
    mkdirSync(join(inside, 'a-folder'), { recursive: true });
    const path = join(inside, 'a-folder');
    const error = await thrownBy(() => writeSafetensors(path, [tensor('x', [new Uint8Array(4)])]));
    expect(error).toBeInstanceOf(OutputError);
    expect(error.message).toContain(`cannot write ${path}: `);
    expect(readdirSync(inside)).toEqual(['a-folder']);
  });

  test('a folder that does not exist', async () => {
    const path = join(folder, 'nowhere', 'file');
    const error = await thrownBy(() => writeSafetensors(path, []));
    expect(error).toBeInstanceOf(OutputError);
    expect(error.message).toContain(`cannot write ${path}: its folder does not exist`);
  });
});

test('an existing file is replaced while its reader goes on reading the old one', async () => {
  const path = join(folder, 'replaced');
  const file = (byte: number) => [tensor('x', [new Uint8Array(4).fill(byte)])];
  await writeSafetensors(path, file(1));
  const old = await openSafetensors(path);
  await writeSafetensors(path, file(2));
  const bytes = new Uint8Array(4);
  await old.read('x', 0, bytes);
  expect([...bytes]).toEqual([1, 1, 1, 1]);
  await old.close();
});

test.each([
  ['a name twice', [tensor('x', []), tensor('x', [])], 'tensor "x": the name is taken'],
  ['the name of the metadata', [tensor('__metadata__', [])], 'tensor "__metadata__": the name is taken'],
  ['a negative size', [tensor('x', [], [-1, -1])], 'tensor "x": impossible shape (-1, -1)'],
  ['half a size', [tensor('x', [], [0.5])], 'tensor "x": impossible shape (0.5,)'],
  [
    'too large a shape',
    [tensor('x', [], [2 ** 40, 2 ** 40])],
    'tensor "x": shape multiplies to 2^53 bytes or more',
  ],
  [
    'too large a sum',
    [1, 2, 3].map((i) => tensor(`${i}`, [], [2 ** 51])),
    'tensor "2": ends beyond 2^53 bytes',
  ],
])('%s is refused before anything is written', async (what, tensors, message) => {
  const path = join(folder, what);
  const error = await thrownBy(() => writeSafetensors(path, tensors));
  expect(error).toEqual(new WeightsError(`${path}: ${message}`));
  expect(existsSync(path)).toBe(false);
});
