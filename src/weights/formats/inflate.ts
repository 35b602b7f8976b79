// Deflated bytes of a file as if they could be read at random.

import { Turns } from '../../turns.js';
import { type Bytes, bytesAt, FileFault } from '../file.js';

/**
 * Inflates raw deflate data (RFC 1951), forwards. Asks for more bytes only when it needs them; stops asking when the
 * caller stops reading. Throws where the data is damaged or ends early.
 */
export type InflateRaw = (bytes: AsyncIterable<Uint8Array<ArrayBuffer>>) => AsyncIterable<Uint8Array>;

/** Bytes that are read at once. */
const CHUNK = 2 ** 16;

/** Reading forwards goes on from where the last call ended; reading back begins again. */
export class Inflated {
  #stream: AsyncIterator<Uint8Array> | undefined;
  /** What has been inflated, but not been asked for yet; its first byte is number `#position`. */
  #rest = new Uint8Array();
  #position = 0;
  readonly #turns = new Turns();

  /** @param start  the first deflated byte  @param size  how many deflated bytes there are */
  constructor(
    private readonly file: Bytes,
    private readonly start: number,
    private readonly size: number,
    private readonly inflate: InflateRaw = inflateByStream,
  ) {}

  /**
   * Fills `target` with the inflated bytes from `position` on. Calls wait for each other.
   *
   * @throws FileFault where the data is damaged or ends early
   */
  read(position: number, target: Uint8Array): Promise<void> {
    return this.#turns.take(() => this.#read(position, target));
  }

  close(): void {
    // Whoever closes does not want to know what is wrong with bytes that were not asked for.
    this.#stream?.return?.().catch(() => {});
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
    this.#stream = this.inflate(this.#deflated())[Symbol.asyncIterator]();
    this.#rest = new Uint8Array();
    this.#position = 0;
  }

  async *#deflated(): AsyncGenerator<Uint8Array<ArrayBuffer>> {
    for (let done = 0; done < this.size; done += CHUNK) {
      yield await bytesAt(this.file, this.start + done, Math.min(CHUNK, this.size - done));
    }
  }

  async #next(): Promise<Uint8Array<ArrayBuffer>> {
    try {
      const { value, done } = await this.#stream!.next();
      if (!done) return value as Uint8Array<ArrayBuffer>;
    } catch (error) {
      this.close();
      const said = error instanceof Error ? error.message : String(error);
      throw new FileFault(`the deflated data is damaged: ${said}`, { cause: error });
    }
    this.close();
    throw new FileFault(`the deflated data ends after ${this.#position} bytes`);
  }
}

const PART = 2 ** 13;

/** Inflates with what every browser has. Node is faster with its zlib, and before 20.12 has nothing else. */
export async function* inflateByStream(
  bytes: AsyncIterable<Uint8Array<ArrayBuffer>>,
): AsyncGenerator<Uint8Array> {
  const { readable, writable } = new DecompressionStream('deflate-raw');
  const writer = writable.getWriter();
  const feed = async () => {
    try {
      for await (const chunk of bytes) {
        // Each part may become a thousand times as many bytes, all of which a browser makes before the next is asked for.
        for (let at = 0; at < chunk.length; at += PART) await writer.write(chunk.subarray(at, at + PART));
      }
      await writer.close();
    } catch (error) {
      await writer.abort(error);
    }
  };
  const feeding = feed().catch(() => {}); // errors come out of the reader
  const reader = readable.getReader();
  try {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      yield value;
    }
  } finally {
    await reader.cancel().catch(() => {});
    await feeding;
  }
}
