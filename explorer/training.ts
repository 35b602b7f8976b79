// Trains a classifier on images in the page, with the kernels that train it on Node, and packs it as `vgg16 classify` reads it.

import { FEATURE_LAYERS } from '../src/architecture.js';
import { UsageError } from '../src/errors.js';
import type { Picture } from '../src/image/picture.js';
import { datasetOf, type Sample } from '../src/train/dataset.js';
import type { TrainEvent } from '../src/train/events.js';
import { type TrainedNetwork, trainNetwork } from '../src/train/train_network.js';
import { fingerprintOf } from '../src/weights/fingerprint.js';
import { writeHeadWith } from '../src/weights/head_file.js';
import { safetensorsChunks } from '../src/weights/safetensors.js';
import type { Explored } from './network.js';

/** Images of one kind. */
export interface ImageClass {
  name: string;
  readonly images: Picture[];
}

/** One image per this many of a class is kept back, to see how good the classifier is. */
const VALIDATE_ONE_IN = 4;
/** Images that a class needs: one to learn from, one to validate with. */
export const LEAST_IMAGES = 2;

export interface Trained {
  readonly network: TrainedNetwork;
  readonly classes: readonly string[];
  /** The head's safetensors file. */
  readonly file: Blob;
  /** What was kept back, with the number of its class. */
  readonly kept: readonly { readonly picture: Picture; readonly label: number }[];
}

/**
 * Trains a head on the averages of the last feature map.
 *
 * @param size  side of the images in px
 * @throws UsageError for fewer than two classes, names that are alike, or too few images; errors of `trainNetwork`
 */
export async function train(
  explored: Explored,
  images: readonly ImageClass[],
  size: number,
  onEvent: (event: TrainEvent) => void,
): Promise<Trained> {
  const { model, manifest, weights } = explored;
  if (manifest.base === undefined) {
    throw new UsageError(
      'these weights are a classifier with convolutions of its own, on which no other is trained: serve its base, with `vgg16 explore` alone',
    );
  }
  const named = images.map(({ name, images: some }) => ({ name: name.trim(), images: some }));
  const nameless = named.find(({ name }) => name === '');
  if (nameless) throw new UsageError('a class has no name');
  const poor = named.find(({ images: some }) => some.length < LEAST_IMAGES);
  if (poor) {
    throw new UsageError(
      `${poor.name} has ${poor.images.length} images: a class needs ${LEAST_IMAGES} at least, one of them to validate with`,
    );
  }
  // In the order in which the command line would have them.
  const ordered = named.sort((a, b) => (a.name < b.name ? -1 : 1));
  const samples = ordered.flatMap(({ name, images: some }, label) =>
    some.map((picture, i): Sample & { readonly isKept: boolean; readonly picture: Picture } => {
      // The second one first, so that two images are one for each.
      const isKept = i % VALIDATE_ONE_IN === 1;
      return { name: `${name}/${i + 1}`, picture, label, isKept };
    }),
  );
  const part = (kept: boolean) =>
    samples.flatMap(({ isKept, ...sample }) => (isKept === kept ? [sample] : []));
  const classes = ordered.map(({ name }) => name);
  const dataset = datasetOf(classes, { train: part(false), val: part(true) });
  const features = FEATURE_LAYERS.at(-1)!;
  const network = await trainNetwork(model, dataset, { features, pool: 'avg', size, onEvent });
  const inputs = network.tensors[0]!.shape[1]!;
  const outputs = network.tensors.filter(({ shape }) => shape.length > 1).map(({ shape }) => shape[0]!);
  const file = await headFile({
    ...{ features, pool: 'avg', size, classes, preprocess: model.preprocess },
    base: { ref: manifest.base, fingerprint: await fingerprintOf(weights, features) },
    units: [inputs, ...outputs],
    tensors: each(network.tensors),
    metadata: {
      'train.epoch': String(network.best.epoch),
      'train.val-accuracy': String(network.best.val_accuracy),
      'train.val-loss': String(network.best.val_loss),
    },
  });
  return { network, classes, file, kept: part(true) };
}

async function headFile(head: Parameters<typeof writeHeadWith>[1]): Promise<Blob> {
  const parts: Uint8Array<ArrayBuffer>[] = [];
  await writeHeadWith('the classifier', head, async (_, tensors, metadata) => {
    for await (const chunk of safetensorsChunks(tensors, metadata)) parts.push(chunk.slice());
  });
  return new Blob(parts, { type: 'application/octet-stream' });
}

async function* each<T>(items: readonly T[]): AsyncGenerator<T> {
  yield* items;
}
