// How a network's pixels are prepared, where its file does not say it: told by its numbers if they are known, else by the
// format and its names, which is a guess. What is not certain is said in a note.

import type { FoundLayer, FoundVgg16, NamedPreprocess, Preprocess } from './archive.js';
import { type Ancestor, ancestorOf, FILTER, placesIn } from './first_layer.js';
import { gather } from './gather.js';
import { arithmeticOf, PREPROCESSES, parsePreprocess } from './preprocess.js';
import type { Storage, StridedTensor } from './source.js';
import { sizeOf, wholeTensor } from './strided.js';

const WAYS: Readonly<Record<NamedPreprocess, string>> = {
  torchvision: 'torchvision (RGB, scaled by mean and deviation)',
  caffe: 'caffe (BGR, minus the mean)',
  unit: 'unit (RGB / 255)',
  signed: 'signed (RGB / 127.5 - 1)',
  raw: 'raw (RGB, 0 to 255)',
};

const ANCESTORS: Readonly<Record<Ancestor['preprocess'], string>> = {
  torchvision: "torchvision's",
  caffe: "the original network's, which was trained in Caffe",
};

/**
 * A network whose `preprocess` is settled: as is asked for, as its file says, as networks with its first convolution are
 * trained, or as dialects take for granted. Its kernels are put in the order that goes with it.
 *
 * @param said  how pixels are to be prepared, whatever the file says
 * @throws WeightsError where numbers cannot be read
 */
export async function settlePixels(found: FoundVgg16, said?: Preprocess): Promise<FoundVgg16> {
  const { convs, guessedBy, notes } = found;
  const asked = said === undefined ? undefined : parsePreprocess(said);
  if (asked === undefined && guessedBy === undefined) return found;
  const ancestor = await ancestorOf(convs[0]!);
  const own = ancestor?.preprocess ?? found.preprocess;
  const preprocess = asked ?? own;
  const { isRotated = false, isReversed = found.readsReversed ?? false } = ancestor ?? {};
  // Someone who trained them on with pixels of another kind gave them in the order that the kernels have.
  const isTurned = isReversed && preprocess === own;
  return {
    ...found,
    convs: convs.map((layer, i) => rearranged(layer, isTurned && i === 0, isRotated)),
    preprocess,
    preprocessNote: asked === undefined ? noteOf(found, ancestor) : undefined,
    notes: [
      ...notes,
      ...(isTurned ? [turnedNote(preprocess)] : []),
      ...(isRotated ? ['kernels are rotated by 180 degrees, as Theano has them; they are turned back'] : []),
    ],
  };
}

function turnedNote(preprocess: Preprocess): string {
  const [from, to] = arithmeticOf(preprocess).reverse ? ['RGB', 'BGR'] : ['BGR', 'RGB'];
  return `the first convolution's input channels, ${from}, are put in ${preprocess}'s order, ${to}`;
}

/** Nothing has to be said of a network that is, head and all, what its names promise. */
function noteOf(found: FoundVgg16, ancestor: Ancestor | undefined): string | undefined {
  if (!ancestor) return preprocessNote(found.preprocess, `going by ${found.guessedBy},`);
  if (found.isPublished && ancestor.preprocess === found.preprocess) return undefined;
  return preprocessNote(
    ancestor.preprocess,
    `its first convolution is ${ANCESTORS[ancestor.preprocess]}, so`,
  );
}

/** @param evidence  what it was told by: `going by its names,` */
function preprocessNote(preprocess: Preprocess, evidence: string): string {
  const others = PREPROCESSES.filter((way) => way !== preprocess);
  const way = WAYS[preprocess as NamedPreprocess] ?? preprocess;
  return (
    `the file does not say how pixels are prepared; ${evidence} ${way} is assumed; ` +
    `if that is wrong: --preprocess ${others.join(', ')} or a recipe in numbers`
  );
}

/** A layer whose kernel (O,I,3,3) has other input channels first, or its places in the opposite order. */
function rearranged(layer: FoundLayer, isReversed: boolean, isRotated: boolean): FoundLayer {
  const { kernel } = layer;
  // What has another shape is refused by whoever checks shapes.
  if (!(isReversed || isRotated) || kernel.shape.slice(2).join() !== '3,3') return layer;
  if (isReversed && kernel.shape[1] !== 3) return layer;
  const places = placesIn(isReversed, isRotated);
  // Rotating leaves each colour to itself, and deeper layers have more than three.
  return { ...layer, kernel: regrouped(kernel, isReversed ? places : places.slice(0, FILTER / 3)) };
}

/** The same numbers, row-major; in every group of as many as `places` has, number i is the one at `places[i]`. */
function regrouped(tensor: StridedTensor, places: readonly number[]): StridedTensor {
  const { name, shape, storage } = tensor;
  const group = places.length;
  const length = sizeOf(shape);
  const numbers = gather(tensor, length);
  const regroupedStorage: Storage = {
    ...storage,
    length,
    read: async (start, target) => {
      const first = Math.floor(start / group) * group;
      const whole = new Float32Array(Math.ceil((start + target.length) / group) * group - first);
      await numbers.read(first, whole);
      for (let i = 0; i < target.length; i++) {
        const at = start - first + i;
        target[i] = whole[at - (at % group) + places[at % group]!]!;
      }
    },
  };
  return wholeTensor(name, shape, regroupedStorage);
}
