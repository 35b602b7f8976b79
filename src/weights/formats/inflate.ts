// Deflated bytes of a file as if they could be read at random.

import { pipeline, Readable } from 'node:stream';
import { createInflateRaw } from 'node:zlib';
import { FileFault, type RandomAccessFile } from '../file.js';

/** Bytes that are read, and inflated, at once. */
const CHUNK = 2 ** 16;

/** Reading forwards goes on from where the last call ended; reading back begins again. */
export class Inflated {
  #stream: AsyncIterator<Buffer> | undefined;
  /** What has been inflated, but not been asked for yet; its first byte is number `#position`. */
  #rest: Buffer = Buffer.alloc(0);
  #position = 0;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(
    private readonly file: RandomAccessFile,
    private readonly start: number,
    private readonly size: number,
  ) {}

  /**
   * Fills `target` with the inflated bytes from `position` on. Calls wait for each other.
   *
   * @throws FileFault where the data is damaged or ends early
   */
  read(position: number, target: Uint8Array): Promise<void> {
    const result = this.#turn.then(() => this.#read(position, target));
    this.#turn = result.catch(() => {});
    return result;
  }

  close(): void {
    void this.#stream?.return?.();
    this.#stream = undefined;
  }

  async #read(position: number, target: Uint8Array): Promise<void> {
    if (!this.#stream || position < this.#position) this.#restart();
    const end = position + target.length;
    while (this.#position < end) {
      if (this.#rest.length === 0) this.#rest = await this.#next();
      const wanted = (this.#position < position ? position : end) - this.#position;
      const part = this.#rest.subarray(0, wanted);
      if (this.#position >= position) target.set(part, this.#position - position);
      this.#rest = this.#rest.subarray(part.length);
      this.#position += part.length;
    }
  }

  #restart(): void {
    this.close();
    const inflate = createInflateRaw({ chunkSize: CHUNK });
    // Errors come out of the iterator; one that comes when nobody reads any more must not end the process.
    inflate.on('error', () => {});
    this.#stream = pipeline(Readable.from(this.#deflated()), inflate, () => {})[Symbol.asyncIterator]();
    this.#rest = Buffer.alloc(0);
    this.#position = 0;
  }

  async *#deflated(): AsyncGenerator<Buffer> {
    for (let done = 0; done < this.size; done += CHUNK) {
      const chunk = Buffer.alloc(Math.min(CHUNK, this.size - done));
      await this.file.read(this.start + done, chunk);
      yield chunk;
    }
  }

  async #next(): Promise<Buffer> {
    try {
      const { value, done } = await this.#stream!.next();
      if (!done) return value;
    } catch (error) {
      this.close();
      const said = error instanceof Error ? error.message : String(error);
      throw new FileFault(`the deflated data is damaged: ${said}`, { cause: error });
    }
    this.close();
    throw new FileFault(`the deflated data ends after ${this.#position} bytes`);
  }
}
