// TensorFlow.js training a head, and convolutions with it: its own gradients and optimiser, the peer of src/train.

import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { GpuError, UsageError } from '../../errors.js';
import type { PeerDevice } from './tfjs.js';
import { openWebgpu, type PeerBackend } from './tfjs_backends.js';
import { type Optimizer, type Tensor, tfjsRequire, type Variable } from './tfjs_library.js';

/** A dense layer to begin with: kernel (inputs, outputs), bias (outputs). ReLU follows all but the last. */
export interface HeadLayer {
  readonly kernel: Float32Array;
  readonly bias: Float32Array;
  readonly inputs: number;
  readonly outputs: number;
}

/** A convolution of 3x3 with ReLU to begin with: kernel (3,3,C,O), bias (O). */
export interface BodyConv {
  readonly kernel: Float32Array;
  readonly bias: Float32Array;
  readonly C: number;
  readonly O: number;
  /** Whether a pooling of 2x2 follows. */
  readonly pooled: boolean;
}

/** What is trained; the head reads the last map of the convolutions averaged. */
export interface TrainedLayers {
  readonly convs: readonly BodyConv[];
  readonly dense: readonly HeadLayer[];
  /** Of a picture as it is given: (inputs), or (H,W,C). */
  readonly given: readonly number[];
}

export interface Batch {
  /** (rows, ...as it is given) */
  readonly x: Float32Array;
  /** (rows) */
  readonly labels: Uint32Array;
}

export interface SgdOptions {
  readonly lr: number;
  readonly momentum: number;
}

/** SGD with momentum on the mean softmax cross-entropy. */
export class TfjsTraining {
  readonly #backend: PeerBackend;
  readonly #variables: { readonly kernel: Variable; readonly bias: Variable }[];
  readonly #optimizer: Optimizer;
  readonly #convs: { readonly kernel: Variable; readonly bias: Variable; readonly pooled: boolean }[];
  readonly #given: readonly number[];
  readonly #classes: number;

  private constructor(
    backend: PeerBackend,
    { convs, dense: layers, given }: TrainedLayers,
    { lr, momentum }: SgdOptions,
  ) {
    const { tf } = backend;
    this.#backend = backend;
    this.#given = given;
    this.#convs = convs.map(({ kernel, bias, C, O, pooled }) => ({
      kernel: tf.variable(tf.tensor(kernel, [3, 3, C, O], 'float32')),
      bias: tf.variable(tf.tensor(bias, [O], 'float32')),
      pooled,
    }));
    this.#classes = layers.at(-1)!.outputs;
    this.#variables = layers.map(({ kernel, bias, inputs, outputs }) => ({
      kernel: tf.variable(tf.tensor(kernel, [inputs, outputs], 'float32')),
      bias: tf.variable(tf.tensor(bias, [outputs], 'float32')),
    }));
    this.#optimizer = tf.train.momentum(lr, momentum);
  }

  /** @throws GpuError where a kernel is larger than the device can bind, which TensorFlow.js would not say */
  static async create(
    { device, adapterInfo }: PeerDevice,
    layers: TrainedLayers,
    options: SgdOptions,
  ): Promise<TfjsTraining> {
    const backend = await openWebgpu(device, adapterInfo);
    const largest = Math.max(...[...layers.convs, ...layers.dense].map(({ kernel }) => kernel.byteLength));
    if (largest > backend.maxTensorBytes) {
      backend.dispose();
      throw new GpuError(
        `${backend.name} cannot train this network here: a kernel takes ${largest} bytes ` +
          `and this device binds at most ${backend.maxTensorBytes}`,
      );
    }
    try {
      await loadGradients();
      await backend.activate();
      return new TfjsTraining(backend, layers, options);
    } catch (error) {
      backend.dispose();
      throw error;
    }
  }

  get name(): string {
    return this.#backend.name;
  }

  /**
   * A step for each of the batches, all issued before any is waited for.
   *
   * @returns the mean loss of the last batch before its step
   */
  async train(batches: readonly Batch[]): Promise<number> {
    const loss = await this.#backend.guard('training', async () => {
      const losses = batches.map((batch) => this.#step(batch));
      try {
        return (await losses.at(-1)!.data())[0]!;
      } finally {
        for (const tensor of losses) tensor.dispose();
      }
    });
    await this.#backend.finish();
    return loss;
  }

  /** Uploads a batch, then forward, backward and update. */
  #step({ x, labels }: Batch): Tensor {
    const { tf } = this.#backend;
    const rows = labels.length;
    return tf.tidy(() => {
      const input = tf.tensor(x, [rows, ...this.#given], 'float32');
      const truth = tf.oneHot(tf.tensor(Int32Array.from(labels), [rows], 'int32'), this.#classes);
      const variables = [...this.#convs, ...this.#variables].flatMap(({ kernel, bias }) => [kernel, bias]);
      const lossOf = () => tf.losses.softmaxCrossEntropy(truth, this.#forward(input));
      return this.#optimizer.minimize(lossOf, true, variables);
    });
  }

  #forward(input: Tensor): Tensor {
    const { tf } = this.#backend;
    const map = this.#convs.reduce((x, { kernel, bias, pooled }) => {
      const y = tf.relu(tf.add(tf.conv2d(x, kernel, 1, 'same'), bias));
      return pooled ? tf.maxPool(y, 2, 2, 'valid') : y;
    }, input);
    const features = this.#convs.length > 0 ? tf.mean(map, [1, 2]) : map;
    return this.#variables.reduce((x, { kernel, bias }, layer) => {
      const y = tf.add(tf.matMul(x, kernel), bias);
      return layer < this.#variables.length - 1 ? tf.relu(y) : y;
    }, features);
  }

  dispose(): void {
    for (const { kernel, bias } of [...this.#convs, ...this.#variables]) {
      kernel.dispose();
      bias.dispose();
    }
    this.#optimizer.dispose();
    this.#backend.dispose();
  }
}

// TensorFlow.js' own gradients, which its bundle for Node leaves out: bundled from the modules it comes with. Their copy of the
// operators runs on the same engine, which is one a process.

/** Beside a program that comes without esbuild; made by scripts/bundle.mjs. */
const BUNDLED_BEFORE = fileURLToPath(new URL('tfjs_gradients.cjs', import.meta.url));

/** Registers them. @throws UsageError where they have to be bundled first and esbuild is not installed */
export async function loadGradients(): Promise<void> {
  if (existsSync(BUNDLED_BEFORE)) return createRequire(import.meta.url)(BUNDLED_BEFORE);
  const require = tfjsRequire();
  const { build } = await import('esbuild').catch(() => {
    throw new UsageError("TensorFlow.js' gradients have to be bundled, by esbuild: npm install esbuild");
  });
  const { outputFiles } = await build({
    entryPoints: [require.resolve('@tensorflow/tfjs-core/dist/register_all_gradients.js')],
    bundle: true,
    platform: 'node',
    format: 'cjs',
    write: false,
  });
  new Function('require', outputFiles[0]!.text)(require);
}
