// TensorFlow.js running VGG16: the peer that results of ours are held against, for correctness and for speed.

import { UsageError } from '../../errors.js';
import { openCpu, openWasm, openWebgpu, type PeerBackend, type PeerName } from './tfjs_backends.js';
import type { AdapterInfo, Tensor } from './tfjs_library.js';
import { TfjsNetwork } from './tfjs_network.js';
import type { PeerNetwork } from './tfjs_weights.js';

export type { PeerName } from './tfjs_backends.js';
export type { PeerConv, PeerDense, PeerNetwork } from './tfjs_weights.js';

/**
 * Layers, in order: block1_conv1 block1_conv2 block1_pool ... block5_conv3 block5_pool fc1 fc2 fc3 softmax; ReLU is
 * part of every convolution and of fc1 and fc2. Peers may be used alternately; their calls wait for one another.
 */
export interface TfjsPeer {
  readonly name: PeerName;

  /**
   * Runs x (N,H,W,3), already normalised in the network's channel order, through the network as far as the last
   * of `outputs`. Gives each of them: NHWC, or (N,outputs) for a dense layer and softmax.
   * @throws UsageError for what makes no sense, GpuError for what the device refuses, always before a number is given
   */
  forward(x: Float32Array, shape: NHW, outputs: readonly string[]): Promise<Map<string, Float32Array>>;

  /**
   * Milliseconds of one pass through `until` and the download of its result. The input is on the device before,
   * and the first call for a shape runs once untimed.
   */
  time(x: Float32Array, shape: NHW, until: string): Promise<number>;

  /** Milliseconds of one convolution with bias and ReLU on made-up input (N,H,W,C), until the device has done it. */
  timeConv(layer: string, shape: NHW): Promise<number>;

  /** Frees the weights. A device that was handed in stays open. */
  dispose(): void;
}

/** Batch, height, width. */
export type NHW = [N: number, H: number, W: number];

/** A device of the caller's, with as large limits as the network needs: fc1 of the full VGG16 is bound whole, 411 MB. */
export interface PeerDevice {
  device: GPUDevice;
  adapterInfo: AdapterInfo;
}

/**
 * Uploads `network`, of which nothing is held afterwards.
 * @throws UsageError if it is not a VGG16, GpuError if the device refuses it
 */
export async function createTfjsPeer(
  on: 'wasm' | 'cpu' | PeerDevice,
  network: PeerNetwork,
): Promise<TfjsPeer> {
  const backend = await open(on);
  try {
    const built = await inTurn(async () => {
      await backend.activate();
      return TfjsNetwork.upload(backend, network);
    });
    return new Peer(backend, built);
  } catch (error) {
    backend.dispose();
    throw error;
  }
}

function open(on: 'wasm' | 'cpu' | PeerDevice): Promise<PeerBackend> | PeerBackend {
  if (on === 'wasm') return openWasm();
  if (on === 'cpu') return openCpu();
  return openWebgpu(on.device, on.adapterInfo);
}

let turn: Promise<unknown> = Promise.resolve();

/** Which backend is active is global to TensorFlow.js, so only one call of any peer may run at a time. */
function inTurn<T>(work: () => Promise<T>): Promise<T> {
  const mine = turn.then(work);
  turn = mine.catch(() => {});
  return mine;
}

class Peer implements TfjsPeer {
  readonly name: PeerName;
  readonly #backend: PeerBackend;
  readonly #network: TfjsNetwork;
  readonly #warm = new Set<string>();
  #disposed = false;

  constructor(backend: PeerBackend, network: TfjsNetwork) {
    this.name = backend.name;
    this.#backend = backend;
    this.#network = network;
  }

  forward(x: Float32Array, shape: NHW, outputs: readonly string[]): Promise<Map<string, Float32Array>> {
    return this.#withInput(x, [...shape, 3], async (input) => {
      const results = await this.#pass(input, outputs);
      return new Map(outputs.map((layer, i) => [layer, results[i]!]));
    });
  }

  time(x: Float32Array, shape: NHW, until: string): Promise<number> {
    return this.#withInput(x, [...shape, 3], (input) =>
      this.#timed(`${until} ${shape}`, () => this.#pass(input, [until])),
    );
  }

  async timeConv(layer: string, shape: NHW): Promise<number> {
    const { C, run } = this.#network.conv(layer);
    const [N, H, W] = shape;
    return this.#withInput(madeUpInput(N * H * W * C), [N, H, W, C], (input) =>
      this.#timed(`${layer} alone ${shape}`, () =>
        this.#backend.guard(layer, async () => {
          const output = run(input);
          try {
            this.#backend.check(layer, output);
            await this.#backend.finish();
          } finally {
            output.dispose();
          }
        }),
      ),
    );
  }

  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    this.#network.dispose();
    this.#backend.dispose();
  }

  /** One pass and the download of `layers`. */
  #pass(input: Tensor, layers: readonly string[]): Promise<Float32Array[]> {
    return this.#backend.guard(`a pass for ${layers.join(' ')}`, async () => {
      const outputs = this.#network.run(input, layers);
      try {
        return await Promise.all(outputs.map((output) => output.data()));
      } finally {
        for (const output of outputs) output.dispose();
      }
    });
  }

  /** Milliseconds of `work`, which has run once before: pipelines are compiled and weights packed by then. */
  async #timed(key: string, work: () => Promise<unknown>): Promise<number> {
    if (!this.#warm.has(key)) await work();
    this.#warm.add(key);
    const start = performance.now();
    await work();
    return performance.now() - start;
  }

  /** Waits for its turn and runs `work` on values (N,H,W,C) that are on the device already. */
  #withInput<T>(values: Float32Array, shape: number[], work: (input: Tensor) => Promise<T>): Promise<T> {
    return inTurn(async () => {
      if (this.#disposed) throw new UsageError(`${this.name} is used after dispose()`);
      checkShape(values, shape);
      await this.#backend.activate();
      const input = this.#backend.tf.tensor(values, shape, 'float32');
      try {
        this.#backend.check('its input', input);
        await this.#backend.guard('its input', () => this.#backend.upload(input));
        return await work(input);
      } finally {
        input.dispose();
      }
    });
  }
}

function checkShape(values: Float32Array, shape: readonly number[]): void {
  const whole = shape.every((n) => Number.isInteger(n) && n > 0);
  if (whole && values.length === shape.reduce((a, b) => a * b)) return;
  throw new UsageError(`${values.length} values do not make an input of ${shape.join('x')} (N,H,W,C)`);
}

/** Values in [0, 1) without a pattern, as after a ReLU; no operator here takes longer for one value than for another. */
function madeUpInput(length: number): Float32Array {
  const values = new Float32Array(length);
  for (let i = 0; i < length; i++) values[i] = (Math.imul(i, 0x9e3779b1) >>> 8) / 2 ** 24;
  return values;
}
