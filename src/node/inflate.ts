// Raw deflate data, inflated by Node's zlib.

import { pipeline, Readable } from 'node:stream';
import { createInflateRaw } from 'node:zlib';

/** An `InflateRaw`: see src/weights/formats/inflate.ts. */
export function inflateByZlib(bytes: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
  const inflate = createInflateRaw({ chunkSize: 2 ** 16 });
  // Errors come out of the iterator; one that comes when nobody reads any more must not end the process.
  inflate.on('error', () => {});
  return pipeline(Readable.from(bytes), inflate, () => {});
}
