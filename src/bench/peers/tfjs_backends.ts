// The three backends of TensorFlow.js behind one interface, with their silent failures made loud.

import { GpuError, UsageError, VggError } from '../../errors.js';
import {
  type AdapterInfo,
  loadCpuKernels,
  loadTfjs,
  loadWasmKernels,
  loadWebgpuModule,
  type Tensor,
  type Tfjs,
  type WebgpuBackend,
} from './tfjs_library.js';

export type PeerName = 'tfjs-wasm' | 'tfjs-webgpu' | 'tfjs-cpu';

export interface PeerBackend {
  readonly name: PeerName;
  readonly tf: Tfjs;
  /** The largest tensor that one operator can take or give, in bytes. */
  readonly maxTensorBytes: number;
  /** Makes TensorFlow.js run on this backend from here on. */
  activate(): Promise<void>;
  /** Runs `issue`, which must issue all its operators before its first await; rejects on any error of the device. */
  guard<T>(what: string, issue: () => Promise<T>): Promise<T>;
  /** Throws if the memory behind `tensor` was never got. */
  check(what: string, tensor: Tensor): void;
  /** Moves `tensor` to where operators read it and waits until it is there. */
  upload(tensor: Tensor): Promise<void>;
  /** What it holds on its device, in bytes; undefined where it computes in this thread. */
  deviceBytes(): number | undefined;
  /** Submits what is recorded and waits until all of it has run. */
  finish(): Promise<void>;
  dispose(): void;
}

/** What a backend that runs inside this thread has to say: nothing to wait for, nothing out of band. */
const inThread = {
  maxTensorBytes: Number.POSITIVE_INFINITY,
  guard: <T>(_what: string, issue: () => Promise<T>) => issue(),
  upload: () => Promise.resolve(),
  finish: () => Promise.resolve(),
  deviceBytes: () => undefined,
  dispose: () => {},
};

/** Plain JavaScript: slow, a second opinion on narrow networks. */
export function openCpu(): PeerBackend {
  loadCpuKernels();
  const tf = loadTfjs();
  let greeted = false;
  return {
    ...inThread,
    name: 'tfjs-cpu',
    tf,
    async activate() {
      await tf.setBackend('cpu');
      if (!greeted) withoutBanner(tf);
      greeted = true;
    },
    check: () => {},
  };
}

/** SIMD on one thread: TensorFlow.js starts no threads in Node. One instance in a process; peers share its heap. */
export function openWasm(): PeerBackend {
  loadWasmKernels();
  const tf = loadTfjs();
  return {
    ...inThread,
    name: 'tfjs-wasm',
    tf,
    async activate() {
      const started = await withoutProcessListeners(() => tf.setBackend('wasm'));
      if (!started)
        throw new Error('TensorFlow.js could not start its wasm backend: install again with `npm ci`');
    },
    // When its heap is full, malloc gives address 0, and TensorFlow.js goes on with it.
    check(what, tensor) {
      if (tf.findBackend('wasm').getMemoryOffset(tensor.dataId) !== 0) return;
      throw new UsageError(
        `tfjs-wasm, ${what}: its heap of 4 GiB is full; use a smaller batch or smaller pictures`,
      );
    },
  };
}

let webgpuBackends = 0;

/** On a device of the caller's, under a name of its own; the device stays the caller's. */
export async function openWebgpu(device: GPUDevice, adapterInfo: AdapterInfo): Promise<PeerBackend> {
  const tf = loadTfjs();
  const backend = await constructWebgpu(device, adapterInfo);
  const registered = `vgg16-webgpu-${++webgpuBackends}`;
  tf.copyRegisteredKernels('webgpu', registered);
  tf.registerBackend(registered, () => backend);
  const { maxBufferSize, maxStorageBufferBindingSize } = device.limits;

  const finish = async () => {
    backend.ensureCommandEncoderReady();
    backend.endComputePassEncoder();
    backend.submitQueue();
    await device.queue.onSubmittedWorkDone();
  };
  return {
    name: 'tfjs-webgpu',
    tf,
    maxTensorBytes: Math.min(maxBufferSize, maxStorageBufferBindingSize),
    async activate() {
      await tf.setBackend(registered);
    },
    guard: (what, issue) => guardDevice(device, `tfjs-webgpu, ${what}`, issue),
    check: () => {},
    upload(tensor) {
      backend.uploadToGPU(tensor.dataId);
      return finish();
    },
    finish,
    deviceBytes: () => backend.memory().numBytesAllocatedInGPU,
    dispose: () => tf.removeBackend(registered),
  };
}

const SCOPES = ['validation', 'out-of-memory', 'internal'] as const;

/** TensorFlow.js looks at no error scope: without this, a refused dispatch leaves whatever the buffer held before. */
async function guardDevice<T>(device: GPUDevice, what: string, issue: () => Promise<T>): Promise<T> {
  for (const scope of SCOPES) device.pushErrorScope(scope);
  // What is thrown before the first await must not leave the scopes on the stack.
  const pending = (async () => issue())();
  const scopes = Promise.all(SCOPES.map(() => device.popErrorScope()));
  const [result, popped] = await Promise.allSettled([pending, scopes]);
  const refused = popped.status === 'fulfilled' ? popped.value.find((e) => e !== null) : popped.reason;
  if (refused) throw deviceError(what, refused);
  if (result.status === 'fulfilled') return result.value;
  throw result.reason instanceof VggError ? result.reason : deviceError(what, result.reason);
}

function deviceError(what: string, cause: GPUError | Error): GpuError {
  // Dawn tells its call stack below the first line.
  return new GpuError(`${what}: ${cause.message.split('\n')[0]}`, { cause });
}

/** Its constructor wants a `navigator.gpu` to exist, and its kernels the WebGPU classes; only the latter stay. */
async function constructWebgpu(device: GPUDevice, adapterInfo: AdapterInfo): Promise<WebgpuBackend> {
  const { globals } = await import('webgpu');
  Object.assign(globalThis, globals);
  const navigator = Object.getOwnPropertyDescriptor(globalThis, 'navigator');
  Object.defineProperty(globalThis, 'navigator', { value: { gpu: {} }, configurable: true });
  try {
    return new (loadWebgpuModule().WebGPUBackend)(device, adapterInfo);
  } finally {
    if (navigator) Object.defineProperty(globalThis, 'navigator', navigator);
    else Reflect.deleteProperty(globalThis, 'navigator');
  }
}

/** The first tensor on the cpu backend prints an advertisement of another package; warnings are off for it alone. */
function withoutBanner(tf: Tfjs): void {
  const before = tf.env().getBool('PROD');
  tf.env().set('PROD', true);
  tf.tensor(new Float32Array(1), [1], 'float32').dispose();
  tf.env().set('PROD', before);
}

const LISTENED = ['uncaughtException', 'unhandledRejection'] as const;

/** The wasm loader installs process-wide handlers that re-throw, which turns every later crash into exit code 7. */
async function withoutProcessListeners<T>(work: () => Promise<T>): Promise<T> {
  const before = LISTENED.map((event) => new Set<unknown>(process.rawListeners(event)));
  try {
    return await work();
  } finally {
    LISTENED.forEach((event, i) => {
      for (const listener of process.rawListeners(event)) {
        if (!before[i]!.has(listener)) process.off(event, listener as () => void);
      }
    });
  }
}
