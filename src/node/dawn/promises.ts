// How the promises of Dawn's binding for Node are begun and waited for.
//
// The binding looks at what the GPU has finished only in callbacks that it hands to `setImmediate`. Two things follow.
//
// It finds the function under that name in `globalThis`, anew each time. Under a test runner's fake timers it would find
// a function that never calls back, and no promise would ever be settled. `begin` gives it Node's own.
//
// It aborts the whole process ("Promise not resolved or rejected") when a worker thread ends while one of its promises is
// pending: after `worker.terminate()`, or `process.exit()` in the worker. The main thread may end at any time. So a worker
// leaves no promise pending while it waits: what can be settled at once is (`settle`), and what the GPU must finish first
// is asked for now and then (`mapForReading`).
//
// And it looks without a pause: while the GPU computes, the main thread does nothing but ask. Where a CPU computes, that takes one of
// its cores away: on two cores, a forward pass of lavapipe took 540 ms, and takes 290 ms where the thread sleeps between two looks.
// So `handOver` hands some callbacks to a timer instead, once a promise has been pending for a while.

import { setImmediate, setTimeout } from 'node:timers';
import { isMainThread } from 'node:worker_threads';
import type { GpuPromises } from '../../gpu/promises.js';

/** Whether a promise of Dawn's may be pending while this thread waits. */
export const MAY_LEAVE_PENDING = isMainThread;

/** Callbacks in which the binding will look at what is finished. Each is called once. */
const callbacks = new Set<() => void>();

/**
 * Milliseconds for which a promise is looked after without a pause. A timer rests for 1 ms at least: on a card, that is at most a
 * twentieth of what was waited already. A software adapter needs the thread's core.
 */
const EAGER_MS = { hardware: 20, software: 1 };

/** When the promise that was begun last was begun, and for how long it is looked after eagerly. */
let since = 0;
let eagerMs = EAGER_MS.hardware;

function handOver(look: () => void): unknown {
  const callback = () => {
    if (callbacks.delete(callback)) handingOver(look);
  };
  callbacks.add(callback);
  const isEager = performance.now() - since < eagerMs;
  return isEager ? setImmediate(callback) : setTimeout(callback, 1);
}

function handingOver<T>(call: () => T): T {
  const found = globalThis.setImmediate;
  globalThis.setImmediate = handOver as typeof globalThis.setImmediate;
  try {
    return call();
  } finally {
    globalThis.setImmediate = found;
  }
}

/** Makes a call that returns a promise of Dawn's, so that it will be settled whatever timers `globalThis` has. */
export function begin<T>(call: () => T): T {
  since = performance.now();
  return handingOver(call);
}

/**
 * Has others who use the device, TensorFlow.js for instance, wait for it as we do.
 *
 * @param isSoftware  whether a CPU computes
 */
export function waitPatiently(device: GPUDevice, isSoftware: boolean): void {
  eagerMs = EAGER_MS[isSoftware ? 'software' : 'hardware'];
  const { queue } = device;
  const workDone = queue.onSubmittedWorkDone.bind(queue);
  queue.onSubmittedWorkDone = () => begin(workDone);
  const createBuffer = device.createBuffer.bind(device);
  device.createBuffer = (descriptor) => {
    const buffer = createBuffer(descriptor);
    if ((descriptor.usage & GPUBufferUsage.MAP_READ) === 0) return buffer;
    const own = Object.getPrototypeOf(buffer) as GPUBuffer;
    buffer.mapAsync = (...range) => begin(() => own.mapAsync.apply(buffer, range));
    return buffer;
  };
}

/** As `begin`, for what needs nothing of the GPU: the promise is settled when this returns. */
export function settle<T>(call: () => Promise<T>): Promise<T> {
  const promise = begin(call);
  look();
  return promise;
}

/** Has the binding look now. False where that is not in our hands: other code has begun a promise by itself. */
function look(): boolean {
  const now = [...callbacks];
  for (const callback of now) callback();
  return now.length > 0;
}

/**
 * Maps a buffer for reading once the GPU has done all that was submitted to it.
 *
 * @param isLost  whether to give up, for a lost device never finishes
 * @throws what `mapAsync` rejects with
 */
export async function mapForReading(buffer: GPUBuffer, isLost: () => boolean): Promise<void> {
  if (MAY_LEAVE_PENDING) return await begin(() => buffer.mapAsync(GPUMapMode.READ));
  const start = performance.now();
  while (!isLost()) {
    const mapped = begin(() => buffer.mapAsync(GPUMapMode.READ));
    if (!look() || buffer.mapState !== 'pending') return await mapped;
    mapped.catch(() => {}); // It is called off here, until the next turn.
    buffer.unmap();
    look();
    await rest(performance.now() - start);
  }
}

/** Buffers that a worker thread waits with when there is nothing to read. */
const fences = new WeakMap<GPUDevice, GPUBuffer[]>();

/** Waits until the GPU has done all that was submitted. `isLost` and errors as those of `mapForReading`. */
export async function submittedWorkDone(device: GPUDevice, isLost: () => boolean): Promise<void> {
  if (MAY_LEAVE_PENDING) return await begin(() => device.queue.onSubmittedWorkDone());
  const free = fences.get(device) ?? [];
  fences.set(device, free);
  const usage = GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST;
  const fence = free.pop() ?? device.createBuffer({ label: 'fence', size: 4, usage });
  const encoder = device.createCommandEncoder({ label: 'fence' });
  encoder.clearBuffer(fence);
  device.queue.submit([encoder.finish()]);
  await mapForReading(fence, isLost);
  fence.unmap();
  free.push(fence);
}

/**
 * A worker that is terminated while it asks still takes the process with it, so most of the time it must not be asking: at
 * least 1 ms between two questions, which take some 0.03 ms, and a twentieth of what it has waited already.
 */
function rest(waited: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, Math.max(1, waited / 20));
  });
}

/** For `Gpu.from`. */
export const DAWN_PROMISES: GpuPromises = {
  mayLeavePending: MAY_LEAVE_PENDING,
  begin,
  settle,
  mapForReading,
  submittedWorkDone,
};
