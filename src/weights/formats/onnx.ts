// An ONNX model: a graph of operations with its weights (initializers), as a protocol buffer.
//
//   ModelProto   producer_name 2   graph 7   metadata_props 14, in it key 1, value 2
//   GraphProto   node 1   initializer 5   input 11   output 12
//   NodeProto    input 1   output 2   name 3   op_type 4   attribute 5   domain 7
//   Attribute    name 1   f 2   i 3   s 4   t 5   ints 8
//   ValueInfo    name 1   type 2, in it tensor 1, shape 2, dim 1, value 1
//
// Only these are read. Graphs inside attributes (branches and loops) are not entered: no VGG16 has any.
//
// Source   https://github.com/onnx/onnx, onnx/onnx.proto

import type { Archive } from '../archive.js';
import { asWeightsError, FileFault, type RandomAccessFile } from '../file.js';
import type { StridedTensor } from '../source.js';
import { quote } from '../text.js';
import { type ExternalFiles, externalFiles } from './onnx_external.js';
import { type OnnxTensor, readTensor } from './onnx_tensor.js';
import { expectWire, type Field, type ProtobufReader, protobufReader } from './protobuf.js';

/** An attribute's value: of a node's settings those that say something about VGG16's layers. */
export type OnnxAttribute = number | string | readonly number[];

export interface OnnxNode {
  /** May be empty. */
  readonly name: string;
  /** `Conv`; `com.microsoft.FusedConv` where it is of another domain than ONNX's own. */
  readonly op: string;
  /** Names of values; empty for one that is left out. */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: ReadonlyMap<string, OnnxAttribute>;
}

export interface OnnxModel extends Archive {
  /** The program that wrote it: `pytorch`, `tf2onnx`. */
  readonly producer: string;
  /** Without those that have an initializer. */
  readonly inputs: readonly string[];
  /** The sides of each input, as far as they are numbers; what varies is undefined. */
  readonly inputShapes: ReadonlyMap<string, readonly (number | undefined)[]>;
  readonly outputs: readonly string[];
  /** In the file's order, each behind those that it depends on. `Constant`s are tensors and lists instead. */
  readonly nodes: readonly OnnxNode[];
  /** Short lists of whole numbers, by name: shapes, axes. */
  readonly integers: ReadonlyMap<string, readonly number[]>;
}

/**
 * Opens a model and reads its graph; weights stay in the file, and in files beside it where the model says so.
 *
 * Takes the file over: it is closed with the model, or at once where this fails.
 *
 * @throws WeightsError for a file that is no ONNX model or damaged, or whose other files are missing
 */
export async function openOnnx(file: RandomAccessFile): Promise<OnnxModel> {
  const { path } = file;
  const beside = externalFiles(file);
  const close = async () => {
    await beside.close();
    await file.close();
  };
  try {
    return { path, format: 'ONNX', ...(await readModel(file, beside)), close };
  } catch (error) {
    await close();
    throw asWeightsError(path, error);
  }
}

/** A model says some ten things of itself. */
const MOST_TEXTS = 100;

/** A batch of pictures has four. */
const MOST_SIDES = 8;

/** What a graph is made of, while it is read. */
class Graph {
  readonly nodes: OnnxNode[] = [];
  readonly inputs: string[] = [];
  readonly inputShapes = new Map<string, readonly (number | undefined)[]>();
  readonly outputs: string[] = [];
  readonly tensors = new Map<string, StridedTensor>();
  readonly integers = new Map<string, readonly number[]>();
  /** Of all initializers and constants. */
  readonly #names = new Set<string>();

  addTensor(name: string, { tensor, integers }: Omit<OnnxTensor, 'name'>): void {
    if (this.#names.has(name)) throw new FileFault(`tensor ${quote(name)}: there are two of that name`);
    this.#names.add(name);
    if (tensor) this.tensors.set(name, { ...tensor, name });
    if (integers) this.integers.set(name, integers);
  }

  isTensor(name: string): boolean {
    return this.#names.has(name);
  }
}

async function readModel(
  file: RandomAccessFile,
  beside: ExternalFiles,
): Promise<Omit<OnnxModel, 'path' | 'format' | 'close'>> {
  const reader = protobufReader(file, file.size);
  const readTensorAt = (field: Field) => readTensor(file, reader, field, beside);
  let producer = '';
  let found: Field | undefined;
  const metadata: Record<string, string> = {};
  for await (const field of reader.fields(0, file.size)) {
    if (field.number === 2) producer = await reader.text(field);
    if (field.number === 14 && Object.keys(metadata).length < MOST_TEXTS) {
      const [key, value] = await readEntry(reader, field);
      metadata[key] = value;
    }
    if (field.number !== 7) continue;
    if (found) throw new FileFault('two graphs in one ONNX model');
    found = field;
  }
  if (!found) throw new FileFault('not an ONNX model: it has no graph');
  expectWire(found, 'bytes');
  const graph = new Graph();
  for await (const field of reader.fields(found.start, found.end)) {
    if (field.number === 1) await readNode(graph, reader, field, readTensorAt);
    if (field.number === 5) {
      const { name, ...content } = await readTensorAt(field);
      graph.addTensor(name, content);
    }
    if (field.number === 11) {
      const name = await readName(reader, field);
      graph.inputs.push(name);
      graph.inputShapes.set(name, await readShape(reader, field));
    }
    if (field.number === 12) graph.outputs.push(await readName(reader, field));
  }
  const { nodes, inputShapes, outputs, tensors, integers } = graph;
  const inputs = graph.inputs.filter((name) => !graph.isTensor(name));
  return { producer, metadata, inputs, inputShapes, outputs, nodes, tensors, integers };
}

async function readNode(
  graph: Graph,
  reader: ProtobufReader,
  message: Field,
  readTensorAt: (field: Field) => Promise<OnnxTensor>,
): Promise<void> {
  expectWire(message, 'bytes');
  const texts = new Map<number, string>();
  const inputs: string[] = [];
  const outputs: string[] = [];
  const settings: Field[] = [];
  for await (const field of reader.fields(message.start, message.end)) {
    if (field.number === 1) inputs.push(await reader.text(field));
    else if (field.number === 2) outputs.push(await reader.text(field));
    else if (field.number === 5) settings.push(field);
    else if ([3, 4, 7].includes(field.number)) texts.set(field.number, await reader.text(field));
  }
  const domain = texts.get(7) ?? '';
  const type = texts.get(4) ?? '';
  const op = domain === '' || domain === 'ai.onnx' ? type : `${domain}.${type}`;
  const attributes = new Map<string, OnnxAttribute>();
  for (const setting of settings) {
    const { name, value, tensor } = await readAttribute(reader, setting);
    if (value !== undefined) attributes.set(name, value);
    if (op === 'Constant' && tensor) graph.addTensor(outputs[0] ?? '', await readTensorAt(tensor));
    const isList = op === 'Constant' && (name === 'value_int' || name === 'value_ints');
    if (isList && value !== undefined)
      graph.addTensor(outputs[0] ?? '', { integers: [value].flat() as number[] });
  }
  if (op !== 'Constant') graph.nodes.push({ name: texts.get(3) ?? '', op, inputs, outputs, attributes });
}

async function readAttribute(
  reader: ProtobufReader,
  message: Field,
): Promise<{ name: string; value: OnnxAttribute | undefined; tensor: Field | undefined }> {
  expectWire(message, 'bytes');
  let name = '';
  let value: OnnxAttribute | undefined;
  let tensor: Field | undefined;
  const list: number[] = [];
  for await (const field of reader.fields(message.start, message.end)) {
    if (field.number === 1) name = await reader.text(field);
    else if (field.number === 2) value = await reader.float(field);
    else if (field.number === 3) value = (await reader.integers(field))[0];
    else if (field.number === 4) value = await reader.text(field);
    else if (field.number === 5) tensor = field;
    else if (field.number === 8) list.push(...(await reader.integers(field)));
  }
  return { name, value: list.length > 0 ? list : value, tensor };
}

/** Key and value of a StringStringEntryProto. */
async function readEntry(reader: ProtobufReader, message: Field): Promise<[key: string, value: string]> {
  expectWire(message, 'bytes');
  const texts: [string, string] = ['', ''];
  for await (const field of reader.fields(message.start, message.end)) {
    if (field.number === 1 || field.number === 2) texts[field.number - 1] = await reader.text(field);
  }
  return texts;
}

/** The name of a ValueInfoProto. */
async function readName(reader: ProtobufReader, message: Field): Promise<string> {
  expectWire(message, 'bytes');
  for await (const field of reader.fields(message.start, message.end)) {
    if (field.number === 1) return reader.text(field);
  }
  return '';
}

/** The sides that a ValueInfoProto says; empty where it says none. */
async function readShape(reader: ProtobufReader, message: Field): Promise<(number | undefined)[]> {
  let within = [message];
  for (const number of [2, 1, 2, 1]) {
    const found: Field[] = [];
    for (const { start, end } of within) {
      for await (const field of reader.fields(start, end)) {
        if (field.number !== number) continue;
        expectWire(field, 'bytes');
        found.push(field);
        if (found.length > MOST_SIDES) return [];
      }
    }
    within = found;
  }
  const sides: (number | undefined)[] = [];
  for (const { start, end } of within) {
    let side: number | undefined;
    for await (const field of reader.fields(start, end)) {
      if (field.number === 1) side = (await reader.integers(field))[0];
    }
    sides.push(side !== undefined && side > 0 ? side : undefined);
  }
  return sides;
}
