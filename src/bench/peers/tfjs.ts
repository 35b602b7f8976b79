// TensorFlow.js running VGG16: the peer that results of ours are held against, for correctness and for speed.

import { UsageError } from '../../errors.js';
import { Turns } from '../../turns.js';
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
   * Puts x on the device, (N,H,W,C) or (N,D) as the layer `from` takes it (the first, where it is left out), for the layers
   * from there to `until`. Their first pass compiles pipelines.
   * @throws as `forward`
   */
  prepare(x: Float32Array, shape: readonly number[], part: Part): Promise<PeerPass>;

  /**
   * Puts what a convolution read, (N,H,W,C), and the gradient by what it gave, (N,H,W,O), on the device, for the gradient by its kernel,
   * (3,3,C,O).
   * @throws as `forward`
   */
  prepareKernelGradient(
    x: Float32Array,
    dy: Float32Array,
    sizes: {
      readonly N: number;
      readonly H: number;
      readonly W: number;
      readonly C: number;
      readonly O: number;
    },
  ): Promise<PeerPass>;

  /** What the backend holds on its device, in bytes; undefined where it computes in this thread. */
  deviceBytes(): number | undefined;

  /** Frees the weights. A device that was handed in stays open. */
  dispose(): void;
}

/** Layers that follow each other. */
export interface Part {
  readonly from?: string;
  readonly until: string;
}

/** Layers made ready for an input, which stays on the device. */
export interface PeerPass {
  /** Computes them and downloads what the last of them gives. */
  run(): Promise<Float32Array>;
  /** Computes them so many times, until the device has done it. */
  compute(times?: number): Promise<void>;
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
    const built = await turns.take(async () => {
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

/** Which backend is active is global to TensorFlow.js, so only one call of any peer may run at a time. */
const turns = new Turns();

class Peer implements TfjsPeer {
  readonly name: PeerName;
  readonly #backend: PeerBackend;
  readonly #network: TfjsNetwork;
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

  async prepare(x: Float32Array, shape: readonly number[], part: Part): Promise<PeerPass> {
    const input = await turns.take(() => this.#upload(x, shape));
    const inItsTurn = <T>(times: number, take: (output: Tensor) => Promise<T>) =>
      turns.take(async () => {
        await this.#backend.activate();
        return this.#part(input, part, take, times);
      });
    return {
      run: () => inItsTurn(1, (output) => output.data()),
      compute: (times = 1) => inItsTurn(times, () => this.#backend.finish()),
      dispose: () => input.dispose(),
    };
  }

  async prepareKernelGradient(
    x: Float32Array,
    dy: Float32Array,
    { N, H, W, C, O }: Parameters<TfjsPeer['prepareKernelGradient']>[2],
  ): Promise<PeerPass> {
    const inputs = await turns.take(async () => ({
      x: await this.#upload(x, [N, H, W, C]),
      dy: await this.#upload(dy, [N, H, W, O]),
    }));
    const attributes = { strides: 1, pad: 'same', dataFormat: 'NHWC', filterShape: [3, 3, C, O] };
    const inItsTurn = <T>(times: number, take: (output: Tensor) => Promise<T>) =>
      turns.take(async () => {
        await this.#backend.activate();
        return this.#backend.guard('the gradient by a kernel', async () => {
          const once = () => this.#backend.tf.engine().runKernel('Conv2DBackpropFilter', inputs, attributes);
          for (let i = 1; i < times; i++) once().dispose();
          const output = once();
          try {
            return await take(output);
          } finally {
            output.dispose();
          }
        });
      });
    return {
      run: () => inItsTurn(1, (output) => output.data()),
      compute: (times = 1) => inItsTurn(times, () => this.#backend.finish()),
      dispose: () => {
        inputs.x.dispose();
        inputs.dy.dispose();
      },
    };
  }

  deviceBytes(): number | undefined {
    return this.#backend.deviceBytes();
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

  /** Some layers, so many times, and what is to be had of the last of them. */
  #part<T>(
    input: Tensor,
    { from, until }: Part,
    take: (output: Tensor) => Promise<T>,
    times = 1,
  ): Promise<T> {
    return this.#backend.guard(`${from ?? 'pixels'} to ${until}`, async () => {
      for (let i = 1; i < times; i++) {
        for (const output of this.#network.run(input, [until], from)) output.dispose();
      }
      const [output] = this.#network.run(input, [until], from);
      try {
        return await take(output!);
      } finally {
        output!.dispose();
      }
    });
  }

  /** Waits for its turn and runs `work` on values (N,H,W,C) that are on the device already. */
  #withInput<T>(values: Float32Array, shape: number[], work: (input: Tensor) => Promise<T>): Promise<T> {
    return turns.take(async () => {
      const input = await this.#upload(values, shape);
      try {
        return await work(input);
      } finally {
        input.dispose();
      }
    });
  }

  async #upload(values: Float32Array, shape: readonly number[]): Promise<Tensor> {
    if (this.#disposed) throw new UsageError(`${this.name} is used after dispose()`);
    checkShape(values, shape);
    await this.#backend.activate();
    const input = this.#backend.tf.tensor(values, shape, 'float32');
    try {
      this.#backend.check('its input', input);
      await this.#backend.guard('its input', () => this.#backend.upload(input));
      return input;
    } catch (error) {
      input.dispose();
      throw error;
    }
  }
}

function checkShape(values: Float32Array, shape: readonly number[]): void {
  const whole = shape.every((n) => Number.isInteger(n) && n > 0);
  if (whole && values.length === shape.reduce((a, b) => a * b)) return;
  throw new UsageError(`${values.length} values do not make an input of ${shape.join('x')} (N,H,W,C)`);
}
