// Keras' HDF5 files: weights alone or a model saved whole, of Keras 1, 2 and 3.

import { asWeightsError, FileFault, type RandomAccessFile } from '../../weights/file.js';
import {
  type KerasArchive,
  type KerasLayer,
  layersOf,
  parseConfig,
} from '../../weights/formats/keras_layers.js';
import type { StridedTensor } from '../../weights/source.js';
import { quote } from '../../weights/text.js';
import { type Hdf5File, openHdf5 } from './hdf5.js';

/** Where a model that is saved whole keeps its weights. */
const MODEL_WEIGHTS = 'model_weights';

/**
 * Takes the file over: it is closed with the archive, or at once where this fails.
 *
 * @throws WeightsError for a file that is damaged, no HDF5, or none of Keras'
 */
export async function openKerasH5(h5: RandomAccessFile): Promise<KerasArchive> {
  const { path } = h5;
  const file = await openHdf5(h5);
  try {
    const config = file.groups.get('')?.get('model_config');
    return kerasArchive(file, {
      path,
      format: typeof config === 'string' ? 'Keras HDF5, whole model' : 'Keras HDF5, weights',
      config: typeof config === 'string' ? parseConfig(config, 'attribute "model_config"') : undefined,
    });
  } catch (error) {
    await file.close();
    throw asWeightsError(path, error);
  }
}

/**
 * An open file's layers. Closes the file when it is closed.
 *
 * @throws FileFault for a file that holds no layers of Keras', or not all weights that it names
 */
export function kerasArchive(
  file: Hdf5File,
  rest: Pick<KerasArchive, 'path' | 'format' | 'config'>,
): KerasArchive {
  const root = file.groups.has(MODEL_WEIGHTS) ? MODEL_WEIGHTS : '';
  const layerNames = namesIn(file, root, 'layer_names');
  const layers = layerNames ? namedLayers(file, root, layerNames) : placedLayers(file);
  const tensors = layers.flatMap(({ weights }) => [...weights.values()]);
  if (tensors.length === 0) throw new FileFault(withoutLayers(file));
  const backend = file.groups.get(root)?.get('backend') ?? file.groups.get('')?.get('backend');
  return {
    ...rest,
    layers,
    backend: layerNames && (typeof backend === 'string' ? backend : 'unknown'),
    tensors: new Map(tensors.map((tensor) => [tensor.name, tensor])),
    close: () => file.close(),
  };
}

/** What an HDF5 file is that has no layers of Keras', as far as its groups show it. */
function withoutLayers({ groups }: Hdf5File): string {
  const paths = [...groups.keys()];
  if (groups.has('layer_0')) {
    return (
      'layers by number (layer_0/param_0), as the first versions of Keras wrote them with Theano, are not read: set the ' +
      "numbers in a Keras model, layer by layer, and save that; Oxford's own are read from Keras' file (--weights keras)"
    );
  }
  if (paths.some((path) => /(^|\/)vars$/.test(path))) {
    return (
      'a subclassed Keras model, whose file does not say in which order its layers are: build the same network with ' +
      'Sequential or the functional API, copy the weights (set_weights), and save that'
    );
  }
  return 'an HDF5 file, but not one that Keras saved: it has no layers';
}

/** Keras 1 and 2, and Keras 3 where it saves as they did: every layer is a group that names its weights. */
function namedLayers(file: Hdf5File, root: string, names: readonly string[]): KerasLayer[] {
  return names.flatMap((layer) => {
    const group = root ? `${root}/${layer}` : layer;
    const weights = namesIn(file, group, 'weight_names');
    if (!weights) throw new FileFault(`layer ${quote(layer)} is named, but not there`);
    if (weights.length === 0) return [{ names: [layer], place: '', weights: new Map() }];
    return layersOf(
      layer,
      weights.map((name) => [name, tensorAt(file, `${group}/${name}`)]),
    );
  });
}

/** An attribute's strings. One of more than HDF5's 64 kB is cut up: `layer_names0`, `layer_names1`, ... */
function namesIn(file: Hdf5File, group: string, attribute: string): readonly string[] | undefined {
  const attributes = file.groups.get(group);
  const whole = attributes?.get(attribute);
  if (Array.isArray(whole)) return whole;
  const parts: string[] = [];
  for (let i = 0; ; i++) {
    const part = attributes?.get(`${attribute}${i}`);
    if (!Array.isArray(part)) return i === 0 ? undefined : parts;
    parts.push(...part);
  }
}

function tensorAt(file: Hdf5File, path: string): StridedTensor {
  const tensor = file.tensors.get(path);
  if (!tensor) throw new FileFault(`there is no dataset ${quote(path)} of floating point numbers`);
  return tensor;
}

/** Names of groups that hold others, and say nothing of them. */
const CONTAINERS: ReadonlySet<string> = new Set(['layers', '_layer_checkpoint_dependencies', 'vars']);

/** Keras 3: a group `vars` for each layer, in it the weights by number and, in newer versions, the layer's name. */
function placedLayers(file: Hdf5File): KerasLayer[] {
  const groups = [...file.groups].filter(([path]) =>
    /^(layers|_layer_checkpoint_dependencies)\/.*\/vars$/.test(path),
  );
  const layers = groups.map(([path, attributes]) => {
    const name = attributes.get('name');
    return {
      names: typeof name === 'string' ? [name] : [],
      place: path
        .split('/')
        .filter((part) => !CONTAINERS.has(part))
        .join('/'),
      weights: numberedWeights(file, path),
    };
  });
  return layers.sort((a, b) => comparePlaces(a.place, b.place));
}

function numberedWeights(file: Hdf5File, group: string): KerasLayer['weights'] {
  const tensors: StridedTensor[] = [];
  for (let i = 0; ; i++) {
    const tensor = file.tensors.get(`${group}/${i}`);
    if (!tensor) break;
    tensors.push(tensor);
  }
  const [first = 0, second = 1] = tensors.map(({ shape }) => shape.length);
  const isPlain = tensors.length > 0 && tensors.length <= 2 && first > 1 && second === 1;
  return new Map(tensors.map((tensor, i) => [isPlain ? ['kernel', 'bias'][i]! : `variable ${i}`, tensor]));
}

/** `conv2d`, `conv2d_1`, `conv2d_2`, `conv2d_10`: numbers by value. */
function comparePlaces(a: string, b: string): number {
  return a.localeCompare(b, 'en', { numeric: true });
}
