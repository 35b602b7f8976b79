// The messages of an ONNX model as bytes: nodes, tensors, inputs and outputs, and the model around them. Numbers of weights may
// come later, in pieces: only their length has to be known.
//
//   ModelProto    ir_version 1   producer_name 2   graph 7   opset_import 8   metadata_props 14 > key 1, value 2
//   GraphProto    node 1   name 2   initializer 5   input 11   output 12
//   NodeProto     input 1   output 2   name 3   op_type 4   attribute 5
//   Attribute     name 1   i 3   s 4   ints 8   type 20
//   TensorProto   dims 1   data_type 2   name 8   raw_data 9
//   ValueInfo     name 1   type 2 > tensor_type 1 > elem_type 1   shape 2 > dim 1 > dim_value 1   dim_param 2
//
// Source   https://github.com/onnx/onnx, onnx/onnx.proto

/** Both understood by every runtime since 2021. */
const IR_VERSION = 8;
const OPSET = 13;

const FLOAT = 1;
const FLOAT16 = 10;
const INT64 = 7;
export const TENSOR_TYPES = { F32: FLOAT, F16: FLOAT16 } as const;
const ATTRIBUTE_TYPES = { int: 2, string: 3, ints: 7 } as const;

export interface NodeToWrite {
  readonly op: string;
  readonly inputs: readonly string[];
  readonly output: string;
  readonly attributes?: Readonly<Record<string, number | readonly number[] | string>>;
}

/** An input or output of singles; a size that is only known when the model runs has a name instead. */
export interface ValueToWrite {
  readonly name: string;
  readonly shape: readonly (number | string)[];
}

/** Bytes, or so many that are read when they are written. */
export type Piece = Uint8Array | { readonly length: number; readonly data: AsyncIterable<Uint8Array> };

export interface GraphToWrite {
  readonly name: string;
  readonly nodes: readonly NodeToWrite[];
  readonly tensors: readonly (readonly Piece[])[];
  readonly input: ValueToWrite;
  readonly output: ValueToWrite;
  /** The program that wrote it. */
  readonly producer?: string;
  readonly metadata?: Readonly<Record<string, string>>;
}

export function nodeBytes({ op, inputs, output, attributes = {} }: NodeToWrite): Buffer {
  return Buffer.concat([
    ...inputs.map((name) => field(1, name)),
    field(2, output),
    field(3, `${output}_node`),
    field(4, op),
    ...Object.entries(attributes).map(([name, value]) => field(5, attributeBytes(name, value))),
  ]);
}

function attributeBytes(name: string, value: number | readonly number[] | string): Buffer {
  const typed = (type: number, ...values: Buffer[]) =>
    Buffer.concat([field(1, name), ...values, field(20, type)]);
  if (typeof value === 'string') return typed(ATTRIBUTE_TYPES.string, field(4, value));
  if (typeof value === 'number') return typed(ATTRIBUTE_TYPES.int, field(3, value));
  return typed(ATTRIBUTE_TYPES.ints, ...value.map((number) => field(8, number)));
}

/** A TensorProto of singles: its numbers are a view of `values`, not a copy. */
export function tensorInPieces(name: string, dims: readonly number[], values: Float32Array): Uint8Array[] {
  return [
    ...dims.map((size) => field(1, size)),
    field(2, FLOAT),
    field(8, name),
    ...fieldInPieces(9, [new Uint8Array(values.buffer, values.byteOffset, values.byteLength)]),
  ];
}

/** A TensorProto of singles or halves whose numbers come later. */
export function tensorMessage(
  name: string,
  dims: readonly number[],
  type: keyof typeof TENSOR_TYPES,
  data: Piece,
): Piece[] {
  return [
    ...dims.map((size) => field(1, size)),
    field(2, TENSOR_TYPES[type]),
    field(8, name),
    ...fieldOf(9, [data]),
  ];
}

/** A TensorProto of a list of whole numbers. */
export function integersMessage(name: string, values: readonly number[]): Uint8Array[] {
  const bytes = new BigInt64Array(values.map(BigInt));
  return [field(1, values.length), field(2, INT64), field(8, name), field(9, new Uint8Array(bytes.buffer))];
}

function valueBytes({ name, shape }: ValueToWrite): Buffer {
  const dims = shape.map((size) => field(1, typeof size === 'string' ? field(2, size) : field(1, size)));
  const tensorType = Buffer.concat([field(1, FLOAT), field(2, Buffer.concat(dims))]);
  return Buffer.concat([field(1, name), field(2, field(1, tensorType))]);
}

/** The whole model. */
export function modelPieces(graph: GraphToWrite): Piece[] {
  const { name, nodes, tensors, input, output, producer, metadata = {} } = graph;
  const pieces = [
    ...nodes.map((node) => field(1, nodeBytes(node))),
    field(2, name),
    ...tensors.flatMap((tensor) => fieldOf(5, tensor)),
    field(11, valueBytes(input)),
    field(12, valueBytes(output)),
  ];
  const opset = Buffer.concat([field(1, ''), field(2, OPSET)]);
  return [
    field(1, IR_VERSION),
    ...(producer === undefined ? [] : [field(2, producer)]),
    ...fieldOf(7, pieces),
    field(8, opset),
    ...Object.entries(metadata).map(([key, value]) =>
      field(14, Buffer.concat([field(1, key), field(2, value)])),
    ),
  ];
}

/** As `modelPieces`, of weights that are at hand; here they are copied, for the only time. */
export function modelBytes(
  graph: GraphToWrite & { readonly tensors: readonly (readonly Uint8Array[])[] },
): Uint8Array {
  return Buffer.concat(modelPieces(graph) as Uint8Array[]);
}

// Writes protocol buffers by hand: the peer's models, and for tests such that anything in them can be wrong.

export function varint(value: number | bigint): Buffer {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, BigInt(value));
  for (; rest > 0x7fn; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80);
  return Buffer.from([...bytes, Number(rest)]);
}

/** A whole number, or with its length in front what text, numbers and messages are. */
export function field(number: number, value: number | bigint | string | Uint8Array): Buffer {
  if (typeof value === 'number' || typeof value === 'bigint') {
    return Buffer.concat([varint(number * 8), varint(value)]);
  }
  return Buffer.concat(fieldInPieces(number, [Buffer.from(value as string)]));
}

/** As `field`, of a value in pieces: half a gigabyte of weights is copied once, when everything is joined. */
export function fieldInPieces(number: number, pieces: readonly Uint8Array[]): Uint8Array[] {
  return fieldOf(number, pieces) as Uint8Array[];
}

function fieldOf(number: number, pieces: readonly Piece[]): Piece[] {
  const length = pieces.reduce((sum, piece) => sum + piece.length, 0);
  return [varint(number * 8 + 2), varint(length), ...pieces];
}
