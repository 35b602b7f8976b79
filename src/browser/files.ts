// Files of a browser, read at random: Blobs, bytes, and what a URL gives.

import { UsageError, WeightsError } from '../errors.js';
import { isUint8Array, isUrl } from '../realm.js';
import { FileFault, type RandomAccessFile } from '../weights/file.js';

/** A File or another Blob, bytes, or the address of a file. */
export type WeightsInput = Blob | Uint8Array | URL | string;

export interface DownloadOptions {
  /** Bytes that have come, of how many; `total` is undefined where the server does not say it. */
  readonly onDownload?:
    | ((progress: { readonly loaded: number; readonly total: number | undefined }) => void)
    | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Opens a file. What is at a URL is downloaded as a whole; the browser's own cache decides whether it is there already.
 *
 * @throws WeightsError where a server refuses, or the connection fails; UsageError for what is no file; the signal's reason
 */
export async function openInput(
  input: WeightsInput,
  options: DownloadOptions = {},
): Promise<RandomAccessFile> {
  if (typeof input === 'string' || isUrl(input)) {
    const url = String(input);
    return blobFile(await download(url, options), url);
  }
  if (isUint8Array(input)) return blobFile(new Blob([input as Uint8Array<ArrayBuffer>]), 'the weights');
  if (isBlob(input)) return blobFile(input, nameOf(input));
  throw new UsageError('weights must be a File or another Blob, a Uint8Array, or a URL');
}

function isBlob(input: unknown): input is Blob {
  return typeof input === 'object' && input !== null && 'arrayBuffer' in input && 'slice' in input;
}

function nameOf(blob: Blob): string {
  const { name } = blob as { readonly name?: unknown };
  return typeof name === 'string' && name !== '' ? name : 'the weights';
}

function blobFile(blob: Blob, path: string): RandomAccessFile {
  return {
    path,
    size: blob.size,
    async read(position, target) {
      const end = position + target.length;
      if (end > blob.size) throw new FileFault(`the file ends at byte ${blob.size}: it was shortened`);
      const bytes = await blob
        .slice(position, end)
        .arrayBuffer()
        // A file that changed on the disk since it was chosen may not be read any more.
        .catch((error: Error) => {
          throw new FileFault(`cannot be read (${error.message}); choose it again`, { cause: error });
        });
      target.set(new Uint8Array(bytes));
    },
    async close() {},
  };
}

/** @throws WeightsError where a server refuses, or the connection fails; the signal's reason */
export async function download(url: string, { onDownload, signal }: DownloadOptions): Promise<Blob> {
  const refused = (why: string, cause?: unknown) => new WeightsError(`${url}: ${why}`, { cause });
  const failed = (error: Error) => {
    signal?.throwIfAborted();
    return refused(
      `cannot be downloaded (${error.message}); its server must allow this page to read it`,
      error,
    );
  };
  const response = await fetch(url, signal && { signal }).catch((error: Error) => {
    throw failed(error);
  });
  if (!response.ok || !response.body) throw refused(`the server answers ${response.status}`);
  const length = Number(response.headers.get('content-length'));
  // Of a compressed answer, that is the length before it is unpacked.
  const total = length > 0 && !response.headers.get('content-encoding') ? length : undefined;
  const parts: Uint8Array<ArrayBuffer>[] = [];
  const reader = response.body.getReader();
  let loaded = 0;
  for (;;) {
    const { done, value } = await reader.read().catch((error: Error) => {
      throw failed(error);
    });
    if (done) return new Blob(parts);
    parts.push(value);
    loaded += value.length;
    onDownload?.({ loaded, total });
  }
}
