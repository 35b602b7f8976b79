// A zip archive read at random: the hull of PyTorch's, Keras' and NumPy's files.
//
//   entries     for each a header of 30 bytes, its name, and its bytes, stored or deflated
//   directory   for each entry 46 bytes, its name, extra fields: where the entry begins, and its sizes
//   end         22 bytes: where the directory begins, and how many entries it has
//
// Numbers that do not fit 16 or 32 bits are all ones there, and stand in a record of 64-bit numbers (zip64). A stored entry
// is a stretch of the file. A deflated one is inflated forwards, and from its beginning when something before is asked
// for; of what it claims to hold nothing is allocated in advance.
//
// Source   https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT, sections 4.3 and 4.5.3

import { asWeightsError, bytesAt, FileFault, latin1, type RandomAccessFile, viewOf } from '../file.js';
import { quote } from '../text.js';
import { Inflated, type InflateRaw } from './inflate.js';

/** More than any file of weights has; bounds what a directory may cost. */
const MOST_ENTRIES = 20_000;
const LARGEST_DIRECTORY = 2 ** 25;

/** Deflate's best: 258 bytes by two bits (RFC 1951). Who claims more does not speak the truth. */
const LARGEST_EXPANSION = 1032;

const STORED = 0;
const DEFLATED = 8;

export interface ZipEntry {
  readonly name: string;
  /** Of the bytes when they are unpacked; of a deflated entry what its directory says. */
  readonly size: number;
  readonly compressedSize: number;
  /** 0: the bytes lie in the file as they are; 8: they are deflated. */
  readonly method: number;
  readonly isEncrypted: boolean;
  /** Where the entry's own header begins. */
  readonly start: number;
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
  bytes(name: string, atMost: number): Promise<Uint8Array<ArrayBuffer>>;
  close(): Promise<void>;
}

/**
 * Takes the file over: it is closed with the archive, or at once where this fails.
 *
 * @throws WeightsError for a file that is no zip archive or a damaged one
 */
export async function openZip(file: RandomAccessFile, inflate?: InflateRaw): Promise<Zip> {
  try {
    return new ZipReader(file, await readDirectory(file), inflate);
  } catch (error) {
    await file.close();
    throw asWeightsError(file.path, error);
  }
}

class ZipReader implements Zip {
  readonly path: string;
  /** Where the bytes of entries begin that have been asked for. */
  readonly #starts = new Map<string, Promise<number>>();
  readonly #inflated = new Map<string, Inflated>();

  constructor(
    private readonly file: RandomAccessFile,
    readonly entries: ReadonlyMap<string, ZipEntry>,
    private readonly inflate: InflateRaw | undefined,
  ) {
    this.path = file.path;
  }

  async read(name: string, start: number, target: Uint8Array): Promise<void> {
    try {
      const entry = this.entries.get(name);
      if (!entry) throw new FileFault('there is no such entry');
      checkReadable(entry);
      if (start + target.length > entry.size) {
        throw new FileFault(
          `ends at byte ${entry.size}, before byte ${start + target.length} that is needed`,
        );
      }
      let begin = this.#starts.get(name);
      if (!begin) {
        begin = contentStart(this.file, entry);
        this.#starts.set(name, begin);
      }
      if (entry.method === STORED) return await this.file.read((await begin) + start, target);
      let inflated = this.#inflated.get(name);
      if (!inflated) {
        inflated = new Inflated(this.file, await begin, entry.compressedSize, this.inflate);
        this.#inflated.set(name, inflated);
      }
      await inflated.read(start, target);
    } catch (error) {
      throw asWeightsError(`${this.path}: zip entry ${quote(name)}`, error);
    }
  }

  async bytes(name: string, atMost: number): Promise<Uint8Array<ArrayBuffer>> {
    const size = this.entries.get(name)?.size ?? 0;
    if (size > atMost) {
      const fault = new FileFault(`${size} bytes are too many for what it should hold, ${atMost} at most`);
      throw asWeightsError(`${this.path}: zip entry ${quote(name)}`, fault);
    }
    const bytes = new Uint8Array(size);
    await this.read(name, 0, bytes);
    return bytes;
  }

  async close(): Promise<void> {
    for (const inflated of this.#inflated.values()) inflated.close();
    await this.file.close();
  }
}

function checkReadable({ size, compressedSize, method, isEncrypted }: ZipEntry): void {
  if (isEncrypted) throw new FileFault('encrypted; unpack the archive and pack it without');
  if (method !== STORED && method !== DEFLATED)
    throw new FileFault(`packed by method ${method}, only deflate is understood; pack it again`);
  if (method === STORED || size <= compressedSize * LARGEST_EXPANSION) return;
  throw new FileFault(`claims ${size} bytes, more than its ${compressedSize} deflated ones can hold`);
}

function damaged(what: string): FileFault {
  return new FileFault(`damaged zip archive: ${what}`);
}

/** Where an entry's bytes begin: the length of what precedes them stands with them, not in the directory. */
async function contentStart(file: RandomAccessFile, { start, compressedSize }: ZipEntry): Promise<number> {
  const header = await partOf(file, start, 30);
  if (header.getUint32(0, true) !== 0x04034b50) throw damaged(`no entry begins at byte ${start}`);
  const begin = start + 30 + header.getUint16(26, true) + header.getUint16(28, true);
  if (begin + compressedSize <= file.size) return begin;
  throw damaged(`an entry ends at byte ${begin + compressedSize}, the file at byte ${file.size}`);
}

/** Numbers of the file; positions come out of it as they are. */
async function partOf(file: RandomAccessFile, position: number, length: number): Promise<DataView> {
  if (position + length > file.size) throw damaged(`its directory points to byte ${position + length}`);
  return viewOf(await bytesAt(file, position, length));
}

/** @throws FileFault for what is no number of bytes in any file */
function uint64(view: DataView, at: number): number {
  const value = Number(view.getBigUint64(at, true));
  if (Number.isSafeInteger(value)) return value;
  throw damaged(`a size of ${value} bytes`);
}

/** @throws FileFault for what is no zip archive or a damaged one */
export async function readDirectory(file: RandomAccessFile): Promise<Map<string, ZipEntry>> {
  const { start, count, end } = await findDirectory(file);
  if (count > MOST_ENTRIES) throw damaged(`a zip archive of ${count} entries is no file of weights`);
  if (start > end) throw damaged(`its directory points to byte ${start}`);
  const bytes = await bytesAt(file, start, Math.min(end - start, LARGEST_DIRECTORY));
  const entries = new Map<string, ZipEntry>();
  for (let at = 0, i = 0; i < count; i++) {
    const { entry, length } = parseEntry(bytes, at);
    at += length;
    checkName(entry.name);
    if (entry.name.endsWith('/')) continue;
    if (entries.has(entry.name)) throw damaged(`two entries are called ${quote(entry.name)}`);
    entries.set(entry.name, entry);
  }
  return entries;
}

const END_BYTES = 22;
const LONGEST_COMMENT = 0xffff;

/** Where the directory begins, how many entries it has, and where it must have ended. */
async function findDirectory(file: RandomAccessFile): Promise<{ start: number; count: number; end: number }> {
  const tailStart = Math.max(0, file.size - END_BYTES - LONGEST_COMMENT);
  const tail = viewOf(await bytesAt(file, tailStart, file.size - tailStart));
  let at = tail.byteLength - END_BYTES;
  const isEnd = () =>
    tail.getUint32(at, true) === 0x06054b50 &&
    tail.getUint16(at + 20, true) === tail.byteLength - at - END_BYTES;
  while (at >= 0 && !isEnd()) at--;
  if (at < 0) throw damaged('truncated, or never finished: it has no directory at its end');
  if (tail.getUint16(at + 4, true) !== 0) throw damaged('one of several parts, which are not supported');
  const [count, start] = [tail.getUint16(at + 10, true), tail.getUint32(at + 16, true)];
  const end = tailStart + at;
  if (count !== 0xffff && start !== 0xffffffff) return { start, count, end };
  const locator = at >= 20 ? new DataView(tail.buffer, at - 20, 20) : undefined;
  if (locator?.getUint32(0, true) !== 0x07064b50) return { start, count, end };
  const at64 = uint64(locator, 8);
  const end64 = await partOf(file, at64, 56);
  if (end64.getUint32(0, true) !== 0x06064b50) throw damaged(`no directory's end at byte ${at64}`);
  return { start: uint64(end64, 48), count: uint64(end64, 32), end: at64 };
}

/** An entry of the directory, and how many bytes it takes there. */
function parseEntry(directory: Uint8Array, at: number): { entry: ZipEntry; length: number } {
  const cut = () => damaged('its directory ends early');
  if (at + 46 > directory.length) throw cut();
  const view = viewOf(directory.subarray(at));
  if (view.getUint32(0, true) !== 0x02014b50)
    throw damaged('its directory has something else among its entries');
  const [nameLength, extraLength] = [view.getUint16(28, true), view.getUint16(30, true)];
  const length = 46 + nameLength + extraLength + view.getUint16(32, true);
  if (at + length > directory.length) throw cut();
  const flags = view.getUint16(8, true);
  const nameBytes = directory.subarray(at + 46, at + 46 + nameLength);
  // Without the flag for UTF-8 names are in the code page of an old computer; those of weights are ASCII then.
  const name = flags & 0x800 ? new TextDecoder().decode(nameBytes) : latin1(nameBytes);
  const extra = viewOf(directory.subarray(at + 46 + nameLength, at + 46 + nameLength + extraLength));
  const large = zip64Numbers(extra);
  // In this order, and only those that do not fit.
  const [size, compressedSize, start] = [24, 20, 42].map((field) => {
    const value = view.getUint32(field, true);
    return value === 0xffffffff && large ? large() : value;
  }) as [number, number, number];
  const method = view.getUint16(10, true);
  const isEncrypted = (flags & 1) !== 0;
  if (method === STORED && !isEncrypted && size !== compressedSize) {
    throw damaged(`${quote(name)} is stored, and has two sizes, ${compressedSize} and ${size}`);
  }
  return { entry: { name, size, compressedSize, method, isEncrypted, start }, length };
}

/** The 64-bit numbers of an entry's extra field, one after the other; undefined where it has none. */
function zip64Numbers(extra: DataView): (() => number) | undefined {
  for (let at = 0; at + 4 <= extra.byteLength; at += 4 + extra.getUint16(at + 2, true)) {
    if (extra.getUint16(at, true) !== 1) continue;
    const end = Math.min(at + 4 + extra.getUint16(at + 2, true), extra.byteLength);
    let next = at + 4;
    return () => {
      if (next + 8 > end) throw damaged('an entry without its 64-bit sizes');
      next += 8;
      return uint64(extra, next - 8);
    };
  }
  return undefined;
}

/** Refuses names that lead out of a folder: nothing here unpacks into one, but no honest file of weights has them. */
function checkName(name: string): void {
  if (name.includes('\\')) throw damaged(quote(`invalid characters in a name: ${name}`));
  if (/^([a-z]:|\/)/i.test(name)) throw damaged(quote(`absolute path: ${name}`));
  if (name.split('/').includes('..')) throw damaged(quote(`invalid relative path: ${name}`));
}
