import { describe, expect, it } from 'vitest';
import { CONVS } from '../../../src/architecture.js';
import { WeightsError } from '../../../src/errors.js';
import { openFile } from '../../../src/node/files.js';
import { openWeights } from '../../../src/node/weights/open.js';
import { findNpz } from '../../../src/weights/dialects/npz.js';
import { diffWeights, isSameNetwork, isSameTensor } from '../../../src/weights/diff.js';
import { openNpz } from '../../../src/weights/formats/npz.js';
import { describeVgg16 } from '../../../src/weights/vgg16.js';
import { temporaryFolder, thrownBy, write } from '../files.js';
import { type EntryToZip, zipBytes } from '../zip_writer.js';

const folder = temporaryFolder();

function npy(
  header: string,
  data: Uint8Array = new Uint8Array(0),
  version = 1,
  length = header.length,
): Buffer {
  const field = Buffer.alloc(version === 1 ? 2 : 4);
  field.writeUIntLE(length, 0, field.length);
  return Buffer.concat([
    Buffer.from([0x93, ...Buffer.from('NUMPY'), version, 0]),
    field,
    Buffer.from(header),
    data,
  ]);
}

const headerOf = (descr: string, shape: string, order = 'False') =>
  `{'descr': ${descr}, 'fortran_order': ${order}, 'shape': ${shape}, }\n`;

function npz(entries: readonly EntryToZip[]): string {
  return write(folder, 'test.npz', zipBytes(entries));
}

const faultOf = async (bytes: Uint8Array, more: Partial<EntryToZip> = {}) => {
  const error = await thrownBy(async () =>
    openNpz(await openFile(npz([{ name: 'kernel.npy', bytes, ...more }]))),
  );
  expect(error).toBeInstanceOf(WeightsError);
  return error.message.slice(error.message.indexOf('test.npz: ') + 'test.npz: '.length);
};

async function readAll(bytes: Uint8Array): Promise<{ shape: readonly number[]; numbers: number[] }> {
  const archive = await openNpz(await openFile(npz([{ name: 'a.npy', bytes, deflate: true }])));
  const { shape, storage } = archive.tensors.get('a')!;
  const numbers = new Float32Array(storage.length);
  await storage.read(0, numbers);
  await archive.close();
  return { shape, numbers: [...numbers] };
}

const doubles = (...values: number[]) => new Uint8Array(Float64Array.from(values).buffer);

describe('an array', () => {
  it.each([1, 2, 3])('is read from version %i of the format', async (version) => {
    const read = await readAll(npy(headerOf("'<f8'", '(2, 1)'), doubles(1.5, -2), version));
    expect(read).toEqual({ shape: [2, 1], numbers: [1.5, -2] });
  });

  it('is read in either byte order', async () => {
    const half = await readAll(npy(headerOf("'>f2'", '(2,)'), Uint8Array.of(0x3c, 0, 0xc0, 0)));
    expect(half.numbers).toEqual([1, -2]);
    const double = await readAll(npy(headerOf("'>f8'", '()'), doubles(0.5).reverse()));
    expect(double).toEqual({ shape: [], numbers: [0.5] });
  });

  it('in Fortran’s order has its first axis contiguous', async () => {
    const bytes = npy(headerOf("'<f8'", '(2, 3L)', 'True'), new Uint8Array(48));
    const archive = await openNpz(await openFile(npz([{ name: 'a.npy', bytes }])));
    expect(archive.tensors.get('a')).toMatchObject({ shape: [2, 3], strides: [1, 2] });
    await archive.close();
  });

  it('of whole numbers is left out', async () => {
    const entries = [
      { name: 'steps.npy', bytes: npy(headerOf("'<i8'", '(1,)'), new Uint8Array(8)) },
      { name: 'a.npy', bytes: npy(headerOf("'<f4'", '(0, 4)')) },
    ];
    const archive = await openNpz(await openFile(npz(entries)));
    expect([...archive.tensors.keys()]).toEqual(['a']);
    const error = await thrownBy(() => findNpz(archive));
    expect(error.message).toMatch(/no VGG16 in names that are known, .*: it holds "a"$/);
    await archive.close();
  });
});

describe('refused in one line that names the array:', () => {
  const F4 = "'<f4'";
  it.each([
    [
      'Python objects, which are pickles',
      npy(headerOf("'|O'", '(1,)')),
      /"kernel": an array of Python objects .* pickle/,
    ],
    ['records', npy(headerOf("[('a', '<f4')]", '(1,)')), /structured array/],
    ['another file under the name', Buffer.from('<html>'), /not an array of NumPy/],
    ['nothing', Buffer.alloc(0), /not an array of NumPy/],
    ['a version of tomorrow', npy(headerOf(F4, '()'), undefined, 4), /version 4 of .npy is unknown/],
    [
      'a header that ends early',
      npy('{', undefined, 1, 500),
      /truncated: the header needs 510 bytes, 11 are there/,
    ],
    ['a header of 4 GB', npy('{', undefined, 2, 2 ** 32 - 1), /a header of 4294967295 bytes/],
    ['a preamble that ends early', Buffer.from('\x93NUMPY\x01\0\x10', 'latin1'), /truncated: 9 bytes/],
    [
      'too few numbers',
      npy(headerOf(F4, '(3,)'), new Uint8Array(8)),
      /its shape needs 12 bytes, 8 are there/,
    ],
    [
      'too many numbers',
      npy(headerOf(F4, '(1,)'), new Uint8Array(8)),
      /its shape needs 4 bytes, 8 are there/,
    ],
    [
      'a shape beyond any memory',
      npy(headerOf(F4, '(9999999999999999, 9999999999999999)')),
      /its shape needs/,
    ],
    ['a negative size', npy(headerOf(F4, '(-1,)')), /cannot be understood at/],
    ['a program', npy("{'descr': __import__('os').system('true')}"), /cannot be understood at " __import__/],
    ['an escape', npy(headerOf("'\\x3cf4'", '()')), /cannot be understood/],
    ['a key twice', npy("{'shape': (), 'shape': ()}"), /the key "shape" twice/],
    ['a key missing', npy("{'descr': '<f4', 'shape': ()}"), /should have descr, fortran_order and shape/],
    ['more behind the dictionary', npy(`${headerOf(F4, '()')}1`), /should have|cannot/],
    ['an order that is none', npy(headerOf(F4, '()', "'C'")), /fortran_order/],
    ['brackets without an end', npy('('.repeat(60_000)), /cannot be understood/],
    ['65 axes', npy(headerOf(F4, `(${'1,'.repeat(65)})`), new Uint8Array(4)), /impossible shape/],
  ])('%s', async (_, bytes, expected) => {
    const said = await faultOf(bytes);
    expect(said).toMatch(expected);
    expect(said).toMatch(/^array "kernel": /);
  });

  it('a deflated array that claims more than it can hold', async () => {
    const bytes = npy(headerOf(F4, '(250000000,)'), new Uint8Array(100));
    expect(await faultOf(bytes, { deflate: true, claim: 1e9 + 200 })).toMatch(/claims 1000000200 bytes/);
  });

  it('a deflated array that unpacks to less than it says', async () => {
    const header = headerOf(F4, '(1000,)');
    const bytes = npy(header, new Uint8Array(400));
    const path = npz([{ name: 'a.npy', bytes, deflate: true, claim: bytes.length + 3600 }]);
    const archive = await openNpz(await openFile(path));
    const error = await thrownBy(() => archive.tensors.get('a')!.storage.read(0, new Float32Array(1000)));
    expect(error).toBeInstanceOf(WeightsError);
    expect(error.message).toMatch(/test\.npz: zip entry "a\.npy": .*ends after/);
    await archive.close();
  });

  it('hundreds of arrays', async () => {
    const bytes = npy(headerOf(F4, '()'), new Uint8Array(4));
    const entries = Array.from({ length: 257 }, (_, i) => ({ name: `${i}.npy`, bytes }));
    expect((await thrownBy(async () => openNpz(await openFile(npz(entries))))).message).toMatch(
      /257 arrays, VGG16 has 32/,
    );
  });
});

/** Numbers (H,W,I,O) as (O,I,H,W). */
function withOutputsFirst(values: Float32Array, [h, w, i, o]: readonly [number, number, number, number]) {
  const at = (oo: number, ii: number, yx: number) => values[(yx * i + ii) * o + oo]!;
  return Float32Array.from({ length: values.length }, (_, n) => {
    const [yx, oi] = [n % (h * w), Math.floor(n / (h * w))];
    return at(Math.floor(oi / i), oi % i, yx);
  });
}

/** A file in Frossard's names and layout, in torchvision's; the colours stay in their order. */
async function inTorchvisionsNames(path: string): Promise<string> {
  const archive = await openNpz(await openFile(path));
  const convs = [...archive.tensors.keys()].filter((name) => /^conv\d_\d_W$/.test(name)).sort();
  const dense = ['fc6_W', 'fc7_W', 'fc8_W'];
  const names = [
    ...CONVS.map(({ torchvision }) => torchvision),
    'classifier.0',
    'classifier.3',
    'classifier.6',
  ];
  const array = (name: string, values: Float32Array, shape: readonly number[]): EntryToZip => {
    const header = headerOf("'<f4'", `(${shape.join()},)`);
    return { name: `${name}.npy`, bytes: npy(header, new Uint8Array(values.buffer)) };
  };
  const entries: EntryToZip[] = [];
  for (const [n, kernel] of [...convs, ...dense].entries()) {
    const read = async (name: string) => {
      const { storage } = archive.tensors.get(name)!;
      const values = new Float32Array(storage.length);
      await storage.read(0, values);
      return values;
    };
    const { shape } = archive.tensors.get(kernel)!;
    const [inputs = 0, outputs = 0] = shape.slice(-2);
    const side = kernel === 'fc6_W' ? 2 : shape.length > 2 ? 3 : 1;
    const area = shape.length > 2 ? 1 : side ** 2;
    const turned = withOutputsFirst(await read(kernel), [side, side, inputs / area, outputs]);
    entries.push(array(`${names[n]}.weight`, turned, [outputs, inputs, ...shape.slice(0, -2)]));
    entries.push(array(`${names[n]}.bias`, await read(kernel.replace('_W', '_b')), [outputs]));
  }
  await archive.close();
  return npz(entries);
}

describe('Frossard’s network, and the same in torchvision’s names', () => {
  const FROSSARD = 'test/golden/npz/frossard.npz';

  it.each([
    ['torchvision', true],
    ['caffe', false],
  ] as const)('with pixels prepared as %s does are the same network: %s', async (preprocess, isSame) => {
    const sources = [
      await openWeights(FROSSARD, { preprocess }),
      await openWeights(await inTorchvisionsNames(FROSSARD), { preprocess }),
    ];
    const [ours, other] = sources.map(describeVgg16);
    const found = await diffWeights(ours!, other!);
    for (const source of sources) await source.close();
    expect(isSameNetwork(found)).toBe(isSame);
    // The colours of the first convolution are turned for caffe alone, and nothing else ever is.
    const unlike = found.tensors.filter((tensor) => !isSameTensor(tensor)).map(({ name }) => name);
    expect(unlike).toEqual(isSame ? [] : ['features.0.weight']);
    expect(ours!.preprocess).toBe(preprocess);
    const turned = "the first convolution's input channels, RGB, are put in caffe's order, BGR";
    const softmax = expect.stringContaining('softmax is assumed');
    expect(sources.map(({ notes }) => notes)).toEqual([isSame ? [softmax] : [turned, softmax], [softmax]]);
  });
});
