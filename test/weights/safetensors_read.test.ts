import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { WeightsError } from '../../src/errors.js';
import { openSafetensors } from '../../src/node/weights/safetensors.js';
import { readFloats } from '../../src/weights/floats.js';
import { describeVgg16 } from '../../src/weights/vgg16.js';
import { safetensorsBytes, temporaryFolder, thrownBy, write } from './files.js';

const folder = temporaryFolder();
const GOLDEN = 'test/golden/weights/small.safetensors';

interface Golden {
  readonly metadata: Record<string, string>;
  readonly tensors: Record<string, { dtype: string; shape: number[]; bits: number[] }>;
}

describe('a file of the reference implementation', () => {
  const golden = JSON.parse(readFileSync('test/golden/weights/small.json', 'utf8')) as Golden;

  test('has its metadata, names, dtypes, shapes and values', async () => {
    await using source = disposable(await openSafetensors(GOLDEN));
    expect(source.metadata).toEqual(golden.metadata);
    expect([...source.tensors.keys()].sort()).toEqual(Object.keys(golden.tensors).sort());
    for (const [name, { dtype, shape, bits }] of Object.entries(golden.tensors)) {
      const size = dtype === 'F32' ? 4 : 2;
      expect(source.tensors.get(name)).toEqual({ name, dtype, shape, byteLength: bits.length * size });
      const values = await readFloats(source, name);
      expect([...new Uint32Array(values.buffer)], name).toEqual(bits);
    }
  });

  test('is read in any pieces, several at once', async () => {
    await using source = disposable(await openSafetensors(GOLDEN));
    const whole = new Uint8Array(60);
    await source.read('f32.matrix', 0, whole);
    const pieces = [0, 7, 8, 31, 60].map((start, i, starts) => ({
      start,
      bytes: new Uint8Array((starts[i + 1] ?? 60) - start),
    }));
    await Promise.all(pieces.map(({ start, bytes }) => source.read('f32.matrix', start, bytes)));
    expect(Buffer.concat(pieces.map(({ bytes }) => bytes))).toEqual(Buffer.from(whole));
  });

  test('truncated at any byte, or longer by one, is an error', async () => {
    const bytes = readFileSync(GOLDEN);
    for (let length = 0; length < bytes.length; length++) {
      const error = await thrownBy(() => openSafetensors(write(folder, 'cut', bytes.subarray(0, length))));
      expect(error).toBeInstanceOf(WeightsError);
      expect(error.message).toMatch(/\/cut: truncated: .* (bytes|has \d+)/);
    }
    const longer = write(folder, 'longer', Buffer.concat([bytes, Buffer.alloc(1)]));
    await expect(openSafetensors(longer)).rejects.toThrow(`${longer}: 1 bytes follow the last tensor`);
  });
});

test('only what the tensor holds can be read', async () => {
  await using source = disposable(await openSafetensors(GOLDEN));
  await expect(source.read('f32.none', 0, new Uint8Array(1))).rejects.toThrow('has no tensor "f32.none"');
  for (const [start, length] of [
    [57, 4],
    [-1, 1],
    [0.5, 1],
    [61, 0],
    [Number.NaN, 1],
  ] as const) {
    await expect(source.read('f32.matrix', start, new Uint8Array(length))).rejects.toThrow(RangeError);
  }
  await source.read('f32.empty', 0, new Uint8Array(0));
});

test('a file that is shortened while it is open is an error that names the tensor', async () => {
  const bytes = safetensorsBytes({ x: f32([4], [0, 16]) }, 16);
  const path = write(folder, 'shortened', bytes);
  await using source = disposable(await openSafetensors(path));
  truncateSync(path, bytes.length - 3);
  const error = await thrownBy(() => source.read('x', 0, new Uint8Array(16)));
  expect(error).toBeInstanceOf(WeightsError);
  expect(error.message).toBe(
    `${path}: tensor "x": the file ends at byte ${bytes.length - 3}: it was shortened`,
  );
});

test('tensors are listed in the order of their bytes, empty ones anywhere', async () => {
  const header = {
    second: f32([1], [4, 8]),
    '7': f32([1], [0, 4]),
    emptyAtEnd: f32([0], [8, 8]),
    emptyBetween: f32([3, 0], [4, 4]),
  };
  await using source = disposable(await openSafetensors(write(folder, 'order', safetensorsBytes(header, 8))));
  expect([...source.tensors.keys()]).toEqual(['7', 'emptyBetween', 'second', 'emptyAtEnd']);
});

test('a file without tensors, fields that we do not know, and spaces at the header’s end are accepted', async () => {
  const none = write(folder, 'none', safetensorsBytes('{}      '));
  const extra = write(folder, 'extra', safetensorsBytes({ x: { ...f32([1], [0, 4]), note: { a: 1 } } }, 4));
  for (const [path, count] of [
    [none, 0],
    [extra, 1],
  ] as const) {
    await using source = disposable(await openSafetensors(path));
    expect(source.tensors.size).toBe(count);
    expect(source.metadata).toEqual({});
  }
});

const BIG = Number.MAX_SAFE_INTEGER;
const OTHER_DTYPES = ['F64', 'F8_E5M2', 'F8_E4M3', 'f32', 'i64', 'toString'];
const WHOLE = { BOOL: 1, U8: 1, I8: 1, I16: 2, U16: 2, I32: 4, U32: 4, I64: 8, U64: 8 };

const MALFORMED: readonly (readonly [file: Buffer, message: string])[] = [
  [safetensorsBytes(''), 'the header does not begin with {'],
  [safetensorsBytes(' {}'), 'the header does not begin with {'],
  [safetensorsBytes('\ufeff{}'), 'the header does not begin with {'],
  [safetensorsBytes('[]'), 'the header does not begin with {'],
  [safetensorsBytes('{"x":}'), 'the header is not valid JSON'],
  [safetensorsBytes('{}\0\0\0'), 'the header is not valid JSON'],
  [safetensorsBytes('{} {}'), 'the header is not valid JSON'],
  [safetensorsBytes(Buffer.from('{"\xff":1}', 'latin1')), 'the header is not valid UTF-8'],
  [safetensorsBytes('{"x":1,"x":2}'), 'the header has the key "x" twice'],
  [safetensorsBytes('{"x":{"y":1},"x":2}'), 'the header has the key "x" twice'],
  [safetensorsBytes('{"a":1,"\\u0061":2}'), 'the header has the key "a" twice'],
  [safetensorsBytes('{"x":{"dtype":"F32","dtype" :"F16"}}'), 'the header has the key "dtype" twice'],
  [
    safetensorsBytes('{"__metadata__":{"\\"k\\\\":"","\\"k\\\\":""}}'),
    'the header has the key "\\"k\\\\" twice',
  ],
  [safetensorsBytes({ __metadata__: [] }), '__metadata__ is not an object'],
  [safetensorsBytes({ __metadata__: null }), '__metadata__ is not an object'],
  [safetensorsBytes({ __metadata__: { epoch: 3 } }), '__metadata__ "epoch" is not a string'],
  [safetensorsBytes({ x: [1] }), 'tensor "x": its description is not an object'],
  [safetensorsBytes({ x: { shape: [1], data_offsets: [0, 4] } }, 4), 'tensor "x": dtype is not a string'],
  ...OTHER_DTYPES.map(
    (dtype) =>
      [
        safetensorsBytes({ x: { ...f32([1], [0, 4]), dtype } }, 4),
        `tensor "x": dtype "${dtype}" is not supported (F32, F16 and BF16 are)`,
      ] as const,
  ),
  ...[undefined, 4, { length: 1 }, [-1], [1.5], ['1'], [null], [BIG + 1], [[1]]].map(
    (shape) =>
      [
        safetensorsBytes({ x: { dtype: 'F32', shape, data_offsets: [0, 4] } }, 4),
        'tensor "x": shape is not a list of whole numbers from 0 to 2^53 - 1',
      ] as const,
  ),
  ...[
    [BIG, BIG],
    [2 ** 26, 2 ** 26],
    [BIG, 0],
    [2 ** 18, 2 ** 18, 2 ** 18],
  ].map(
    (shape) =>
      [
        safetensorsBytes({ x: f32(shape, [0, 4]) }, 4),
        'tensor "x": shape multiplies to 2^53 bytes or more',
      ] as const,
  ),
  [safetensorsBytes({ x: f32(Array(65).fill(1), [0, 4]) }, 4), 'tensor "x": shape has 65 axes, more than 64'],
  ...Object.entries(WHOLE).map(
    ([dtype, size]) =>
      [
        safetensorsBytes({ x: { dtype, shape: [3], data_offsets: [0, 4] } }, 4),
        `tensor "x": data_offsets span 4 bytes where dtype and shape need ${3 * size}`,
      ] as const,
  ),
  [
    safetensorsBytes({ x: f32([1], [0, 4]), y: { dtype: 'I64', shape: [], data_offsets: [0, 8] } }, 8),
    'tensor "y": overlaps the one before it',
  ],
  ...[undefined, 4, [0], [0, 4, 4], [-4, 0], [0, 4.5], [0, '4'], [0, BIG + 1]].map(
    (offsets) =>
      [
        safetensorsBytes({ x: { dtype: 'F32', shape: [1], data_offsets: offsets } }, 4),
        'tensor "x": data_offsets is not a pair of whole numbers from 0 to 2^53 - 1',
      ] as const,
  ),
  [safetensorsBytes({ x: f32([1], [4, 0]) }, 4), 'tensor "x": data_offsets [4, 0] end before they begin'],
  [
    safetensorsBytes({ x: f32([2], [0, 4]) }, 4),
    'tensor "x": data_offsets span 4 bytes where dtype and shape need 8',
  ],
  [
    safetensorsBytes({ x: f32([0], [0, 4]) }, 4),
    'tensor "x": data_offsets span 4 bytes where dtype and shape need 0',
  ],
  [
    safetensorsBytes({ x: f32([1], [0, 4]), y: f32([1], [0, 4]) }, 4),
    'tensor "y": overlaps the one before it',
  ],
  [
    safetensorsBytes({ x: f32([2], [0, 8]), y: f32([1], [4, 8]) }, 8),
    'tensor "y": overlaps the one before it',
  ],
  [
    safetensorsBytes({ x: f32([2], [0, 8]), y: f32([0], [4, 4]) }, 8),
    'tensor "y": overlaps the one before it',
  ],
  [safetensorsBytes({ x: f32([1], [1, 5]) }, 5), 'tensor "x": 1 bytes before it belong to no tensor'],
  [
    safetensorsBytes({ x: f32([1], [0, 4]), y: f32([1], [8, 12]) }, 12),
    'tensor "y": 4 bytes before it belong to no tensor',
  ],
  [safetensorsBytes({ x: f32([0], [9, 9]) }), 'tensor "x": 9 bytes before it belong to no tensor'],
  [safetensorsBytes({ x: f32([4], [0, 16]) }, 15), 'truncated: 1 of 16 bytes of tensors are missing'],
  [
    safetensorsBytes({ x: f32([2 ** 50], [0, 2 ** 52]) }, 4),
    `truncated: ${2 ** 52 - 4} of ${2 ** 52} bytes of tensors`,
  ],
  [safetensorsBytes({ x: f32([1], [0, 4]) }, 6), '2 bytes follow the last tensor'],
  [safetensorsBytes({}, 1), '1 bytes follow the last tensor'],
  [
    safetensorsBytes(' '.repeat(2 ** 20 + 1)),
    'a header of 1048577 bytes is too long, that of a VGG16 has some kB',
  ],
  [safetensorsBytes('{}', 0, 3n), 'truncated: the header needs 11 bytes, the file has 10'],
  [safetensorsBytes('{}', 0, 100_000_000n), 'truncated: the header needs 100000008 bytes, the file has 10'],
  [safetensorsBytes('{}', 0, 100_000_001n), 'not a safetensors file'],
  [safetensorsBytes('{}', 0, 2n ** 64n - 1n), 'not a safetensors file'],
];

test.each(MALFORMED.map(([file, message], i) => ({ file, message, i })))(
  'malformed $i: $message',
  async ({ file, message, i }) => {
    const path = write(folder, `malformed-${i}`, file);
    const error = await thrownBy(() => openSafetensors(path));
    expect(error).toBeInstanceOf(WeightsError);
    expect(error.message.startsWith(`${path}: ${message}`), error.message).toBe(true);
  },
);

test.each(Object.entries(WHOLE))(
  'a tensor of %s is left out, and those beside it are read',
  async (dtype, size) => {
    const header = {
      before: f32([1], [0, 4]),
      epoch: { dtype, shape: [], data_offsets: [4, 4 + size] },
      behind: f32([1], [4 + size, 8 + size]),
    };
    const bytes = safetensorsBytes(header, 8 + size);
    bytes.writeFloatLE(2.5, bytes.length - 4);
    await using source = disposable(await openSafetensors(write(folder, 'whole', bytes)));
    expect([...source.tensors.keys()]).toEqual(['before', 'behind']);
    expect(await readFloats(source, 'behind')).toEqual(Float32Array.of(2.5));
  },
);

test('the counters of a network with batch normalisation do not hide what it is', async () => {
  const names = ['features.0.weight', 'features.0.bias', 'features.1.running_mean'];
  const header = {
    ...Object.fromEntries(names.map((name, i) => [name, f32([1], [4 * i, 4 * i + 4])])),
    'features.1.num_batches_tracked': { dtype: 'I64', shape: [], data_offsets: [12, 20] },
  };
  await using source = disposable(
    await openSafetensors(write(folder, 'vgg16_bn', safetensorsBytes(header, 20))),
  );
  expect(() => describeVgg16(source)).toThrow('unknown tensors: "features.1.running_mean"');
});

test('what lies deep in a description is not looked at', async () => {
  const objects = (depth: number) => `${'{"a":'.repeat(depth)}{"b":1,"b":2}${'}'.repeat(depth)}`;
  const withNote = (depth: number) =>
    safetensorsBytes(
      `{"x":{"dtype":"F32","shape":[],"data_offsets":[0,4],"note":${objects(depth)}},"y":0,"y":0}`,
      4,
    );
  for (const [depth, key] of [
    [5, 'b'],
    [6, 'y'],
    [60, 'y'],
  ] as const) {
    await expect(openSafetensors(write(folder, 'deep', withNote(depth)))).rejects.toThrow(
      `the header has the key "${key}" twice`,
    );
  }
});

test('tensors may be called like the fields of a description', async () => {
  const header = { x: f32([1], [0, 4]), dtype: f32([1], [4, 8]), shape: f32([1], [8, 12]) };
  await using source = disposable(
    await openSafetensors(write(folder, 'fields', safetensorsBytes(header, 12))),
  );
  expect([...source.tensors.keys()]).toEqual(['x', 'dtype', 'shape']);
});

test('a header whose length happens to look like something else is read', async () => {
  const header = `{}${' '.repeat('<'.charCodeAt(0) - 2)}`;
  await using source = disposable(await openSafetensors(write(folder, 'length60', safetensorsBytes(header))));
  expect(source.tensors.size).toBe(0);
  const cut = safetensorsBytes(header).subarray(0, 8);
  await expect(openSafetensors(write(folder, 'length60cut', cut))).rejects.toThrow(
    'truncated: the header needs 68',
  );
});

test('names out of a file cannot break the message’s line or flood it', async () => {
  const name = `a\nb\u001b[31m\u2028\u202e\u0085"${'x'.repeat(5000)}`;
  const path = write(folder, 'name', safetensorsBytes({ [name]: 1 }));
  const error = await thrownBy(() => openSafetensors(path));
  expect(error.message).toMatch(/tensor "a\\nb\\u001b\[31m\\u2028\\u202e\\u0085\\"x+…": its description/);
  expect(error.message.length).toBeLessThan(path.length + 200);
});

describe('what is not a file', () => {
  test('missing', async () => {
    const path = join(folder, 'missing');
    await expect(openSafetensors(path)).rejects.toThrow(new WeightsError(`${path}: no such file`));
  });

  test('a folder', async () => {
    const path = join(folder, 'folder');
    mkdirSync(path);
    await expect(openSafetensors(path)).rejects.toThrow(new WeightsError(`${path}: not a file`));
  });

  test.skipIf(process.platform === 'win32')('a pipe, which is not waited for', async () => {
    const path = join(folder, 'pipe');
    execFileSync('mkfifo', [path]);
    await expect(openSafetensors(path)).rejects.toThrow(new WeightsError(`${path}: not a file`));
  });
});

function f32(shape: readonly number[], offsets: readonly number[]) {
  return { dtype: 'F32', shape, data_offsets: offsets };
}

function disposable<T extends { close(): Promise<void> }>(source: T): T & AsyncDisposable {
  return Object.assign(source, { [Symbol.asyncDispose]: () => source.close() });
}
