// Changes protocol buffers where it matters: a field's number, length or value, with all lengths around it mended.

import { field, varint } from '../../src/node/weights/onnx_messages.js';
import type { Random } from '../../src/random.js';

/** What sizes, types and counts must not be believed to be. */
const EXTREMES = [0n, 1n, 2n, 7n, 16n, 127n, 2n ** 31n, 2n ** 32n - 1n, 2n ** 53n, 2n ** 63n, 2n ** 64n - 1n];

/** Messages of ONNX that lie in messages: the graph; its nodes, tensors, inputs; attributes, external data. */
const MESSAGES = new Set(['7', '7.1', '7.5', '7.11', '7.12', '7.1.5', '7.1.5.5', '7.5.13']);

/** An ONNX model with one field, at any depth, left out, said twice, renumbered, emptied or given another value. */
export function mutatedGraph(bytes: Buffer, random: Random): Buffer {
  return mutatedMessage(bytes, '', random);
}

function mutatedMessage(bytes: Buffer, path: string, random: Random): Buffer {
  const fields = fieldsOf(bytes);
  if (fields.length === 0) return bytes;
  // Most of a model's fields lie in its graph.
  const graph = fields.findIndex(({ number }) => path === '' && number === 7);
  const at = graph >= 0 && random.below(20) > 0 ? graph : random.below(fields.length);
  const { number, value } = fields[at]!;
  const parts = fields.map((part) => field(part.number, part.value));
  const inner = path === '' ? `${number}` : `${path}.${number}`;
  if (typeof value !== 'bigint' && MESSAGES.has(inner) && random.below(5) > 0) {
    parts[at] = field(number, mutatedMessage(value, inner, random));
  } else {
    parts.splice(at, 1, ...replacements(number, value, parts, random));
  }
  return Buffer.concat(parts);
}

function replacements(
  number: number,
  value: bigint | Buffer,
  parts: readonly Buffer[],
  random: Random,
): Buffer[] {
  const original = field(number, value);
  switch (random.below(6)) {
    case 0:
      return [];
    case 1:
      return [original, original];
    case 2:
      return [field(1 + random.below(16), value)];
    case 3:
      return [original, parts[random.below(parts.length)]!];
    case 4:
      return [field(number, EXTREMES[random.below(EXTREMES.length)]!)];
    default:
      if (typeof value === 'bigint') return [varint(number * 8 + random.below(8)), varint(value)];
      return [field(number, value.subarray(0, random.below(value.length + 1)))];
  }
}

/** Of a message that is whole; those of four and eight bytes are kept as what they are. */
function fieldsOf(bytes: Buffer): { number: number; value: bigint | Buffer }[] {
  const fields: { number: number; value: bigint | Buffer }[] = [];
  let at = 0;
  const next = () => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = bytes[at++]!;
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
  };
  while (at < bytes.length) {
    const tag = Number(next());
    const wire = tag % 8;
    if (wire === 0) {
      fields.push({ number: tag >> 3, value: next() });
      continue;
    }
    const length = wire === 2 ? Number(next()) : wire === 5 ? 4 : 8;
    // A fixed field becomes one with a length: a mutation, too.
    fields.push({ number: tag >> 3, value: bytes.subarray(at, at + length) });
    at += length;
  }
  return fields;
}
