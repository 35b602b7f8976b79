// Finds VGG16 in what Keras or TensorFlow.js saved.
//
//                     Keras                        PyTorch, by strides
//   convolution       (3, 3, I, O)                 (O, I, 3, 3)
//   first dense       (S*S*C, O), rows in the      (O, C, S, S)
//                     order row, column, channel
//   other dense       (I, O)                       (O, I)
//
// With the model's description the layers and all that lies between them are known: keras_network.ts. Without it, in a
// file of weights, keras_weights.ts tells them by names and shapes.

import { IMAGENET_CLASSES, isFlattened } from '../../architecture.js';
import type { FoundLayer, FoundVgg16, Preprocess } from '../archive.js';
import { FileFault } from '../file.js';
import type { KerasArchive, KerasLayer } from '../formats/keras_layers.js';
import { type BatchNorm, withChanges, zeros } from '../normalised.js';
import { PREPROCESSES, RECIPE_HINT } from '../preprocess.js';
import type { StridedTensor } from '../source.js';
import { permuted } from '../strided.js';
import { formatShape, listNames, quote } from '../text.js';
import { type ConfiguredLayer, layerChain } from './keras_config.js';
import { readNetwork } from './keras_network.js';
import { isOwnHead, type Layers, nameOf, readWeights, type StoredNorm } from './keras_weights.js';
import { overSquareMap } from './over_map.js';
import { isUnchanged, mapText, preparedAs } from './pixel_map.js';
import { statedInput } from './stated_size.js';

/** How the caller says that pixels are prepared, for models that do it in a way that cannot be known. */
interface AskedPixels {
  readonly preprocess?: Preprocess | undefined;
}

/** @throws FileFault for what is not a VGG16 with dense layers, with what it is and where it differs */
export async function findKeras(
  archive: KerasArchive,
  { preprocess: asked }: AskedPixels = {},
): Promise<FoundVgg16> {
  if (archive.backend === 'theano') {
    throw new FileFault(
      "its kernels are Theano's, turned by 180 degrees: load it with Keras 2 on TensorFlow, which turns them, and save it again",
    );
  }
  const found =
    archive.config === undefined ? readWeights(archive) : fromModel(archive.layers, archive.config);
  const { convs, dense, norms, pool, activation, notes } = found;
  const pixels = pixelsOf(found, asked);
  let channels = 3;
  const foundConvs: FoundLayer[] = [];
  for (const layer of convs) {
    const plain = convolution(layer, channels);
    channels = plain.kernel.shape[0]!;
    foundConvs.push(await folded(plain, layer, norms));
  }
  const inputs = dense[0]?.weights.get('kernel')?.shape[0];
  const isStated = dense.length > 0 && found.input !== undefined;
  const stated = isStated
    ? statedInput(found.input, { pool, channels, inputs, roundsUp: found.roundsUp }, 'the model')
    : undefined;
  let width = channels;
  const foundDense: FoundLayer[] = [];
  for (const [i, layer] of dense.entries()) {
    const plain = i === 0 && isFlattened(pool) ? denseOverMap(layer, channels) : denseOverUnits(layer, width);
    width = plain.kernel.shape[0]!;
    foundDense.push(await folded(plain, layer, norms));
  }
  const isPublished = dense.length === 0 || (width === IMAGENET_CLASSES && isOwnHead(dense));
  return {
    convs: foundConvs,
    dense: foundDense,
    pool,
    ...pixels,
    isPublished,
    input: stated?.input,
    activation,
    notes: [...notes, ...pixels.notes, ...(stated?.notes ?? [])],
  };
}

/**
 * How pixels are prepared: by the model itself, or by its user, who is taken to have done as Keras documents it.
 *
 * @throws FileFault for models that do what is none of the known ways
 */
function pixelsOf(
  { pixels: { map, layer } }: Layers,
  asked: Preprocess | undefined,
): Pick<FoundVgg16, 'preprocess' | 'guessedBy'> & { readonly notes: readonly string[] } {
  if (!map) {
    if (asked !== undefined) return { preprocess: asked, notes: [] };
    throw new FileFault(
      `${layer} prepares pixels within the model, and what it makes of them cannot be known: --preprocess (preprocess) ` +
        `says it, as ${PREPROCESSES.join(', ')}, ${RECIPE_HINT}; for Rescaling(1/255) that is unit, for Rescaling(1/127.5, -1) signed`,
    );
  }
  if (isUnchanged(map)) return { preprocess: 'caffe', guessedBy: 'keras.applications.vgg16', notes: [] };
  const prepared = preparedAs(map, 'the model');
  if (prepared) return prepared;
  throw new FileFault(
    `${layer} prepares pixels within the model as ${mapText(map)}, which inverts or mixes colours: that is not supported`,
  );
}

function fromModel(layers: readonly KerasLayer[], config: unknown): Layers {
  const chain = layerChain(config);
  const quantised = chain.find(({ config }) =>
    /quantiz|int8|float8/i.test(JSON.stringify(config.dtype ?? '')),
  );
  if (quantised) {
    throw new FileFault(
      `layer ${quote(quantised.name)} is quantised, which is not supported: save the model as it was before quantize()`,
    );
  }
  const network = readNetwork(chain);
  const weights = weightsOf(
    [...network.convs, ...network.dense, ...network.norms.map(({ layer }) => layer)],
    layers,
  );
  return {
    ...network,
    convs: network.convs.map((layer) => weights.get(layer)!),
    dense: network.dense.map((layer) => weights.get(layer)!),
    norms: network.norms.map(({ layer, target, isBehind }) => ({
      norm: batchNorm(layer, weights.get(layer)!),
      target: weights.get(target)!,
      isBehind,
    })),
  };
}

/** @throws FileFault for a normalisation without its numbers */
function batchNorm({ name, config }: ConfiguredLayer, { weights }: KerasLayer): BatchNorm {
  const [hasGamma, hasBeta] = [config.scale !== false, config.center !== false];
  // Keras 3 numbers them.
  const order = [
    ...(hasGamma ? ['gamma'] : []),
    ...(hasBeta ? ['beta'] : []),
    'moving_mean',
    'moving_variance',
  ];
  const find = (what: string) => weights.get(what) ?? weights.get(`variable ${order.indexOf(what)}`);
  const [mean, variance] = [find('moving_mean'), find('moving_variance')];
  if (!mean || !variance || (hasGamma && !find('gamma')) || (hasBeta && !find('beta'))) {
    throw new FileFault(
      `layer ${quote(name)} (BatchNormalization) holds ${listNames([...weights.keys()])}, expected ${order.join(', ')}`,
    );
  }
  return {
    mean,
    variance,
    gamma: hasGamma ? find('gamma') : undefined,
    beta: hasBeta ? find('beta') : undefined,
    epsilon: Number(config.epsilon ?? 1e-3),
  };
}

/** A layer with the normalisation beside it folded in: kernel (O,I,3,3), (O,I) or, over a map, (O,C,S,S). */
async function folded(
  plain: FoundLayer,
  layer: KerasLayer,
  norms: readonly StoredNorm[],
): Promise<FoundLayer> {
  const changes = (isBehind: boolean) =>
    norms
      .filter((one) => one.target === layer && one.isBehind === isBehind)
      .map(({ norm }) => ({ kind: 'normalise', norm }) as const);
  return await withChanges(plain, { inFront: changes(false), behind: changes(true) }, 'HWC');
}

/** Each configured layer's weights: by name, by place, or by order where neither helps. */
function weightsOf(
  wanted: readonly ConfiguredLayer[],
  layers: readonly KerasLayer[],
): ReadonlyMap<ConfiguredLayer, KerasLayer> {
  const weighty = layers.filter(({ weights }) => weights.size > 0);
  for (const find of [
    ({ name }: ConfiguredLayer) => weighty.filter(({ names }) => names.includes(name)),
    ({ place }: ConfiguredLayer) => weighty.filter((layer) => layer.place !== '' && layer.place === place),
  ]) {
    const candidates = wanted.map(find);
    if (candidates.every(({ length }) => length === 1))
      return new Map(wanted.map((layer, i) => [layer, candidates[i]![0]!]));
  }
  const isOrdered = weighty.every(({ place }) => place === '') && weighty.length === wanted.length;
  if (isOrdered) return new Map(wanted.map((layer, i) => [layer, weighty[i]!]));
  const known = new Set(weighty.flatMap(({ names, place }) => [...names, place]));
  const missing = wanted
    .filter(({ name, place }) => !known.has(name) && !known.has(place))
    .map(({ name }) => name);
  throw new FileFault(
    missing.length > 0
      ? `the model's description has layers whose weights are missing: ${listNames(missing)}`
      : "several layers' weights have the same name: they cannot be told apart",
  );
}

function convolution(layer: KerasLayer, channels: number): FoundLayer {
  const { kernel, bias } = pairOf(layer);
  const [rows, columns, inputs] = kernel.shape;
  if (kernel.shape.length !== 4 || rows !== 3 || columns !== 3 || inputs !== channels) {
    throw wrongShape(kernel, `(3, 3, ${channels}, O)`);
  }
  return { kernel: permuted(kernel, [3, 2, 0, 1]), bias };
}

/** A dense layer that reads a flattened feature map. */
function denseOverMap(layer: KerasLayer, channels: number): FoundLayer {
  const { kernel, bias } = pairOf(layer);
  return { kernel: overSquareMap(kernel, { axis: 0, channels, order: 'HWC' }), bias };
}

function denseOverUnits(layer: KerasLayer, inputs: number): FoundLayer {
  const { kernel, bias } = pairOf(layer);
  if (kernel.shape.length !== 2 || kernel.shape[0] !== inputs) throw wrongShape(kernel, `(${inputs}, O)`);
  return { kernel: permuted(kernel, [1, 0]), bias };
}

function pairOf(layer: KerasLayer): FoundLayer {
  const { weights } = layer;
  const kernel = weights.get('kernel');
  const bias = weights.get('bias') ?? (kernel && weights.size === 1 ? noBias(kernel) : undefined);
  if (!kernel || !bias || weights.size > 2) {
    throw new FileFault(
      `layer ${nameOf(layer)} holds ${listNames([...weights.keys()])}, expected "kernel" and "bias"`,
    );
  }
  const outputs = kernel.shape.at(-1);
  if (bias.shape.length !== 1 || bias.shape[0] !== outputs || outputs === 0)
    throw wrongShape(bias, `(${outputs},)`);
  return { kernel, bias };
}

function noBias({ name, shape }: StridedTensor): StridedTensor {
  return zeros(name, shape.at(-1) ?? 0);
}

function wrongShape({ name, shape }: StridedTensor, expected: string): FileFault {
  return new FileFault(`tensor ${quote(name)}: expected shape ${expected}, found ${formatShape(shape)}`);
}
