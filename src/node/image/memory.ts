// What decoding a picture needs of memory, told from its header; and no more of it at a time than is reasonable.
//
// A file of a kilobyte can say that it has 100 million pixels, and decoders differ in what they hold of a picture while
// they work: a plain JPEG a few rows, a progressive one all its coefficients, an AVIF several copies of all pixels.

import type { Metadata } from 'sharp';

/** The most memory that pictures being decoded may need together, in bytes. */
export const DECODING_MEMORY = 2 ** 30;

/**
 * Bytes that decoding needs per pixel: 3 of the result, what libvips holds in between, and what the format's decoder does.
 * Measured with sharp 0.35 on pictures of 16 and 67 million pixels, and rounded up.
 */
export function decodingBytesPerPixel(header: Metadata): number {
  const sampleBytes = header.depth === 'uchar' ? 1 : 2;
  const channels = header.channels;
  const turned = (header.orientation ?? 1) > 1 ? 3 * sampleBytes : 0;
  return 3.5 + turned + ofDecoder();

  function ofDecoder(): number {
    switch (header.format) {
      case 'jpeg': // coefficients of 2 bytes
        return header.isProgressive ? 2 * channels : 0;
      case 'png': // all of an interlaced one
        return header.isProgressive ? channels * sampleBytes : 0;
      case 'tiff': // a strip, which may be all of it
        return channels * sampleBytes;
      case 'gif': // two frames of 4 bytes
      case 'webp':
        return 8.5;
      default: // AVIF
        return sampleBytes === 1 ? 16 : 24;
    }
  }
}

/** Lets work begin in the order in which it came, as long as what all of it needs stays within a limit. */
export class MemoryGate {
  #used = 0;
  readonly #waiting: { readonly bytes: number; readonly go: () => void }[] = [];

  /** @param limit  in bytes; work that needs more is done alone */
  constructor(private readonly limit: number) {}

  /** @param bytes  what `work` needs: a whole number, or sums would not come back to 0 */
  async during<Result>(bytes: number, work: () => Promise<Result>): Promise<Result> {
    await new Promise<void>((go) => {
      this.#waiting.push({ bytes, go });
      this.#admit();
    });
    try {
      return await work();
    } finally {
      this.#used -= bytes;
      this.#admit();
    }
  }

  #admit(): void {
    for (;;) {
      const [first] = this.#waiting;
      if (!first || (this.#used > 0 && this.#used + first.bytes > this.limit)) return;
      this.#waiting.shift();
      this.#used += first.bytes;
      first.go();
    }
  }
}
