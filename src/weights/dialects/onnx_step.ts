// How far a picture has come on its way through an ONNX graph, the steps that it has made, and what is expected of a node.

import { WeightsError } from '../../errors.js';
import type { OnnxModel, OnnxNode } from '../formats/onnx.js';
import type { Change } from '../normalised.js';
import type { StridedTensor } from '../source.js';
import { quote } from '../text.js';

/**
 * C convolution, R ReLU, P pooling; in front of a head F flattening, W averages of windows, A average and X maximum of the whole map;
 * D dense layer, S softmax, G sigmoid, M place of the largest output
 */
export type StepLetter = 'C' | 'R' | 'P' | 'F' | 'W' | 'A' | 'X' | 'D' | 'S' | 'G' | 'M';

export interface Step {
  readonly letter: StepLetter;
  /** For messages: `node "Relu_1" (Relu)`. */
  readonly place: string;
  /** A convolution's (O,I,3,3); a dense layer's (O,I), or (O,C,S,S) where it is a convolution of the whole map. */
  readonly kernel?: StridedTensor | undefined;
  /** (O); missing until it is added by a node of its own. */
  readonly bias?: StridedTensor | undefined;
  /** Side of the windows of W; of X, the side that the map must have, where the graph does not ask for all of it. */
  readonly window?: number | undefined;
  /** What is done to a dense layer's inputs, and to a layer's outputs before its ReLU, in that order. */
  readonly inFront?: readonly Change[];
  readonly behind?: readonly Change[];
}

/** An operation on pixels in front of the first convolution. */
export interface PixelStep {
  readonly place: string;
  readonly kind: 'add' | 'subtract' | 'multiply' | 'divide' | 'reverse';
  /** The other operand: one number, or one for each channel. */
  readonly operand?: StridedTensor;
  /** Counted from the end, the axis that the operation takes for the channels; undefined where any will do. */
  readonly axisFromEnd: number | undefined;
  /** Whether the picture's axes had been brought into the order N,C,H,W by then. */
  readonly isTransposed: boolean;
}

/** How far the picture has come. */
export interface Walk {
  readonly model: OnnxModel;
  readonly steps: Step[];
  readonly pixels: PixelStep[];
  /** Stored weights, and views of them that nodes make. */
  readonly weights: Map<string, StridedTensor>;
  /** The picture's name, or that of what has become of it. */
  value: string;
  layout: 'NCHW' | 'NHWC';
  /** A row for each picture, or a map of one pixel: its layout no longer matters. */
  isFlat: boolean;
  inputLayout: 'NCHW' | 'NHWC';
  flattenOrder: 'CHW' | 'HWC';
  /** What is done to the inputs of the dense layer that comes next. */
  pending: Change[];
}

/** What a node does to a walk. @throws WeightsError for settings that are not VGG16's */
export type Operation = (walk: Walk, node: OnnxNode) => void;

export function nodeFault({ model }: Pick<Walk, 'model'>, node: OnnxNode, what: string): WeightsError {
  return new WeightsError(`${model.path}: ${placeOf(node)}: ${what}`);
}

export function placeOf({ name, op, outputs }: OnnxNode): string {
  return `node ${quote(name || (outputs[0] ?? ''))}, ${quote(op).slice(1, -1)}`;
}

export function push(
  walk: Walk,
  node: OnnxNode,
  letter: StepLetter,
  layer: Pick<Step, 'kernel' | 'bias' | 'window'> = {},
): void {
  // Flattening and averaging leave a scale and a shift for each channel to the dense layer behind.
  if (!/[DFWA]/.test(letter)) checkNothingPending(walk, placeOf(node));
  const inFront = letter === 'D' ? walk.pending.splice(0) : [];
  walk.steps.push({ letter, place: placeOf(node), ...layer, ...(inFront.length > 0 && { inFront }) });
}

/** @param place  what comes instead of a dense layer */
export function checkNothingPending(walk: Walk, place: string): void {
  if (walk.pending.length === 0) return;
  const what = 'a normalisation, or a product or sum, that no dense layer follows, which no VGG16 has';
  throw new WeightsError(`${walk.model.path}: ${place}: ${what}`);
}

/** @throws WeightsError where a node is set otherwise; what it does not say has its default */
export function expectSettings(
  walk: Walk,
  node: OnnxNode,
  expected: Readonly<Record<string, readonly (string | number)[]>>,
) {
  for (const [name, wanted] of Object.entries(expected)) {
    const found = [node.attributes.get(name) ?? wanted].flat();
    if (found.length !== wanted.length || !found.every((value, i) => value === wanted[i])) {
      const said = found.map((value) => (typeof value === 'string' ? quote(value) : value));
      throw nodeFault(walk, node, `${name} is ${said.join(', ')}, VGG16's is ${wanted.join(', ')}`);
    }
  }
}

export function expectChannelsFirst(walk: Walk, node: OnnxNode): void {
  if (walk.layout === 'NCHW' && !walk.isFlat) return;
  throw nodeFault(walk, node, `expected a feature map in the layout N,C,H,W`);
}

export function isUnpadded({ attributes }: OnnxNode): boolean {
  const mode = attributes.get('auto_pad') ?? 'NOTSET';
  const pads = [attributes.get('pads') ?? 0].flat();
  return mode === 'VALID' || (mode === 'NOTSET' && pads.every((pad) => pad === 0));
}
