// A Caffe model's weights (.caffemodel): layers with their blobs, as a protocol buffer. The network's description lies in another
// file (.prototxt), but for the names, the kinds and the order of the layers.
//
//   NetParameter       name 1   layers 2 (before 2014)   layer 100
//   V1LayerParameter   name 4   type 5 (a number)   blobs 6
//   LayerParameter     name 1   type 2 (a text)     blobs 7
//   BlobProto          num 1  channels 2  height 3  width 4, or shape 7 > dim 1   data 5 (singles in a row)   double_data 8
//
// A kernel's blob is (O,I,3,3), a dense layer's (O,I) or, before shapes, (1,1,O,I): as PyTorch has them.
//
// Source   https://github.com/BVLC/caffe, src/caffe/proto/caffe.proto

import type { Archive } from '../archive.js';
import { asWeightsError, FileFault, type RandomAccessFile } from '../file.js';
import type { StridedTensor } from '../source.js';
import { sizeOf, wholeTensor } from '../strided.js';
import { quote } from '../text.js';
import { ENCODED_BYTES, storedNumbers } from './numbers.js';
import { expectWire, type Field, type ProtobufReader, protobufReader } from './protobuf.js';

/** Where a layer's parts are, by the field that holds the layer. */
const LAYERS: ReadonlyMap<number, { readonly name: number; readonly blobs: number }> = new Map([
  [2, { name: 4, blobs: 6 }],
  [100, { name: 1, blobs: 7 }],
]);

const LEGACY_SIDES = [1, 2, 3, 4];

/**
 * Takes the file over: it is closed with the archive, or at once where this fails.
 *
 * @throws WeightsError for a file that is damaged
 */
export async function openCaffe(file: RandomAccessFile): Promise<Archive> {
  const { path } = file;
  try {
    return { path, format: 'Caffe', tensors: await readTensors(file), close: () => file.close() };
  } catch (error) {
    await file.close();
    throw asWeightsError(path, error);
  }
}

/** Kernels and biases as `NAME.weight` and `NAME.bias`, in the order of the layers. */
async function readTensors(file: RandomAccessFile): Promise<Map<string, StridedTensor>> {
  const reader = protobufReader(file, file.size);
  const tensors = new Map<string, StridedTensor>();
  for await (const field of reader.fields(0, file.size)) {
    const places = LAYERS.get(field.number);
    if (!places) continue;
    expectWire(field, 'bytes');
    let name = '';
    const blobs: Field[] = [];
    for await (const part of reader.fields(field.start, field.end)) {
      if (part.number === places.name) name = await reader.text(part);
      if (part.number === places.blobs) blobs.push(part);
    }
    if (blobs.length > 2)
      throw new FileFault(
        `layer ${quote(name)} has ${blobs.length} blobs: no layer of VGG16 has more than two`,
      );
    for (const [i, blob] of blobs.entries()) {
      const tensor = `${name}.${['weight', 'bias'][i]}`;
      if (tensors.has(tensor)) throw new FileFault(`two layers are called ${quote(name)}`);
      tensors.set(tensor, await readBlob(file, reader, blob, tensor));
    }
  }
  return tensors;
}

async function readBlob(
  file: RandomAccessFile,
  reader: ProtobufReader,
  blob: Field,
  name: string,
): Promise<StridedTensor> {
  expectWire(blob, 'bytes');
  const legacy = [1, 1, 1, 1];
  let shape: number[] | undefined;
  let data: { readonly field: Field; readonly encoding: 'F32' | 'F64' } | undefined;
  for await (const field of reader.fields(blob.start, blob.end)) {
    const side = LEGACY_SIDES.indexOf(field.number);
    if (side >= 0) [legacy[side] = 1] = await reader.integers(field);
    if (field.number === 7) shape = await readShape(reader, field);
    if (field.number === 5) data = { field, encoding: 'F32' };
    if (field.number === 8) data = { field, encoding: 'F64' };
  }
  const sides = shape ?? withoutLeadingOnes(legacy, name.endsWith('.bias') ? 1 : 2);
  if (!data) throw new FileFault(`tensor ${quote(name)} has no numbers: a network that was not trained`);
  expectWire(data.field, 'bytes');
  const bytes = data.field.end - data.field.start;
  const length = bytes / ENCODED_BYTES[data.encoding];
  if (length !== sizeOf(sides)) {
    throw new FileFault(`tensor ${quote(name)}: its shape has ${sizeOf(sides)} numbers, ${length} are there`);
  }
  return wholeTensor(name, sides, storedNumbers(file, data.encoding, length, data.field.start));
}

async function readShape(reader: ProtobufReader, shape: Field): Promise<number[]> {
  expectWire(shape, 'bytes');
  const sides: number[] = [];
  for await (const field of reader.fields(shape.start, shape.end)) {
    if (field.number === 1) sides.push(...(await reader.integers(field)));
  }
  return sides;
}

/** @param least  sides that stay, whatever they are */
function withoutLeadingOnes(sides: readonly number[], least: number): number[] {
  const first = sides.findIndex((side) => side !== 1);
  return sides.slice(Math.min(first < 0 ? sides.length : first, sides.length - least));
}
