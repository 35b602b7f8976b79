// The program of the thread that reads an HDF5 file. The HDF5 library is large, written in C for files that one trusts.
// In here it sees that one file and nothing else of the machine, its memory is limited, and it may crash or hang without
// harm to anyone outside.
//
// Others import only types from here: the program itself is bundled by scripts/worker_text.mjs.

import fs from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';

/** What a thread is told when it is started. */
export interface Hdf5Setup {
  /** The URL of h5wasm, which can be found from where the package lies, but not from in here. */
  readonly library: string;
  readonly path: string;
  /** The one name in the file system that HDF5 sees. */
  readonly alias: string;
  /** Bytes that the library's heap may grow to. */
  readonly heapLimit: number;
  /** Bytes that the strings of an attribute may have. */
  readonly attributeLimit: number;
  /** Groups and datasets that a file may have, and how many of them inside each other. */
  readonly objectLimit: number;
  readonly depthLimit: number;
  /** `[0]` counts calls to the system, once before each and once behind it; `[1]` bytes read, in kB. */
  readonly pulse: Int32Array;
  /** Where the slab that was read last is put, shared with whoever asked for it. */
  readonly slab: Uint8Array;
}

/** A group, or the file itself, with those of its attributes that are strings or lists of strings. */
export interface Hdf5Group {
  /** Empty for the file, `layers/conv2d` */
  readonly path: string;
  readonly attributes: ReadonlyMap<string, string | readonly string[]>;
}

export interface Hdf5Item {
  readonly path: string;
  readonly shape: readonly number[];
  /** Sides of the pieces that it is stored in, where it is not stored in one. */
  readonly chunks: readonly number[] | undefined;
  readonly isFloat: boolean;
  /** Of an element, in bytes. */
  readonly size: number;
  /** Whether its numbers have passed through filters, compression for one. */
  readonly isFiltered: boolean;
  /** Whether the file may hold its numbers as they are needed, in one piece. */
  readonly isPlain: boolean;
}

/** All that a file holds, a group before its content. */
export interface Hdf5Listing {
  readonly groups: readonly Hdf5Group[];
  readonly datasets: readonly Hdf5Item[];
}

/** A box of a dataset's elements. */
export interface Hdf5Slab {
  readonly path: string;
  readonly offset: readonly number[];
  readonly count: readonly number[];
  readonly byteLength: number;
}

/** `undefined` asks for the listing. */
export type Hdf5Request = Hdf5Slab | undefined;

/** Of a slab that was read: the byte of the file that it begins with, where its bytes stand in the file just so. */
export interface Hdf5Read {
  readonly position: number | undefined;
}

export type Hdf5Reply =
  | { readonly result: Hdf5Listing | Hdf5Read }
  /** What went wrong, and what HDF5 said about it. After a crash the thread is good for nothing. */
  | { readonly error: string; readonly complaints: readonly string[]; readonly isCrash: boolean };

/** What the types of Node leave out. */
interface WithMemory {
  readonly WebAssembly: {
    readonly Memory: { readonly prototype: { readonly buffer: ArrayBuffer; grow(pages: number): number } };
  };
}

const setup = workerData as Hdf5Setup;

/** What the library says, instead of a terminal. */
const complaints: string[] = [];

function complain(text: string): void {
  if (complaints.length < 1000) complaints.push(text);
}

/** One call to the system that read bytes of the file. */
interface FileRead {
  readonly memory: ArrayBufferLike;
  /** Where in `memory` the bytes went. */
  readonly target: number;
  readonly length: number;
  readonly position: number;
}

let lastRead: FileRead | undefined;

/** Takes from the thread what HDF5 has no business with. Comes when the library is there, and before the file. */
function confine(): void {
  const { openSync, lstatSync, readSync } = fs;
  const refuse = () => {
    throw Object.assign(new Error('nothing but the file itself is read'), { code: 'ENOENT' });
  };
  const allowed = {
    openSync: (name: string) => (name === setup.alias ? openSync(setup.path, 'r') : refuse()),
    lstatSync: (name: string) => (name === setup.alias ? lstatSync(setup.path) : refuse()),
    fstatSync: fs.fstatSync,
    closeSync: fs.closeSync,
    readSync: (file: number, target: Uint8Array, offset: number, length: number, position: number) => {
      Atomics.add(setup.pulse, 0, 1);
      try {
        const bytes = readSync(file, target, offset, length, position);
        Atomics.add(setup.pulse, 1, Math.ceil(bytes / 1024));
        lastRead = { memory: target.buffer, target: target.byteOffset + offset, length: bytes, position };
        return bytes;
      } finally {
        Atomics.add(setup.pulse, 0, 1);
      }
    },
    // Its files of standard output and error.
    writeSync: (_file: number, bytes: Uint8Array, offset: number, length: number) => {
      complain(new TextDecoder().decode(bytes.slice(offset, offset + length)));
      return length;
    },
  };
  for (const name of Object.keys(fs).filter((key) => key.endsWith('Sync'))) {
    Object.defineProperty(fs, name, { value: refuse });
  }
  Object.assign(fs, allowed);
  const memory = (globalThis as unknown as WithMemory).WebAssembly.Memory.prototype;
  const { grow } = memory;
  memory.grow = function (pages) {
    if (this.buffer.byteLength + pages * 65_536 > setup.heapLimit) throw new RangeError('no more memory');
    return grow.call(this, pages);
  };
}

type Library = typeof import('h5wasm/node');

/** Opens the file and answers requests, one after the other. */
function serve({ File, Group, Module: hdf5 }: Library): void {
  const port = parentPort!;
  let file: bigint | undefined;

  const attributesOf = (id: bigint, path: string): Hdf5Group['attributes'] => {
    const found = new Map<string, string | readonly string[]>();
    for (const name of hdf5.get_attribute_names(id, path)) {
      const { type, shape, size, total_size: count } = hdf5.get_attribute_metadata(id, path, name);
      if (!shape || shape.length > 1) continue;
      // An empty list has no strings to show that it is one; NumPy makes it of doubles.
      if (count > 0 && type !== hdf5.H5T_class_t.H5T_STRING.value) continue;
      if (!(size * count <= setup.attributeLimit)) {
        throw new Error(`attribute ${JSON.stringify(name)} claims to have ${size * count} bytes`);
      }
      const value = count === 0 ? [] : new Group(id, path).get_attribute(name, true);
      found.set(name, value as string | string[]);
    }
    return found;
  };

  const list = (id: bigint): Hdf5Listing => {
    const groups: Hdf5Group[] = [];
    const datasets: Hdf5Item[] = [];
    const visit = (path: string, depth: number) => {
      groups.push({ path: path.slice(1), attributes: attributesOf(id, path || '/') });
      for (const name of hdf5.get_names(id, path || '/', false)) {
        const inner = `${path}/${name}`;
        const type = hdf5.get_type(id, inner);
        if (groups.length + datasets.length >= setup.objectLimit || depth >= setup.depthLimit) {
          throw new Error('more groups and datasets than any file of weights has');
        }
        if (type === hdf5.H5G_GROUP) visit(inner, depth + 1);
        if (type !== hdf5.H5G_DATASET) continue;
        const metadata = hdf5.get_dataset_metadata(id, inner);
        const { shape, size, type: kind, chunks } = metadata;
        const isFiltered = hdf5.get_dataset_filters(id, inner).length > 0;
        datasets.push({
          path: inner.slice(1),
          shape: shape ?? [0],
          chunks: chunks ?? undefined,
          isFloat: kind === hdf5.H5T_class_t.H5T_FLOAT.value,
          size,
          isFiltered,
          isPlain: !chunks && !isFiltered && !metadata.virtual_sources && metadata.littleEndian,
        });
      }
    };
    visit('', 0);
    return { groups, datasets };
  };

  const read = (id: bigint, { path, offset, count, byteLength }: Hdf5Slab): Hdf5Read => {
    lastRead = undefined;
    const pointer = hdf5._malloc(byteLength);
    if (pointer === 0) throw new Error(`no memory for ${byteLength} bytes`);
    try {
      const strides = offset.map(() => 1n);
      const wide = (sides: readonly number[]) => sides.map(BigInt);
      const status = hdf5.get_dataset_data(id, path, wide(count), wide(offset), strides, BigInt(pointer));
      if (status < 0) throw new Error('the numbers cannot be read');
      setup.slab.set(hdf5.HEAPU8.subarray(pointer, pointer + byteLength));
      // Did one call to the system bring all bytes to where they were wanted?
      const last = lastRead as FileRead | undefined;
      const isWhole = last?.target === pointer && last.length === byteLength;
      return { position: isWhole && last.memory === hdf5.HEAPU8.buffer ? last.position : undefined };
    } finally {
      hdf5._free(pointer);
    }
  };

  port.on('message', (request: Hdf5Request) => {
    complaints.length = 0;
    try {
      file ??= new File(setup.alias, 'r').file_id;
      const result = request ? read(file, request) : list(file);
      port.postMessage({ result } satisfies Hdf5Reply);
    } catch (error) {
      const said = error instanceof Error ? error.message : String(error);
      // What the library throws on purpose is a plain Error.
      const isCrash = !(error instanceof Error && error.constructor === Error);
      port.postMessage({ error: said, complaints: [...complaints], isCrash } satisfies Hdf5Reply);
    }
  });
}

// Before the library is loaded, which keeps the console that it finds.
for (const level of ['log', 'warn', 'error'] as const) {
  console[level] = (...said: unknown[]) => complain(said.join(' '));
}
const loaded = import(setup.library) as Promise<Library>;
void loaded.then(async (library) => {
  await library.ready;
  confine();
  serve(library);
});
