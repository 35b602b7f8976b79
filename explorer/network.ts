// The network of this page: its weights, which are downloaded once and kept, and the numbers of its convolutions.

import type { ConvName, LayerName } from '../src/architecture.js';
import { download } from '../src/browser/files.js';
import { openWeights, VGG16 } from '../src/browser/vgg16.js';
import { WeightsError } from '../src/errors.js';
import { type ChosenLayer, chooseKernels } from '../src/network/build.js';
import { layersOf } from '../src/network/layers.js';
import { decodeFloats } from '../src/weights/floats.js';
import type { OpenedWeights } from '../src/weights/opened.js';
import type { TensorEntry } from '../src/weights/source.js';
import { describeVgg16, type Vgg16Weights } from '../src/weights/vgg16.js';
import type { LayerMap } from './layer_map.js';
import type { ConvNumbers } from './pixel.js';

/** What model.json says of the weights that lie beside it. */
export interface Manifest {
  /** For people. */
  readonly name: string;
  readonly file: string;
  readonly bytes: number;
  /** 64 digits. */
  readonly sha256: string;
  /** Where a head that is trained on these weights finds them: a name that the command line knows, or a path. */
  readonly base?: string;
  /** What was taken for granted when the weights were read. */
  readonly notes: readonly string[];
}

export interface Progress {
  readonly loaded: number;
  readonly total: number;
}

const CACHE = 'vgg16-weights';

/** A network with its weights at hand. */
export class Explored {
  readonly #numbers = new Map<ConvName, ConvNumbers>();

  private constructor(
    readonly manifest: Manifest,
    readonly model: VGG16,
    private readonly blob: Blob,
    private readonly source: OpenedWeights,
    readonly weights: Vgg16Weights,
  ) {}

  /** @throws WeightsError, NoAdapterError, GpuError */
  static async load(onProgress: (progress: Progress) => void): Promise<Explored> {
    const answer = await fetch('model.json').catch(() => undefined);
    if (!answer?.ok)
      throw new WeightsError('model.json: the server of this page does not answer; is it still running?');
    const manifest = (await answer.json()) as Manifest;
    const blob = await weightsOf(manifest, onProgress);
    const source = await openWeights({ weights: blob });
    const model = await VGG16.load({ weights: blob });
    return new Explored(manifest, model, blob, source, describeVgg16(source));
  }

  /** The same base with a trained head, which may bring convolutions of its own; on the same device. @throws WeightsError, GpuError */
  async withHead(file: Blob): Promise<Explored> {
    const { gpu } = this.model;
    const weights = { weights: file, base: this.blob };
    const source = await openWeights(weights);
    const model = await VGG16.load({ ...weights, gpu });
    return new Explored(this.manifest, model, this.blob, source, describeVgg16(source));
  }

  /** All layers, in order. */
  get layers(): readonly LayerName[] {
    return layersOf(this.model.widths).map(({ name }) => name);
  }

  /** A convolution's weights, read when they are first asked for. */
  async numbersOf(layer: ConvName): Promise<ConvNumbers> {
    const known = this.#numbers.get(layer);
    if (known) return known;
    const { kernel, bias } = this.weights.convs.find((conv) => conv.layer === layer)!;
    const numbers = { kernel: await this.#read(kernel), bias: await this.#read(bias) };
    this.#numbers.set(layer, numbers);
    return numbers;
  }

  /** The kernels that compute a layer for one image of this size. */
  kernelsOf(layer: LayerName, size: number): ChosenLayer {
    const { gpu, rungs, choices } = this.model;
    return chooseKernels(gpu, this.model.layers(size, size, layer).slice(-1), 1, { rungs, choices })[0]!;
  }

  /** Frees the GPU's memory of this network. */
  dispose(): void {
    this.model.dispose();
  }

  async #read({ name, dtype, byteLength }: TensorEntry): Promise<Float32Array> {
    const bytes = new Uint8Array(byteLength);
    await this.source.read(name, 0, bytes);
    return decodeFloats(bytes, dtype);
  }
}

/** The layers' results for one picture, by name. */
export type Maps = ReadonlyMap<LayerName, LayerMap>;

/** From the browser's store if they are there, else downloaded and, if there is room, kept. @throws WeightsError */
async function weightsOf(manifest: Manifest, onProgress: (progress: Progress) => void): Promise<Blob> {
  const address = `${manifest.file}?${manifest.sha256.slice(0, 16)}`;
  const cache = await globalThis.caches?.open(CACHE).catch(() => undefined);
  const kept = await (await cache?.match(address))?.blob();
  if (kept && (await hashOf(kept)) === manifest.sha256) return kept;
  const blob = await download(address, {
    onDownload: ({ loaded }) => onProgress({ loaded, total: manifest.bytes }),
  });
  if ((await hashOf(blob)) !== manifest.sha256) {
    throw new WeightsError(`${manifest.file}: not the file that model.json tells of; reload the page`);
  }
  await keep(cache, address, blob);
  return blob;
}

/** Keeps these weights instead of others. Where there is no room, they are downloaded again next time. */
async function keep(cache: Cache | undefined, address: string, blob: Blob): Promise<void> {
  try {
    for (const other of (await cache?.keys()) ?? []) await cache!.delete(other);
    await cache?.put(address, new Response(blob));
  } catch {
    // A full store is no fault.
  }
}

async function hashOf(blob: Blob): Promise<string> {
  const digest = await crypto.subtle.digest('SHA-256', await blob.arrayBuffer());
  return [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}
