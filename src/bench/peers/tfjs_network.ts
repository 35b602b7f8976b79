// VGG16 as TensorFlow.js runs it: weights in its layouts on one backend, and one fused operator a layer.

import { BLOCKS } from '../../architecture.js';
import { GpuError, UsageError } from '../../errors.js';
import type { PeerBackend } from './tfjs_backends.js';
import type { Tensor, Tfjs } from './tfjs_library.js';
import { checkNetwork, featureSideOf, outputsLast, type PeerNetwork } from './tfjs_weights.js';

/** A named layer. */
interface Step {
  readonly layer: string;
  run(x: Tensor): Tensor;
}

/** The network on one backend. Every method expects that backend to be the active one. */
export class TfjsNetwork {
  readonly #backend: PeerBackend;
  readonly #weights: Tensor[] = [];
  readonly #steps: Step[] = [];

  private constructor(backend: PeerBackend) {
    this.#backend = backend;
  }

  /**
   * Uploads the weights one layer at a time, so that only one re-ordered copy stands on the host.
   * @throws UsageError where `network` is not a VGG16, GpuError where the device refuses
   */
  static async upload(backend: PeerBackend, network: PeerNetwork): Promise<TfjsNetwork> {
    checkNetwork(network);
    const built = new TfjsNetwork(backend);
    try {
      await built.#addBlocks(network);
      if (network.dense.length > 0) await built.#addTop(network);
    } catch (error) {
      built.dispose();
      throw error;
    }
    return built;
  }

  /**
   * One pass from x (N,H,W,3), or from what the layer `from` takes, no further than the last of `layers`. Gives their outputs, in that order, to the
   * caller, who disposes them and x.
   * @throws UsageError for a layer that is not there or pictures that do not fit it, GpuError beyond the device's limits
   */
  run(x: Tensor, layers: readonly string[], from?: string): Tensor[] {
    const first = from === undefined ? 0 : this.#indexOf(from);
    const last = Math.max(...layers.map((layer) => this.#indexOf(layer)));
    return this.#backend.tf.tidy(() => {
      const kept = new Map<string, Tensor>();
      let y = x;
      let owned = false;
      for (const { layer, run } of this.#steps.slice(first, last + 1)) {
        const next = run(y);
        this.#checkBytes(layer, 'output', next.size * 4);
        this.#backend.check(layer, next);
        // A large batch would not fit if every layer's output lived to the end of the pass.
        if (owned) y.dispose();
        owned = !layers.includes(layer);
        if (!owned) kept.set(layer, next);
        y = next;
      }
      return layers.map((layer) => kept.get(layer)!);
    });
  }

  dispose(): void {
    for (const tensor of this.#weights) tensor.dispose();
  }

  async #addBlocks(network: PeerNetwork): Promise<void> {
    const { tf } = this.#backend;
    for (const [block, layers] of BLOCKS.entries()) {
      for (const { name: layer } of layers) {
        const { C, O, ...host } = network.convs.find((conv) => conv.layer === layer)!;
        const kernel = network.inPeersOrder ? host.kernel : outputsLast(host.kernel, O, C, 9);
        const filter = await this.#put(layer, kernel, [3, 3, C, O]);
        const bias = await this.#put(layer, host.bias, [O]);
        const run = (x: Tensor) =>
          tf.fused.conv2d({ x, filter, bias, strides: 1, pad: 'same', activation: 'relu' });
        this.#steps.push({ layer, run });
      }
      this.#steps.push(poolStep(tf, `block${block + 1}_pool`));
    }
  }

  async #addTop(network: PeerNetwork): Promise<void> {
    const { tf } = this.#backend;
    const side = featureSideOf(network);
    for (const { layer, kernel, bias: biasValues, outputs, inputs } of network.dense) {
      const S = layer === 'fc1' ? side * side : 1;
      const bytes = kernel.byteLength;
      // Left out if the device cannot bind it, so that the layers before it can still be measured.
      const b =
        bytes <= this.#backend.maxTensorBytes
          ? await this.#put(
              layer,
              network.inPeersOrder ? kernel : outputsLast(kernel, outputs, inputs / S, S),
              [inputs, outputs],
            )
          : null;
      const bias = await this.#put(layer, biasValues, [outputs]);
      const activation = layer === 'fc3' ? 'linear' : 'relu';
      this.#steps.push({
        layer,
        run: (x) => {
          if (b === null) throw this.#tooLarge(layer, 'kernel', bytes);
          return tf.fused.matMul({ a: layer === 'fc1' ? flatten(tf, x, side) : x, b, bias, activation });
        },
      });
    }
    this.#steps.push({ layer: 'softmax', run: (x) => tf.softmax(x) });
  }

  async #put(layer: string, values: Float32Array, shape: number[]): Promise<Tensor> {
    const tensor = this.#backend.tf.tensor(values, shape, 'float32');
    this.#weights.push(tensor);
    this.#backend.check(`${layer}'s weights`, tensor);
    await this.#backend.guard(`${layer}'s weights`, () => this.#backend.upload(tensor));
    return tensor;
  }

  #checkBytes(layer: string, what: string, bytes: number): void {
    if (bytes > this.#backend.maxTensorBytes) throw this.#tooLarge(layer, what, bytes);
  }

  #tooLarge(layer: string, what: string, bytes: number): GpuError {
    const { name, maxTensorBytes } = this.#backend;
    return new GpuError(
      `${name} cannot run ${layer} here: its ${what} takes ${bytes} bytes and this device binds at most ${maxTensorBytes}`,
    );
  }

  #indexOf(layer: string): number {
    const index = this.#steps.findIndex((step) => step.layer === layer);
    if (index >= 0) return index;
    throw new UsageError(
      `no layer is called ${layer}; there are ${this.#steps.map((s) => s.layer).join(' ')}`,
    );
  }
}

/** x (N,H,W,C) to (N,H/2,W/2,C), rounded down. */
function poolStep(tf: Tfjs, layer: string): Step {
  return {
    layer,
    run(x) {
      const [, H, W] = x.shape as [number, number, number, number];
      // An empty output would break the wasm backend for the rest of the process.
      if (H < 2 || W < 2)
        throw new UsageError(`${layer}: these pictures are too small, ${H}x${W} is left of them`);
      return tf.maxPool(x, 2, 2, 'valid');
    },
  };
}

/** x (N,side,side,C) to (N, side*side*C). */
function flatten(tf: Tfjs, x: Tensor, side: number): Tensor {
  const [N, H, W, C] = x.shape as [number, number, number, number];
  if (H === side && W === side) return tf.reshape(x, [N, H * W * C]);
  throw new UsageError(`fc1 reads ${side}x${side} features, and pictures of this size give ${H}x${W}`);
}
