// What a file of another tool's is opened as: tensors as they lie in it, whatever their layout and number format.
//
//   file  --format-->  Archive: names, strided tensors  --dialect-->  FoundVgg16: which tensor is which layer's
//         (formats/)                                    (dialects/)
//
// A format knows how bytes are kept, a dialect how a library calls and lays out VGG16's layers. Transposing, reordering
// and cutting apart are done by shape and strides alone; numbers move when they are read.

import type { Activation, Pool } from '../architecture.js';
import type { TorchFacts } from './formats/torch_pickle.js';
import type { StridedTensor } from './source.js';

/** An open file of any format. Whoever opened it closes it. */
export interface Archive {
  readonly path: string;
  /** For people: "PyTorch (zip)", "Keras HDF5". */
  readonly format: string;
  /** In the file's order. Only those of floating point numbers, or quantised ones. */
  readonly tensors: ReadonlyMap<string, StridedTensor>;
  /** Texts that the file says of itself, where its format has a place for them. */
  readonly metadata?: Readonly<Record<string, string>> | undefined;
  /** What else it tells, where PyTorch's pickle tells more than tensors. */
  readonly facts?: TorchFacts | undefined;
  close(): Promise<void>;
}

/** The usual ways to prepare pixels, by name. */
export type NamedPreprocess = 'torchvision' | 'caffe' | 'unit' | 'signed' | 'raw';

/**
 * How pixels become the network's input; part of what the weights were trained with. `torchvision`: RGB, scaled by mean and
 * deviation; `caffe`: BGR minus the mean; `unit`: RGB / 255; `signed`: RGB / 127.5 - 1; `raw`: RGB, 0 to 255. Any other way is
 * a recipe, arithmetic from left to right with one number or one for each channel: `rgb / 255 - 0.5,0.4,0.4 / 0.25`.
 */
export type Preprocess = NamedPreprocess | `rgb${string}` | `bgr${string}`;

export interface FoundLayer {
  readonly kernel: StridedTensor;
  readonly bias: StridedTensor;
}

/** What a dialect makes of an archive: VGG16's layers in order, each seen the way PyTorch lays it out. */
export interface FoundVgg16 {
  /** Thirteen, or fewer below a head on an earlier block; kernels (O,I,3,3), input channels in the order that `preprocess` gives, but for `readsReversed`. */
  readonly convs: readonly FoundLayer[];
  /**
   * Any number of dense layers with ReLU between them, none without a top; kernels (O,I). The first one's is (O,C,S,S)
   * where it reads a flattened feature map.
   */
  readonly dense: readonly FoundLayer[];
  /** How the last feature map becomes the first dense layer's input. */
  readonly pool: Pool;
  /** What else its metadata say of the head's input: `features`, `size`. */
  readonly input?: Readonly<Record<string, string>> | undefined;
  readonly preprocess: Preprocess;
  /** What `preprocess` was told by, where the file does not say it: `its names`. The numbers may tell it better. */
  readonly guessedBy?: string | undefined;
  /** Whether its layers, head and all, are called as in the network that everybody downloads. */
  readonly isPublished?: boolean | undefined;
  /** Whether the first convolution's input channels are in the opposite order of what `preprocess` gives. */
  readonly readsReversed?: boolean | undefined;
  /** That `preprocess` was taken for granted, and why. */
  readonly preprocessNote?: string | undefined;
  /** What follows the last dense layer; undefined where the file does not say it. */
  readonly activation?: Activation | undefined;
  /** Names of the classes, where the file says them. */
  readonly classes?: readonly string[] | undefined;
  /** What was taken for granted, a line each, for the person who converts: "ReLU between the dense layers". */
  readonly notes: readonly string[];
}
