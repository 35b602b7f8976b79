// Caffe models, written here by hand in both of their forms: the numbers of a safetensors file, under other names.

import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { WeightsError } from '../../../src/errors.js';
import { field, varint } from '../../../src/node/weights/onnx_messages.js';
import { openWeights } from '../../../src/node/weights/open.js';
import { openSafetensors } from '../../../src/node/weights/safetensors.js';
import { describeVgg16 } from '../../../src/weights/vgg16.js';
import { writeRandomVgg16 } from '../../support/random_vgg16.js';
import { temporaryFolder, thrownBy, write } from '../files.js';

const folder = temporaryFolder();

type Form = 'new' | 'V1';
interface Blob {
  readonly shape: readonly number[];
  readonly numbers: Uint8Array;
}

/** In the form of 2014 and later, or in the one before, whose blobs have four sides. */
function blobBytes({ shape, numbers }: Blob, form: Form): Buffer {
  const four = [...new Array(4 - shape.length).fill(1), ...shape];
  const sides =
    form === 'new'
      ? [field(7, field(1, Buffer.concat(shape.map((side) => varint(side)))))]
      : four.map((side, i) => field(i + 1, side));
  return Buffer.concat([...sides, field(5, numbers)]);
}

function layerBytes(name: string, blobs: readonly Blob[], form: Form): Buffer {
  const [layer, ofName, ofBlobs] = form === 'new' ? [100, 1, 7] : [2, 4, 6];
  const parts = blobs.map((blob) => field(ofBlobs!, blobBytes(blob, form)));
  return field(layer!, Buffer.concat([field(ofName!, name), ...parts]));
}

const modelBytes = (...layers: Buffer[]) => Buffer.concat([field(1, 'VGG_ILSVRC_16_layers'), ...layers]);

/** A network's layers with their blobs, by torchvision's names. */
async function network(classes = 3) {
  const path = join(folder, 'plain.safetensors');
  const narrow = { widths: [2, 2, 3, 3, 4], hidden: 5, featureSide: 2, seed: 5 } as const;
  await writeRandomVgg16(path, { ...narrow, classes });
  const source = await openSafetensors(path);
  const layers = new Map<string, Blob[]>();
  for (const { name, shape, byteLength } of source.tensors.values()) {
    const numbers = new Uint8Array(byteLength);
    await source.read(name, 0, numbers);
    const layer = name.replace(/\.\w+$/, '');
    layers.set(layer, [...(layers.get(layer) ?? []), { shape, numbers }]);
  }
  await source.close();
  return layers;
}

describe.each<Form>(['new', 'V1'])('a Caffe model in its %s form', (form) => {
  it.each([3, 1])('has the numbers of its layers, and %i outputs', async (classes) => {
    const layers = await network(classes);
    const plain = layerBytes('relu1_1', [], form);
    const bytes = modelBytes(
      plain,
      ...[...layers].map(([name, blobs]) => layerBytes(`my ${name}`, blobs, form)),
    );
    const source = await openWeights(write(folder, 'net.caffemodel', bytes));
    const { dense, preprocess } = describeVgg16(source);
    expect([source.format, preprocess, dense.at(-1)!.outputs]).toEqual([
      'Caffe',
      'caffe',
      Math.max(2, classes),
    ]);
    for (const [name, [kernel, bias]] of classes === 1 ? [...layers].slice(0, -1) : layers) {
      for (const [tensor, { numbers }] of [
        [`${name}.weight`, kernel!] as const,
        [`${name}.bias`, bias!] as const,
      ]) {
        const own = new Uint8Array(numbers.length);
        await source.read(tensor, 0, own);
        expect(Buffer.compare(own, numbers), tensor).toBe(0);
      }
    }
    await source.close();
  });
});

describe('refused:', () => {
  const kernel: Blob = { shape: [2, 3, 3, 3], numbers: new Uint8Array(54 * 4) };
  const bias: Blob = { shape: [2], numbers: new Uint8Array(8) };

  it.each<[string, () => Buffer, RegExp]>([
    [
      'no VGG16',
      () => modelBytes(layerBytes('conv1', [kernel, bias], 'new')),
      /not a VGG16: its layers, "conv1", are not/,
    ],
    ['no layer with weights', () => modelBytes(layerBytes('relu', [], 'new')), /its layers, none, are not/],
    [
      'a blob that is too short',
      () => modelBytes(layerBytes('conv1', [{ ...kernel, numbers: new Uint8Array(8) }], 'new')),
      /"conv1\.weight": its shape has 54 numbers, 2 are there/,
    ],
    [
      'a blob without numbers',
      () => modelBytes(field(100, Buffer.concat([field(1, 'conv1'), field(7, field(7, field(1, 3)))]))),
      /"conv1\.weight" has no numbers/,
    ],
    [
      'three blobs, as normalisation has them',
      () => modelBytes(layerBytes('bn1', [bias, bias, bias], 'new')),
      /layer "bn1" has 3 blobs/,
    ],
    [
      'two layers of one name',
      () => modelBytes(...[1, 2].map(() => layerBytes('conv1', [kernel, bias], 'new'))),
      /two layers are called "conv1"/,
    ],
    [
      'half a file',
      () => modelBytes(layerBytes('conv1', [kernel, bias], 'new')).subarray(0, 60),
      /damaged or truncated/,
    ],
  ])('%s', async (_, bytes, message) => {
    const path = write(folder, 'bad.caffemodel', bytes());
    const error = await thrownBy(() => openWeights(path));
    expect(error).toBeInstanceOf(WeightsError);
    expect(error.message.startsWith(`${path}: `)).toBe(true);
    expect(error.message).toMatch(message);
  });
});
