// A zip archive read at random: the hull of PyTorch's, Keras' and NumPy's files. Its directory is yauzl's business,
// which knows zip64 and refuses names that lead out of a folder; bytes are read here.
//
// A stored entry is a stretch of the file. A deflated one is inflated forwards, and from its beginning when something
// before is asked for; of what it claims to hold nothing is allocated in advance.

import type { Entry, ZipFile } from 'yauzl';
import { asWeightsError, FileFault, openFile, type RandomAccessFile } from '../file.js';
import { quote } from '../text.js';
import { Inflated } from './inflate.js';

/** More than any file of weights has; bounds what a directory may cost. */
const MOST_ENTRIES = 20_000;

/** Deflate's best: 258 bytes by two bits (RFC 1951). Who claims more does not speak the truth. */
const LARGEST_EXPANSION = 1032;

/** Bytes read ahead of the directory, which yauzl asks for in small pieces. */
const WINDOW = 2 ** 16;

const STORED = 0;
const DEFLATED = 8;

export interface ZipEntry {
  readonly name: string;
  /** Of the bytes when they are unpacked; of a deflated entry what its directory says. */
  readonly size: number;
  readonly compressedSize: number;
  /** True where the bytes lie in the file as they are. */
  readonly isStored: boolean;
}

/** An open zip archive. Whoever opened it closes it. */
export interface Zip {
  readonly path: string;
  /** In the order of the archive's directory, without folders. */
  readonly entries: ReadonlyMap<string, ZipEntry>;
  /**
   * Fills `target` with an entry's unpacked bytes from `start` on. Reading forwards is fast. Calls may overlap in time.
   *
   * @throws WeightsError for an entry that is missing, damaged, encrypted or packed by another method than deflate, and
   *   for bytes behind its end
   */
  read(name: string, start: number, target: Uint8Array): Promise<void>;
  /**
   * A small entry as a whole.
   *
   * @param atMost  bytes
   * @throws WeightsError as `read`, and for an entry that is larger
   */
  bytes(name: string, atMost: number): Promise<Buffer>;
  close(): Promise<void>;
}

/** @throws WeightsError for a file that is missing, or that is no zip archive or a damaged one */
export async function openZip(path: string): Promise<Zip> {
  const file = await openFile(path);
  try {
    const directory = await openDirectory(file);
    return new ZipReader(file, directory, await readEntries(directory));
  } catch (error) {
    await file.close();
    throw asWeightsError(path, error);
  }
}

class ZipReader implements Zip {
  readonly path: string;
  readonly entries: ReadonlyMap<string, ZipEntry>;
  readonly #file: RandomAccessFile;
  readonly #directory: ZipFile;
  readonly #raw: ReadonlyMap<string, Entry>;
  /** Where the bytes of entries begin that have been asked for. */
  readonly #starts = new Map<string, Promise<number>>();
  readonly #inflated = new Map<string, Inflated>();

  constructor(file: RandomAccessFile, directory: ZipFile, raw: ReadonlyMap<string, Entry>) {
    this.path = file.path;
    this.#file = file;
    this.#directory = directory;
    this.#raw = raw;
    this.entries = new Map(
      [...raw].map(([name, { uncompressedSize: size, compressedSize, compressionMethod }]) => {
        return [name, { name, size, compressedSize, isStored: compressionMethod === STORED }];
      }),
    );
  }

  async read(name: string, start: number, target: Uint8Array): Promise<void> {
    try {
      const entry = this.#raw.get(name);
      if (!entry) throw new FileFault('there is no such entry');
      checkReadable(entry);
      if (start + target.length > entry.uncompressedSize) {
        throw new FileFault(
          `ends at byte ${entry.uncompressedSize}, before byte ${start + target.length} that is needed`,
        );
      }
      const begin = await this.#startOf(entry);
      if (entry.compressionMethod === STORED) return await this.#file.read(begin + start, target);
      let inflated = this.#inflated.get(name);
      if (!inflated) {
        inflated = new Inflated(this.#file, begin, entry.compressedSize);
        this.#inflated.set(name, inflated);
      }
      await inflated.read(start, target);
    } catch (error) {
      throw asWeightsError(`${this.path}: zip entry ${quote(name)}`, error);
    }
  }

  async bytes(name: string, atMost: number): Promise<Buffer> {
    const size = this.entries.get(name)?.size ?? 0;
    if (size > atMost) {
      const fault = new FileFault(`${size} bytes are too many for what it should hold, ${atMost} at most`);
      throw asWeightsError(`${this.path}: zip entry ${quote(name)}`, fault);
    }
    const bytes = Buffer.alloc(size);
    await this.read(name, 0, bytes);
    return bytes;
  }

  async close(): Promise<void> {
    for (const inflated of this.#inflated.values()) inflated.close();
    this.#directory.close();
    await this.#file.close();
  }

  /** The length of what precedes an entry's bytes stands with them, not in the directory. */
  #startOf(entry: Entry): Promise<number> {
    let start = this.#starts.get(entry.fileName);
    if (!start) {
      start = this.#directory
        .readLocalFileHeaderPromise(entry, { minimal: true })
        .then(({ fileDataStart }) => fileDataStart)
        .catch((error) => Promise.reject(asFault(error)));
      this.#starts.set(entry.fileName, start);
    }
    return start;
  }
}

function checkReadable({ compressionMethod, ...entry }: Entry): void {
  if (entry.generalPurposeBitFlag & 1)
    throw new FileFault('encrypted; unpack the archive and pack it without');
  if (compressionMethod !== STORED && compressionMethod !== DEFLATED) {
    throw new FileFault(`packed by method ${compressionMethod}, only deflate is understood; pack it again`);
  }
  if (compressionMethod === STORED) return;
  if (entry.uncompressedSize > entry.compressedSize * LARGEST_EXPANSION) {
    throw new FileFault(
      `claims ${entry.uncompressedSize} bytes, more than its ${entry.compressedSize} deflated ones can hold`,
    );
  }
}

async function openDirectory(file: RandomAccessFile): Promise<ZipFile> {
  const { fromRandomAccessReaderPromise, RandomAccessReader } = await import('yauzl');
  let window = { start: 0, bytes: Buffer.alloc(0) };
  const read = async (target: Buffer, position: number) => {
    const end = position + target.length;
    // yauzl takes positions from the file as they are.
    if (end > file.size) throw new FileFault(`its directory points to byte ${end}`);
    if (position < window.start || end > window.start + window.bytes.length) {
      const bytes = Buffer.alloc(Math.min(Math.max(WINDOW, target.length), file.size - position));
      await file.read(position, bytes);
      window = { start: position, bytes };
    }
    window.bytes.copy(target, 0, position - window.start);
  };
  class Reader extends RandomAccessReader {
    override read(
      buffer: Buffer,
      offset: number,
      length: number,
      position: number,
      done: (error: Error | null, bytesRead?: number) => void,
    ): void {
      read(buffer.subarray(offset, offset + length), position).then(() => done(null, length), done);
    }
  }
  try {
    return await fromRandomAccessReaderPromise(new Reader(), file.size, {
      autoClose: false,
      strictFileNames: true,
    });
  } catch (error) {
    throw asFault(error);
  }
}

async function readEntries(directory: ZipFile): Promise<Map<string, Entry>> {
  if (directory.entryCount > MOST_ENTRIES) {
    throw new FileFault(`a zip archive of ${directory.entryCount} entries is no file of weights`);
  }
  const entries = new Map<string, Entry>();
  try {
    for await (const entry of directory.eachEntry()) {
      const name = entry.fileName;
      if (name.endsWith('/')) continue;
      if (entries.has(name)) throw new FileFault(`two entries are called ${quote(name)}`);
      entries.set(name, entry);
    }
  } catch (error) {
    throw asFault(error);
  }
  return entries;
}

/** yauzl's errors have no class of their own, and may hold names from the file. */
function asFault(error: unknown): FileFault {
  if (error instanceof FileFault)
    return new FileFault(`damaged zip archive: ${error.message}`, { cause: error });
  const said = error instanceof Error ? error.message : String(error);
  const isCut = said.startsWith('End of central directory');
  const what = isCut ? 'truncated, or never finished: it has no directory at its end' : quote(said);
  return new FileFault(`damaged zip archive: ${what}`, { cause: error });
}
