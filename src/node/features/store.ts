// Rows on disk, a file each: in the cache folder if it can be written, else in a temporary one, else nowhere.

import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { atMost } from '../../ahead.js';
import { OutputError } from '../../errors.js';
import { makeFolders, refusing } from '../disk.js';

/** Of unfinished files: a killed process may leave some behind. Nothing takes as long to write. */
const ABANDONED_MS = 60 * 60 * 1000;
const UNFINISHED = 'unfinished';

/** Files that are read at a time: a process may have about a thousand open, and a batch can have more rows. */
const MOST_OPEN = 64;

/** Changes when decoding or resizing gives other numbers than before, or a kernel does under the same name. */
const FEATURES_VERSION = 2;

/** Everything that decides a plain picture's features, besides its bytes. */
export interface CacheKey {
  /** Adapter and driver: others round in other ways. */
  readonly adapter: string;
  /** Those that compute the layers, as `VGG16.kernels` has it. */
  readonly kernels: string;
  readonly fingerprint: string;
  readonly preprocess: string;
  readonly dtype: string;
  readonly layer: string;
  readonly pool: string;
  readonly size: number;
}

/** The folder of a cache folder that holds the rows of a key. */
export function folderOf(cacheFolder: string, key: CacheKey): string {
  const { adapter, kernels, fingerprint, preprocess, dtype, layer, pool, size } = key;
  const decisive = [FEATURES_VERSION, adapter, kernels, dtype, fingerprint, preprocess, layer, pool, size];
  const text = JSON.stringify(decisive);
  return join(cacheFolder, 'features', createHash('sha256').update(text).digest('hex').slice(0, 32));
}

/** Names are hexadecimal, with dashes. Several processes may share a folder: what they write under a name is the same. */
export class FeatureStore {
  /** Made when it is first needed. */
  #temporary: string | undefined;
  #isTemporaryWritable = true;
  #making: Promise<string> | undefined;
  readonly #reading = atMost(MOST_OPEN);

  private constructor(
    /** Where rows are looked for first, and written while that works. */
    private readonly cache: string | undefined,
    private isCacheWritable: boolean,
    private readonly onNote: (note: string) => void,
  ) {}

  /** @param cache  undefined keeps rows in a temporary folder, which `close` removes */
  static async open(cache: string | undefined, onNote: (note: string) => void): Promise<FeatureStore> {
    if (cache !== undefined) await removeAbandoned(cache);
    return new FeatureStore(cache, cache !== undefined, onNote);
  }

  /** Whether what is put is there for later runs. */
  get outlives(): boolean {
    return this.isCacheWritable;
  }

  /** Reads a row into `target`; false for one that is not there, or is not what was written. */
  async get(name: string, target: Float32Array): Promise<boolean> {
    for (const folder of [this.#temporary, this.cache]) {
      const entry =
        folder && (await this.#reading(() => readFile(pathOf(folder, name)).catch(() => undefined)));
      if (entry && decodeEntry(entry, target)) return true;
    }
    return false;
  }

  /** Keeps a row where there is room. A disk that refuses is no error: what is not kept can be computed again. */
  async put(name: string, values: Float32Array): Promise<void> {
    const entry = encodeEntry(values);
    if (this.isCacheWritable) {
      const refusal = await refusalOf(() => write(this.cache!, name, entry));
      if (!refusal) return;
      // Several rows are written at a time: only the first that fails is said.
      if (this.isCacheWritable) this.onNote(`${refusal.message}; features are kept for this run only`);
      this.isCacheWritable = false;
    }
    if (!this.#isTemporaryWritable) return;
    const refusal = await refusalOf(async () => write(await this.#temporaryFolder(), name, entry));
    if (refusal && this.#isTemporaryWritable) {
      this.onNote(`${refusal.message}; features that memory has no room for are computed again each time`);
      this.#isTemporaryWritable = false;
    }
  }

  /** Forgets a row of this run. */
  async remove(name: string): Promise<void> {
    if (this.#temporary) await rm(pathOf(this.#temporary, name), { force: true });
  }

  async close(): Promise<void> {
    if (this.#temporary) await rm(this.#temporary, { recursive: true, force: true });
    this.#temporary = undefined;
    this.#isTemporaryWritable = false;
  }

  #temporaryFolder(): Promise<string> {
    const path = join(tmpdir(), 'vgg16-features-');
    this.#making ??= refusing(path, () => mkdtemp(path)).then((folder) => {
      this.#temporary = folder;
      return folder;
    });
    return this.#making;
  }
}

/** 256 folders: some file systems are slow with 100,000 files in one. */
function pathOf(folder: string, name: string): string {
  return join(folder, name.slice(0, 2), name);
}

/**
 * Under a temporary name first, so that nobody reads half of it. It is not synced, which would take longer than
 * computing it: what a power cut leaves of it does not pass its checksum, and is computed again.
 */
async function write(folder: string, name: string, entry: Uint8Array): Promise<void> {
  const path = pathOf(folder, name);
  const unfinished = join(folder, UNFINISHED, `${name}-${process.pid}-${randomBytes(4).toString('hex')}`);
  const attempt = async () => {
    await writeFile(unfinished, entry);
    await rename(unfinished, path);
  };
  await refusing(path, async () => {
    try {
      // The folders are there, but for the first time.
      await attempt().catch(async (error) => {
        if (error.code !== 'ENOENT') throw error;
        await makeFolders(dirname(path));
        await makeFolders(dirname(unfinished));
        await attempt();
      });
    } catch (error) {
      await rm(unfinished, { force: true }).catch(() => {});
      throw error;
    }
  });
}

async function refusalOf(action: () => Promise<void>): Promise<OutputError | undefined> {
  try {
    await action();
    return undefined;
  } catch (error) {
    if (error instanceof OutputError) return error;
    throw error;
  }
}

async function removeAbandoned(folder: string): Promise<void> {
  const unfinished = join(folder, UNFINISHED);
  const names = await readdir(unfinished).catch(() => []);
  for (const path of names.map((name) => join(unfinished, name))) {
    const age = Date.now() - (await stat(path).catch(() => ({ mtimeMs: Date.now() }))).mtimeMs;
    // Another process may be first.
    if (age > ABANDONED_MS) await rm(path, { force: true }).catch(() => {});
  }
}

// A row as a file: what it is, a checksum, the numbers.

const MAGIC = Buffer.from('VGG16row');
const CHECKSUM_BYTES = 16;
const HEADER_BYTES = MAGIC.length + CHECKSUM_BYTES;

/** The magic, the first 16 bytes of the numbers' SHA-256, and the numbers as little-endian f32. */
export function encodeEntry(values: Float32Array): Buffer {
  const bytes = bytesOf(values);
  return Buffer.concat([MAGIC, checksum(bytes), bytes]);
}

/** Reads an entry into `target`; false, and nothing read, for one of another length or whose checksum does not fit. */
export function decodeEntry(entry: Uint8Array, target: Float32Array): boolean {
  if (entry.length !== HEADER_BYTES + target.byteLength) return false;
  const bytes = entry.subarray(HEADER_BYTES);
  if (MAGIC.compare(entry, 0, MAGIC.length) !== 0) return false;
  if (checksum(bytes).compare(entry, MAGIC.length, HEADER_BYTES) !== 0) return false;
  bytesOf(target).set(bytes);
  return true;
}

function bytesOf({ buffer, byteOffset, byteLength }: Float32Array): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}

function checksum(bytes: Uint8Array): Buffer {
  return createHash('sha256').update(bytes).digest().subarray(0, CHECKSUM_BYTES);
}
