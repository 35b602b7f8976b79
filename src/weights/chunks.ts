// A tensor's bytes in pieces, the next one being read while the last one is worked on.

import { CHUNK_LENGTH } from './gather.js';
import { BYTES_PER_ELEMENT, type TensorEntry, type WeightsSource } from './source.js';

export interface ChunkOptions {
  /** Called with the bytes of a piece once it has been worked on. */
  readonly onRead?: ((bytes: number) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Memory for tensors that are read one after the other. */
  readonly buffers?: ChunkBuffers | undefined;
}

/** Two buffers that take turns; made when the first tensor is read. */
export interface ChunkBuffers {
  pair?: readonly [Uint8Array, Uint8Array];
}

/** How far work on many tensors is, in bytes as they are stored. */
export interface ByteProgress {
  readonly loaded: number;
  readonly total: number;
}

/** Work on many tensors. */
export interface WorkOptions {
  readonly onProgress?: ((progress: ByteProgress) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** What `readChunks` needs for each of the tensors, so that `onProgress` hears of all of them together. */
export function chunkOptions(
  entries: readonly TensorEntry[],
  { onProgress, signal }: WorkOptions,
): ChunkOptions {
  const total = entries.reduce((sum, { byteLength }) => sum + byteLength, 0);
  let loaded = 0;
  const onRead = (bytes: number) => {
    loaded += bytes;
    onProgress?.({ loaded, total });
  };
  return { onRead, signal };
}

/**
 * Reads a tensor from its first byte to its last in pieces of `CHUNK_LENGTH` numbers, 8 MB as F32. A piece is good
 * until the next one is asked for: two buffers take turns.
 *
 * @throws WeightsError as `WeightsSource.read`; the signal's reason
 */
export async function* readChunks(
  source: WeightsSource,
  { name, dtype, byteLength }: TensorEntry,
  { onRead, signal, buffers = {} }: ChunkOptions = {},
): AsyncGenerator<Uint8Array> {
  const size = Math.min(byteLength, CHUNK_LENGTH * BYTES_PER_ELEMENT[dtype]);
  if (!buffers.pair || buffers.pair[0].length < size) {
    buffers.pair = [new Uint8Array(size), new Uint8Array(size)];
  }
  let [buffer, other] = buffers.pair.map((whole) => whole.subarray(0, size)) as [Uint8Array, Uint8Array];
  const readFrom = (start: number) => {
    const piece = buffer.subarray(0, byteLength - start);
    [buffer, other] = [other, buffer];
    const read = source.read(name, start, piece).then(() => piece);
    // It is waited for later; until then nobody else may hear of its failure.
    read.catch(() => {});
    return read;
  };
  let next: Promise<Uint8Array> | undefined = byteLength > 0 ? readFrom(0) : undefined;
  try {
    for (let start = 0; next; ) {
      signal?.throwIfAborted();
      const piece = await next;
      start += piece.length;
      next = start < byteLength ? readFrom(start) : undefined;
      yield piece;
      onRead?.(piece.length);
    }
  } finally {
    // Whoever stops early must be able to close the file.
    await next?.catch(() => {});
  }
}
