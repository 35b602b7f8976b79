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
  const length = pieces.reduce((sum, piece) => sum + piece.length, 0);
  return [varint(number * 8 + 2), varint(length), ...pieces];
}
