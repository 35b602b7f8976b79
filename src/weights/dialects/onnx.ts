// VGG16 in an ONNX graph: its layers are found by following the picture's way through the operations, whatever the
// weights are called.
//
// Each operation on the way is a letter, and a VGG16 is a word of them:
//
//   C convolution   R ReLU   P pooling   D dense layer   S softmax   G sigmoid   M the place of the largest output
//   between base and head: F flattening   W averages of windows   A the average   X the maximum of the whole map
//
// Batch normalisation is no letter: it is folded into the layer beside it.
//
//   CRCRP CRCRP CRCRCRP CRCRCRP CRCRCRP F D RD RD S
//
// What changes nothing when a picture is classified (Dropout, Identity, Cast) is passed over; anything else is refused
// by name.

import {
  type Activation,
  CONVS_PER_BLOCK,
  FEATURE_LAYERS,
  type FeatureLayer,
  featureSideOf,
  isFlattened,
  type Pool,
} from '../../architecture.js';
import { WeightsError } from '../../errors.js';
import type { FoundLayer, FoundVgg16, Preprocess } from '../archive.js';
import { FileFault } from '../file.js';
import type { OnnxModel } from '../formats/onnx.js';
import { parseClasses } from '../head_metadata.js';
import { withChanges, zeros } from '../normalised.js';
import { isSameArithmetic, parsePreprocess } from '../preprocess.js';
import { sizeOf } from '../strided.js';
import { pictureSize, preparedBy } from './onnx_pixels.js';
import type { Step, StepLetter, Walk } from './onnx_step.js';
import { followPicture } from './onnx_walk.js';
import { overSquareMap } from './over_map.js';
import { type PictureSize, statedInput } from './stated_size.js';

const BLOCKS = CONVS_PER_BLOCK.join(', ');
/** By the number of blocks, from 1. A head may stand on any of them; without a head all are there. */
const BASES = CONVS_PER_BLOCK.map((_, i) =>
  CONVS_PER_BLOCK.slice(0, i + 1)
    .map((convs) => `${'CR'.repeat(convs)}P`)
    .join(''),
);
const BASE = BASES.at(-1)!;
const HEAD = '(W?F|A|X)D(RD)*(S?M?|G)';
const VGG16 = new RegExp(`^(${BASE}([FAX]?|${HEAD})|(${BASES.join('|')})${HEAD})$`);
const BEGINNING_OF_TOP = /^(W|(W?F|A|X)(D(RD)*(R|S?M?|G))?)$/;

const ARGMAX_NOTE =
  'the graph ends with the number of its best class (ArgMax): left out, for the probabilities of all';

/** How the caller says that pixels are prepared, whatever the graph does to them. */
interface AskedPixels {
  readonly preprocess?: Preprocess | undefined;
}

/**
 * @throws WeightsError for a graph that is no VGG16, with the first operation that does not belong to one
 * @throws FileFault for a first dense layer that fits no square feature map, or not that of the pictures' size
 */
export async function findOnnx(
  model: OnnxModel,
  { preprocess: asked }: AskedPixels = {},
): Promise<FoundVgg16> {
  const walk = followPicture(model);
  checkTopology(walk);
  const stepsOf = (letter: StepLetter) => walk.steps.filter((step) => step.letter === letter);
  const convs = await Promise.all(stepsOf('C').map((step) => withChanges(plainLayer(step), step, 'CHW')));
  const denseSteps = stepsOf('D');
  const [first, ...others] = denseSteps.map(plainLayer);
  const size = pictureSize(walk);
  const features = FEATURE_LAYERS[walk.steps.filter(({ letter }) => letter === 'P').length - 1]!;
  const pool = poolOf(walk, size, features);
  const channels = convs.at(-1)!.kernel.shape[0]!;
  const inputs = first && sizeOf(first.kernel.shape.slice(1));
  const stated = first && size && statedInput(size, { pool, channels, inputs, features }, 'the graph');
  const unfolded = first
    ? [isFlattened(pool) ? withMapInput(walk, first, convs.at(-1)!) : first, ...others]
    : [];
  const dense = await Promise.all(
    unfolded.map((layer, i) => withChanges(layer, denseSteps[i]!, walk.flattenOrder)),
  );
  const isTensorFlow = /tf2onnx|keras|tensorflow/i.test(model.producer) || walk.inputLayout === 'NHWC';
  const guess = isTensorFlow ? 'caffe' : 'torchvision';
  const prepared = asked === undefined ? await preparedBy(walk) : undefined;
  const guessedBy = isTensorFlow
    ? "the graph, which is TensorFlow's"
    : "the graph, which is not TensorFlow's";
  return {
    convs,
    dense,
    pool,
    ...(prepared ? { preprocess: exactly(model, prepared.preprocess) } : { preprocess: guess, guessedBy }),
    isPublished: dense.length === 0,
    input: { ...stated?.input, ...(features !== FEATURE_LAYERS.at(-1) && { features }) },
    activation: activationOf(walk),
    classes: classesIn(model, dense.at(-1)?.kernel.shape[0]),
    notes: [
      ...(walk.steps.some(({ letter }) => letter === 'M') ? [ARGMAX_NOTE] : []),
      ...(prepared?.notes ?? []),
      ...(stated?.notes ?? []),
    ],
  };
}

/** The text of our own export, where it is the same arithmetic as the graph's, whose numbers are singles. */
function exactly({ metadata }: OnnxModel, preprocess: Preprocess): Preprocess {
  const said = parsePreprocess(metadata?.preprocess ?? '');
  return said && isSameArithmetic(said, preprocess) ? said : preprocess;
}

/** The classes that its metadata name, as our own export does; undefined where they are not as many as the outputs. */
function classesIn({ metadata }: OnnxModel, outputs: number | undefined): readonly string[] | undefined {
  const said = metadata?.classes;
  if (said === undefined || outputs === undefined) return undefined;
  try {
    const classes = parseClasses(said, (what) => new FileFault(what));
    return classes.length === outputs ? classes : undefined;
  } catch (error) {
    // Of another program's the same word may mean anything.
    if (error instanceof FileFault) return undefined;
    throw error;
  }
}

/** What the graph ends with says how classes relate; nothing does where it ends with the outputs themselves. */
function activationOf({ steps }: Walk): Activation | undefined {
  const last = steps.at(-1)?.letter;
  if (last === 'G') return 'sigmoid';
  return last === 'S' || last === 'M' ? 'softmax' : undefined;
}

/** @throws WeightsError for a maximum over windows that are not the whole map */
function poolOf({ model, steps }: Walk, size: PictureSize | undefined, features: FeatureLayer): Pool {
  const step = steps.find(({ letter }) => /[WAX]/.test(letter));
  if (!step) return 'flatten';
  const { letter, window, place } = step;
  if (letter === 'W') return `avg${window!}`;
  if (letter === 'A') return 'avg';
  const isWhole =
    size !== undefined && [size.height, size.width].every((side) => featureSideOf(side, features) === window);
  if (window === undefined || isWhole) return 'max';
  const pictures = size
    ? `pictures of ${size.height} x ${size.width} px have another`
    : 'the graph does not say how large pictures are';
  throw new WeightsError(
    `${model.path}: ${place}: in the head, a max pooling of ${window} x ${window} is supported where that is the whole feature ` +
      `map: ${pictures}`,
  );
}

/** Without what is done to its inputs and outputs. */
function plainLayer({ kernel, bias }: Step): FoundLayer {
  return { kernel: kernel!, bias: bias ?? zeros(kernel!.name, kernel!.shape[0]!) };
}

/** @throws WeightsError that says which network it is instead, as far as can be told */
function checkTopology({ model, steps }: Walk): void {
  const word = steps.map(({ letter }) => letter).join('');
  if (VGG16.test(word)) return;
  const blocks = word.split('P').map((block) => block.replaceAll(/[^C]/g, '').length);
  const counts = blocks.slice(0, -1).join(', ');
  const isBelow = /[FA]/.test(word) && BLOCKS.startsWith(counts) && counts !== '';
  if (counts !== BLOCKS && !isBelow) {
    throw new WeightsError(
      `${model.path}: not a VGG16: convolutions before each pooling: ${counts || 'none'}, VGG16's are ${BLOCKS}`,
    );
  }
  const stray = steps.find((_, i) => !isBeginning(word.slice(0, i + 1)));
  const where = stray ? `${stray.place} is out of place` : 'it ends with a ReLU';
  throw new WeightsError(
    `${model.path}: not a VGG16: ${where}; a ReLU follows each convolution and each dense layer but the last`,
  );
}

/** Whether a VGG16 may begin with these letters. */
function isBeginning(word: string): boolean {
  return (
    BASE.startsWith(word) ||
    BASES.some((base) => word.startsWith(base) && BEGINNING_OF_TOP.test(word.slice(base.length)))
  );
}

/** The first dense layer with its kernel (O,I) as (O,C,S,S). */
function withMapInput(
  { flattenOrder: order }: Walk,
  { kernel, bias }: FoundLayer,
  last: FoundLayer,
): FoundLayer {
  if (kernel.shape.length === 4) return { kernel, bias };
  const channels = last.kernel.shape[0]!;
  return { kernel: overSquareMap(kernel, { axis: 1, channels, order }), bias };
}
