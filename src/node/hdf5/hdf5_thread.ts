// A thread of its own for every HDF5 file: how it is started, asked, watched and ended.

import { Worker } from 'node:worker_threads';
import { Turns } from '../../turns.js';
import { FileFault } from '../../weights/file.js';
import { quote } from '../../weights/text.js';
import type { Hdf5Listing, Hdf5Read, Hdf5Reply, Hdf5Request, Hdf5Setup, Hdf5Slab } from './hdf5_worker.js';
import program from './hdf5_worker.ts?worker';

/** The library begins with 19 MB; a slab of 8, some chunks, room to breathe. */
const HEAP_LIMIT = 64 * 2 ** 20;

/** JavaScript's part of a thread: names, shapes, attributes. */
const JAVASCRIPT_LIMIT_MB = 64;

/** Bytes that are read at once. */
export const SLAB_BYTES = 8 * 2 ** 20;

/** A model_config has some 100 kB. */
const ATTRIBUTE_LIMIT = 2 ** 20;

const OBJECT_LIMIT = 20_000;
const DEPTH_LIMIT = 32;

/** How long HDF5 may think between two calls to the system. A slab takes it some 10 ms, compressed 0.2 s. */
const PATIENCE_MS = 3000;
const LOOK_MS = 200;

/** HDF5 may also go round in circles and read; this is how often it may read the whole file for one answer. */
const MOST_PASSES = 4;

const CRASHED = 'damaged: the HDF5 library crashes on it';

/** Shared with the thread; see `Hdf5Setup.pulse`. */
const CALLS = 0;
const KILOBYTES = 1;

export interface Hdf5Thread {
  /** @throws FileFault for what HDF5 cannot read, and where it crashes or hangs */
  list(): Promise<Hdf5Listing>;
  /**
   * A box of numbers, row-major and little-endian, of at most `SLAB_BYTES`; good until the next is asked for.
   *
   * @throws FileFault as `list`
   */
  read(slab: Hdf5Slab): Promise<Hdf5Read & { readonly bytes: Uint8Array }>;
  close(): Promise<void>;
}

/**
 * @param path  a file that can be opened
 * @param size  of the file, in bytes
 */
export function startThread(path: string, size: number): Hdf5Thread {
  const pulse = new Int32Array(new SharedArrayBuffer(8));
  const setup: Hdf5Setup = {
    library: import.meta.resolve('h5wasm/node'),
    path,
    alias: '/weights.h5',
    heapLimit: HEAP_LIMIT,
    attributeLimit: Math.min(size, ATTRIBUTE_LIMIT),
    objectLimit: OBJECT_LIMIT,
    depthLimit: DEPTH_LIMIT,
    pulse,
    slab: new Uint8Array(new SharedArrayBuffer(SLAB_BYTES)),
  };
  const worker = new Worker(program, {
    eval: true,
    workerData: setup,
    env: {},
    execArgv: [],
    stdout: true,
    stderr: true,
    resourceLimits: { maxOldGenerationSizeMb: JAVASCRIPT_LIMIT_MB },
  });
  // Nobody waits for a thread that has nothing to do.
  worker.unref();

  let failure: FileFault | undefined;
  // It may die when nothing is asked of it, too.
  worker.on('error', (cause) => {
    const hasBegun = Atomics.load(pulse, CALLS) > 0;
    failure ??= new FileFault(hasBegun ? CRASHED : `the HDF5 library cannot be started: ${cause}`, { cause });
  });
  const ask = (request: Hdf5Request) =>
    new Promise<Hdf5Listing | Hdf5Read>((settle, reject) => {
      const end = () => {
        clearInterval(watch);
        worker.off('message', onReply).off('error', onError).off('exit', onExit).unref();
      };
      const fail = (what: string, cause?: unknown) => {
        end();
        failure ??= new FileFault(what, { cause });
        void worker.terminate();
        reject(failure);
      };
      const onReply = (reply: Hdf5Reply) => {
        if (!('result' in reply) && reply.isCrash) return fail(CRASHED, reply.error);
        end();
        if ('result' in reply) settle(reply.result);
        else reject(new FileFault(complaintOf(reply)));
      };
      const onError = (error: Error) => fail(CRASHED, error);
      const onExit = () => fail(CRASHED);
      const watch = setInterval(watcher(pulse, size, fail), LOOK_MS);
      worker.ref();
      worker.on('message', onReply).on('error', onError).on('exit', onExit);
      worker.postMessage(request);
    });

  const turns = new Turns();
  const askInTurn = (request: Hdf5Request) =>
    turns.take(() => (failure ? Promise.reject(failure) : ask(request)));
  return {
    list: () => askInTurn(undefined) as Promise<Hdf5Listing>,
    read: async (slab) => {
      const { position } = (await askInTurn(slab)) as Hdf5Read;
      return { bytes: setup.slab.subarray(0, slab.byteLength), position };
    },
    close: async () => {
      failure ??= new FileFault('it has been closed');
      await worker.terminate();
    },
  };
}

/** Looks at a thread now and then, and calls `fail` when it hangs. */
function watcher(pulse: Int32Array, size: number, fail: (what: string) => void): () => void {
  const mostKilobytes = Atomics.load(pulse, KILOBYTES) + (MOST_PASSES * size + HEAP_LIMIT) / 1024;
  let calls = 0;
  let since = performance.now();
  return () => {
    const seen = Atomics.load(pulse, CALLS);
    const now = performance.now();
    // An odd number: it waits for the disk. Zero: it has not begun.
    if (seen !== calls || seen % 2 === 1 || seen === 0) [calls, since] = [seen, now];
    if (now - since > PATIENCE_MS) fail('damaged: the HDF5 library hangs on it');
    else if (Atomics.load(pulse, KILOBYTES) > mostKilobytes) {
      fail('damaged: the HDF5 library goes round in circles on it');
    }
  };
}

/** HDF5 complains from the outermost function to the innermost, the one that knows: `#003: H5F.c line 9 in f(): why`. */
function complaintOf({ error, complaints }: Extract<Hdf5Reply, { error: string }>): string {
  const first = complaints.join('').split('HDF5-DIAG')[1] ?? '';
  const innermost = [...first.matchAll(/^ *#\d+: .*?\(\): (.*)$/gm)].at(-1)?.[1];
  return innermost ? `HDF5 says ${quote(innermost)}` : error.replace(/[\p{C}\p{Zl}\p{Zp}]/gu, '?');
}
