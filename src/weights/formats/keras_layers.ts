// Layers as Keras writes them, in four forms that all come down to the same: what a layer is called, and its weights.
//
//   Keras 1, 2   attributes layer_names and weight_names    block1_conv1/block1_conv1_W_1:0
//                                                           block1_conv1/block1_conv1/kernel:0
//                a model within the model                   vgg16/block1_conv1/kernel:0
//   Keras 3      by class and number                        layers/functional/layers/conv2d_3/vars/0
//   TF.js        names of weights alone                     block1_conv1/kernel

import type { Archive } from '../archive.js';
import { FileFault } from '../file.js';
import type { StridedTensor } from '../source.js';
import { quote } from '../text.js';

export interface KerasLayer {
  /** What it may be called: `block1_conv1`. None where a file has lost the names. */
  readonly names: readonly string[];
  /** Where Keras 3 keeps it, by classes and their numbers: `functional/conv2d_3`. */
  readonly place: string;
  /** `kernel`, `bias`, `gamma`, ... */
  readonly weights: ReadonlyMap<string, StridedTensor>;
}

export interface KerasArchive extends Archive {
  /** In the file's order, those without weights as well where it names them. */
  readonly layers: readonly KerasLayer[];
  /**
   * What Keras computed with when it wrote the file; `unknown` where it belongs to Keras 1 and does not say it. Keras 3's
   * files and TensorFlow.js' are the same for all.
   */
  readonly backend?: string | undefined;
  /** The model's description by Keras, parsed; undefined in a file of weights alone. */
  readonly config: unknown;
}

/**
 * Weights with names as Keras 1 and 2 give them, layer by layer.
 *
 * @param owner    the layer of the saved model that they belong to, itself a model perhaps
 * @param weights  the names that it has for them, in order
 */
export function layersOf(
  owner: string | undefined,
  weights: readonly (readonly [name: string, tensor: StridedTensor])[],
): KerasLayer[] {
  const found = new Map<string, Map<string, StridedTensor>>();
  for (const [name, tensor] of weights) {
    const parts = name.replace(/:\d+$/, '').split('/');
    const last = parts.pop()!;
    const layer = parts.at(-1) ?? owner ?? '';
    const kinds = found.get(layer) ?? new Map<string, StridedTensor>();
    const kind = kindOf(last);
    if (kinds.has(kind)) throw new FileFault(`layer ${quote(layer)} has two weights called ${quote(kind)}`);
    found.set(layer, kinds.set(kind, tensor));
  }
  return [...found].map(([layer, kinds]) => {
    // A layer that is alone goes by its owner's name, too: TensorFlow may have made block1_conv1_2 of block1_conv1.
    const names = owner !== undefined && found.size === 1 ? new Set([owner, layer]) : [layer];
    return { names: [...names], place: '', weights: kinds };
  });
}

/** `kernel` and `bias`, which Keras 1 calls `block1_conv1_W_1` and `block1_conv1_b_1`. */
function kindOf(weight: string): string {
  const old = /_([Wb])(_\d+)?$/.exec(weight)?.[1];
  return old ? { W: 'kernel', b: 'bias' }[old]! : weight;
}

/** The parsed form of what a file says in JSON. */
export function parseConfig(json: string, what: string): unknown {
  try {
    return JSON.parse(json);
  } catch (error) {
    throw new FileFault(`${what} is not JSON`, { cause: error });
  }
}
