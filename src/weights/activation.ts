// What makes probabilities of a classifier's outputs.
//
//   outputs       activation   probabilities
//   two or more   softmax      of classes that exclude each other: they add up to 1
//   two or more   sigmoid      of each class by itself, as a picture may show several: they add up to anything
//   one           sigmoid      of two classes, and so it is opened: softmax(0, z) is (1 - sigmoid(z), sigmoid(z)), exactly
//
// A softmax over one number is 1 whatever the picture, and is refused.

import { type Activation, IMAGENET_CLASSES } from '../architecture.js';
import { WeightsError } from '../errors.js';
import { oneOf } from '../options.js';
import type { FoundLayer, FoundVgg16 } from './archive.js';
import type { Storage, StridedTensor, WeightsSource } from './source.js';
import { quote } from './text.js';

export const ACTIVATIONS: readonly Activation[] = ['softmax', 'sigmoid'];

/** For `checkOptions`. */
export const ACTIVATION = oneOf(...ACTIVATIONS);

const SIGMOID_NOTE =
  'the single sigmoid output is carried over as two classes with logits (0, z), the same probabilities';
const LOGIT_NOTE =
  'the single output is taken for the logit of two classes, (0, z); if the network was trained to predict a number ' +
  '(regression), these probabilities mean nothing';
const SOFTMAX_NOTE =
  'the file does not say what makes probabilities of its outputs: softmax is assumed; --activation sigmoid (activation) ' +
  'is for networks that find several classes in one picture';

/** By the metadata; softmax where they do not say it. @throws WeightsError for any other word */
export function saidActivation({ path, metadata }: Pick<WeightsSource, 'path' | 'metadata'>): Activation {
  const said = metadata.activation ?? 'softmax';
  const known = ACTIVATIONS.find((activation) => activation === said);
  if (known) return known;
  throw new WeightsError(
    `${path}: metadata activation is ${quote(said)}, expected ${ACTIVATIONS.map(quote).join(' or ')}`,
  );
}

/** The note for a classifier whose activation nothing says; undefined where it can only be softmax. */
export function assumedSoftmaxNote(outputs: number): string | undefined {
  // ImageNet's classes exclude each other.
  return outputs === IMAGENET_CLASSES ? undefined : SOFTMAX_NOTE;
}

/** A VGG16 whose activation is known: said, or assumed with a note. A single output becomes two classes. */
export type Decided = FoundVgg16 & { readonly activation: Activation };

/** @throws WeightsError for a softmax over a single output */
export function decideActivation(path: string, found: FoundVgg16): Decided {
  const { dense, activation, classes, notes } = found;
  const last = dense.at(-1);
  const outputs = last?.kernel.shape[0];
  if (!last || outputs === undefined) return { ...found, activation: 'softmax' };
  if (outputs !== 1) {
    const note = activation === undefined ? assumedSoftmaxNote(outputs) : undefined;
    return { ...found, activation: activation ?? 'softmax', notes: note ? [...notes, note] : notes };
  }
  if (activation === 'softmax') {
    throw new WeightsError(
      `${path}: softmax over a single output is 1 whatever the picture: the network cannot tell classes apart; if its ` +
        'output is the logit of two classes, open it with --activation sigmoid (activation)',
    );
  }
  const [name] = classes ?? [];
  return {
    ...found,
    dense: [...dense.slice(0, -1), asTwoClasses(last)],
    activation: 'softmax',
    classes: classes?.length === 1 ? [`not ${name}`, name!] : classes,
    notes: [...notes, activation === 'sigmoid' ? SIGMOID_NOTE : LOGIT_NOTE],
  };
}

/** @param layer  a dense layer with one output; kernel (1,I) or (1,C,S,S) */
function asTwoClasses({ kernel, bias }: FoundLayer): FoundLayer {
  return { kernel: withZeros(kernel), bias: withZeros(bias) };
}

/** (1, ...) becomes (2, ...), zeros first. Of the storage, which may be many tensors', only the view's own part is read. */
function withZeros(tensor: StridedTensor): StridedTensor {
  const { shape, strides, offset, storage } = tensor;
  const span = shape.reduce((span, size, axis) => span + (size - 1) * strides[axis]!, 1);
  return {
    ...tensor,
    shape: [2, ...shape.slice(1)],
    strides: [span, ...strides.slice(1)],
    offset: 0,
    storage: precededByZeros(storage, offset, span),
  };
}

/** `count` zeros, then as many numbers of the storage from `offset` on. */
function precededByZeros(storage: Storage, offset: number, count: number): Storage {
  return {
    ...storage,
    length: 2 * count,
    read: async (start, target) => {
      const zeros = Math.min(Math.max(count - start, 0), target.length);
      target.fill(0, 0, zeros);
      if (zeros < target.length) await storage.read(offset + start + zeros - count, target.subarray(zeros));
    },
  };
}
