import { mkdirSync, readFileSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { WeightsError } from '../../../src/errors.js';
import { openFile } from '../../../src/node/files.js';
import { field, varint } from '../../../src/node/weights/onnx_messages.js';
import { openWeights } from '../../../src/node/weights/open.js';
import { openOnnx } from '../../../src/weights/formats/onnx.js';
import { temporaryFolder, thrownBy, write } from '../files.js';
import { modelBytes, tensorBytes } from '../onnx_writer.js';

const root = temporaryFolder();
const folder = join(root, 'model');
mkdirSync(folder);
write(root, 'secret.bin', new Uint8Array(64));
write(folder, 'inside.bin', new Uint8Array(64));
symlinkSync(join(root, 'secret.bin'), join(folder, 'link.bin'));
symlinkSync(root, join(folder, 'up'));

const faultOf = async (bytes: Uint8Array) => {
  const path = write(folder, 'test.onnx', bytes);
  const error = await thrownBy(async () => (await openOnnx(await openFile(path))).close());
  expect(error).toBeInstanceOf(WeightsError);
  expect(error.message.startsWith(`${path}: `)).toBe(true);
  return error.message.slice(path.length + 2);
};

const modelWith = (tensor: Buffer) => modelBytes([], [tensor]);
const graphOf = (...fields: Buffer[]) => Buffer.concat([field(1, 8), field(7, Buffer.concat(fields))]);
const entry = (key: string, value: string) => field(13, Buffer.concat([field(1, key), field(2, value)]));
const external = (location: string, offset = '0', length = '16') =>
  modelWith(
    tensorBytes(
      'w',
      [4],
      [entry('location', location), entry('offset', offset), entry('length', length), field(14, 1)],
    ),
  );

describe('damaged protocol buffers are refused with the place:', () => {
  it.each([
    ['no graph', Buffer.concat([field(1, 8), field(2, 'test')]), /no graph/],
    ['two graphs', Buffer.concat([field(7, ''), field(7, '')]), /two graphs/],
    [
      'a field longer than the file',
      Buffer.concat([varint(58), varint(1000)]),
      /byte 0: field 7 has 1000 bytes where 0 are left/,
    ],
    [
      'a field of 2^63 bytes',
      Buffer.concat([varint(58), varint(2n ** 63n)]),
      /byte 0: field 7 has 9223372036854776000 bytes/,
    ],
    [
      'a field longer than its message',
      graphOf(Buffer.concat([varint(42), varint(9)])),
      /field 5 has 9 bytes where 0/,
    ],
    ['a number without an end', Buffer.alloc(64, 0xff), /byte 0: a number without an end/],
    ['a number cut off', Buffer.from([0x08, 0x80]), /byte 1: a number without an end/],
    ['a group', graphOf(varint(8 + 3)), /wire type 3/],
    ['field number 0', graphOf(varint(0), varint(0)), /impossible field number 0/],
    ['text where a node belongs', graphOf(field(1, 5)), /field 1 is varint, expected bytes/],
    ['a name that is no UTF-8', modelWith(field(8, Uint8Array.of(0xff, 0xfe))), /not valid UTF-8/],
    ['a name of 1 MB', modelWith(field(8, 'x'.repeat(1e6))), /too long for a name/],
    ['a million empty nodes', graphOf(Buffer.alloc(2e6, field(1, ''))), /more than 100000 fields/],
  ])('%s', async (_, bytes, expected) => {
    expect(await faultOf(bytes)).toMatch(expected);
  });

  it('messages inside of messages without end are not entered', async () => {
    let nested: Buffer = Buffer.alloc(0);
    for (let i = 0; i < 20_000; i++) nested = field(6, nested.subarray(0, 60_000));
    const path = write(
      folder,
      'test.onnx',
      graphOf(field(1, Buffer.concat([field(4, 'If'), field(5, nested)]))),
    );
    const model = await openOnnx(await openFile(path));
    expect(model.nodes.map(({ op }) => op)).toEqual(['If']);
    await model.close();
  });
});

describe('tensors whose shape and data do not fit are refused by name:', () => {
  it.each([
    [
      'too little data',
      tensorBytes('w', [2, 3], [field(9, new Uint8Array(20))]),
      /"w": its shape \(2, 3\) as F32 does not fit its 20 bytes/,
    ],
    ['no data', tensorBytes('w', [2], []), /does not fit its 0 bytes/],
    [
      'an impossible size',
      Buffer.concat([field(1, 2n ** 62n), field(2, 1), field(8, 'w'), field(9, '')]),
      /"w": its shape/,
    ],
    ['a negative size', tensorBytes('w', [-4], [field(9, '')]), /impossible shape \(-4,\)/],
    ['many axes', tensorBytes('w', new Array(5000).fill(1)), /impossible shape/],
    [
      'halves as int32_data',
      Buffer.concat([field(1, 1), field(2, 10), field(8, 'w'), field(5, varint(15360))]),
      /F16 numbers kept as int32_data/,
    ],
    [
      'numbers one by one',
      tensorBytes('w', [1], [Buffer.concat([varint(4 * 8 + 5), Buffer.alloc(4)])]),
      /float_data in several parts/,
    ],
    ['data twice', tensorBytes('w', [1], [field(9, 'abcd'), field(9, 'abcd')]), /raw_data in several parts/],
  ])('%s', async (_, tensor, expected) => {
    expect(await faultOf(modelWith(tensor))).toMatch(expected);
  });

  it('two of one name', async () => {
    expect(await faultOf(modelBytes([], [tensorBytes('w', [1]), tensorBytes('w', [1])]))).toMatch(
      /"w": there are two/,
    );
  });
});

describe('external data', () => {
  it('inside the model’s folder is read', async () => {
    const model = await openOnnx(await openFile(write(folder, 'test.onnx', external('inside.bin', '32'))));
    await model.tensors.get('w')!.storage.read(0, new Float32Array(4));
    await model.close();
  });

  it.each([
    ['a folder above', external('../secret.bin'), /outside the model's folder: "\.\.\/secret\.bin"/],
    ['a way up in the middle', external('a/../../secret.bin'), /outside the model's folder/],
    ['Windows’ way up', external('..\\secret.bin'), /outside the model's folder/],
    ['an absolute path', external(join(root, 'secret.bin')), /outside the model's folder/],
    ['a drive', external('C:secret.bin'), /outside the model's folder/],
    ['a link that leads out', external('link.bin'), /"link\.bin" is a link that leads out/],
    ['a folder that is such a link', external('up/secret.bin'), /is a link that leads out/],
    ['a NUL in the name', external('inside.bin\0'), /outside the model's folder/],
    ['no such file', external('missing.bin'), /"missing\.bin" is missing: put that file beside the model/],
    ['no location', external(''), /without a location/],
    [
      'an end behind the file’s',
      external('inside.bin', '60'),
      /at bytes 60 to 76 of "inside\.bin", which has 64/,
    ],
    ['a length that the shape does not have', external('inside.bin', '0', '20'), /does not fit its 20 bytes/],
    ['a negative offset', external('inside.bin', '-16'), /impossible offset "-16"/],
    ['an absurd offset', external('inside.bin', '9'.repeat(40)), /impossible offset/],
    ['a folder', external('.'), /not a file/],
  ])('%s is refused', async (_, bytes, expected) => {
    const path = write(folder, 'test.onnx', bytes);
    const error = await thrownBy(async () => (await openOnnx(await openFile(path))).close());
    expect(error).toBeInstanceOf(WeightsError);
    expect(error.message).toMatch(expected);
  });

  it('goes with the model when both are moved', async () => {
    const moved = join(root, 'moved');
    mkdirSync(moved);
    for (const name of ['external.onnx', 'external.bin'])
      write(moved, name, readFileSync(`test/golden/onnx/${name}`));
    const source = await openWeights(join(moved, 'external.onnx'));
    expect(source.tensors.size).toBe(32);
    await source.close();
  });
});
