// How far a picture has come on its way through an ONNX graph, and the steps that it has made.

import { WeightsError } from '../../errors.js';
import type { OnnxModel, OnnxNode } from '../formats/onnx.js';
import type { Change } from '../normalised.js';
import type { StridedTensor } from '../source.js';
import { quote } from '../text.js';

/** C convolution, R ReLU, P pooling, F flattening, A averaging, D dense layer, S softmax, G sigmoid, M place of the maximum */
export type StepLetter = 'C' | 'R' | 'P' | 'F' | 'A' | 'D' | 'S' | 'G' | 'M';

export interface Step {
  readonly letter: StepLetter;
  /** For messages: `node "Relu_1" (Relu)`. */
  readonly place: string;
  /** A convolution's (O,I,3,3); a dense layer's (O,I), or (O,C,S,S) where it is a convolution of the whole map. */
  readonly kernel?: StridedTensor | undefined;
  /** (O); missing until it is added by a node of its own. */
  readonly bias?: StridedTensor | undefined;
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

export function nodeFault({ model }: Pick<Walk, 'model'>, node: OnnxNode, what: string): WeightsError {
  return new WeightsError(`${model.path}: ${placeOf(node)}: ${what}`);
}

export function placeOf({ name, op, outputs }: OnnxNode): string {
  return `node ${quote(name || (outputs[0] ?? ''))}, ${quote(op).slice(1, -1)}`;
}
