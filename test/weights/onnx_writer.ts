// Writes ONNX models by hand, so that anything in them can be wrong.

import { field, type NodeToWrite, nodeBytes } from '../../src/node/weights/onnx_messages.js';

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
