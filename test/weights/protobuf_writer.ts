// Writes protocol buffers and ONNX models by hand, so that anything in them can be wrong.

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
  const bytes = Buffer.from(value as string);
  return Buffer.concat([varint(number * 8 + 2), varint(bytes.length), bytes]);
}

export interface NodeToWrite {
  readonly op: string;
  readonly inputs: readonly string[];
  readonly output: string;
  readonly attributes?: Readonly<Record<string, number | readonly number[] | string>>;
}

export function nodeBytes({ op, inputs, output, attributes = {} }: NodeToWrite): Buffer {
  const attribute = ([name, value]: [string, number | readonly number[] | string]) => {
    if (typeof value === 'string') return Buffer.concat([field(1, name), field(4, value)]);
    if (typeof value === 'number') return Buffer.concat([field(1, name), field(3, value)]);
    return Buffer.concat([field(1, name), ...value.map((number) => field(8, number))]);
  };
  return Buffer.concat([
    ...inputs.map((name) => field(1, name)),
    field(2, output),
    field(3, `${output}_node`),
    field(4, op),
    ...Object.entries(attributes).map((entry) => field(5, attribute(entry))),
  ]);
}

/** A TensorProto of singles, all 0; `more` are further fields, or others in the place of its data. */
export function tensorBytes(name: string, dims: readonly number[], more?: readonly Buffer[]): Buffer {
  const size = 4 * dims.reduce((product, side) => product * side, 1);
  const data = more ?? [field(9, new Uint8Array(size))];
  return Buffer.concat([...dims.map((side) => field(1, side)), field(2, 1), field(8, name), ...data]);
}

export function modelBytes(
  nodes: readonly NodeToWrite[],
  tensors: readonly Buffer[],
  output = nodes.at(-1)?.output ?? 'data',
): Buffer {
  const graph = Buffer.concat([
    ...nodes.map((node) => field(1, nodeBytes(node))),
    field(2, 'graph'),
    ...tensors.map((tensor) => field(5, tensor)),
    field(11, field(1, 'data')),
    field(12, field(1, output)),
  ]);
  return Buffer.concat([field(1, 8), field(2, 'test'), field(7, graph)]);
}
