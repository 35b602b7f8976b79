// What a connection brought before it broke is worth keeping: it is read to the last byte before the error is met.
// (A Node stream that is destroyed throws away what it has buffered.)

import { PassThrough, type Readable } from 'node:stream';

/** Bytes that wait for a slow disk. */
const BUFFERED = 2 ** 20;

/** Everything that `body` brings, then its error if it had one. Reading begins with the call. */
export function salvaged(body: Readable): AsyncGenerator<Buffer, void> {
  const through = new PassThrough({ highWaterMark: BUFFERED });
  let failure: unknown;
  body.on('error', (error) => {
    failure = error;
    through.end();
  });
  body.pipe(through);
  return (async function* () {
    yield* through as AsyncIterable<Buffer>;
    if (failure) throw failure;
  })();
}
