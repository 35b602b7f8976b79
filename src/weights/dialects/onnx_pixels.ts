// What an ONNX graph does to pixels in front of its first convolution: arithmetic with constants, and turning RGB into BGR.
//
//   Sub(x, mean) Div(x, deviation)     PyTorch, whose input goes from 0 to 1
//   Div(x, 255) Sub(x, mean) ...       the same on bytes
//   Slice(x, channels, step -1) Add(x, -mean)   tf2onnx of Keras' preprocess_input

import { WeightsError } from '../../errors.js';
import type { Preprocess } from '../archive.js';
import type { OnnxNode } from '../formats/onnx.js';
import { gather } from '../gather.js';
import { sizeOf } from '../strided.js';
import { type PixelStep, placeOf, type Walk } from './onnx_step.js';
import {
  isUnchanged,
  mapText,
  type PixelMap,
  preparedAs,
  reordered,
  scaled,
  shifted,
  UNCHANGED,
} from './pixel_map.js';
import type { PictureSize } from './stated_size.js';

const KINDS: Readonly<Record<string, PixelStep['kind']>> = {
  Add: 'add',
  Sub: 'subtract',
  Mul: 'multiply',
  Div: 'divide',
};

const SWAPPED = [2, 1, 0];

/** Takes a node in front of the first convolution, if it prepares pixels in a way that is understood. */
export function preparePixels(walk: Walk, node: OnnxNode): boolean {
  const step = { place: placeOf(node), isTransposed: walk.inputLayout === 'NHWC' } as const;
  const kind = Object.hasOwn(KINDS, node.op) ? KINDS[node.op] : undefined;
  if (kind) {
    const isFirst = node.inputs[0] === walk.value;
    const operand = walk.weights.get(node.inputs[isFirst ? 1 : 0] ?? '');
    if (!operand || (!isFirst && kind !== 'add' && kind !== 'multiply')) return false;
    const axes = operand.shape.flatMap((size, axis) => (size === 1 ? [] : [operand.shape.length - axis]));
    const [axisFromEnd] = axes;
    if (axes.length > 1 || (axisFromEnd !== undefined && sizeOf(operand.shape) !== 3)) return false;
    walk.pixels.push({ ...step, kind, operand, axisFromEnd });
    return true;
  }
  const axis = reversedAxis(walk, node);
  if (axis === undefined) return false;
  walk.pixels.push({ ...step, kind: 'reverse', axisFromEnd: axis < 0 ? -axis : 4 - axis });
  return true;
}

/** The axis whose three elements a node puts in the opposite order. */
function reversedAxis({ model, value }: Walk, { op, inputs, attributes }: OnnxNode): number | undefined {
  if (inputs[0] !== value) return undefined;
  const integers = (index: number) => model.integers.get(inputs[index] ?? '');
  if (op === 'Gather') {
    return integers(1)?.join() === SWAPPED.join() ? Number(attributes.get('axis') ?? 0) : undefined;
  }
  if (op !== 'Slice' || integers(4)?.join() !== '-1') return undefined;
  const [start = 0] = integers(1) ?? [];
  const [end = 0] = integers(2) ?? [];
  const [axis, ...others] = integers(3) ?? [];
  // From the last one, or beyond it, to before the first.
  return others.length === 0 && (start === -1 || start >= 2) && end < -3 ? axis : undefined;
}

/**
 * How the graph prepares pixels; undefined where it leaves them alone.
 *
 * @throws WeightsError for arithmetic that is none of the known ways, and for axes that are not the channels'
 */
export async function preparedBy(
  walk: Walk,
): Promise<{ readonly preprocess: Preprocess; readonly notes: readonly string[] } | undefined> {
  const { model, pixels, inputLayout } = walk;
  const last = pixels.at(-1);
  if (!last) return undefined;
  const fault = (what: string) => new WeightsError(`${model.path}: ${what}`);
  let map = UNCHANGED;
  for (const step of pixels) {
    const channels = inputLayout === 'NCHW' || step.isTransposed ? 3 : 1;
    if (step.axisFromEnd !== undefined && step.axisFromEnd !== channels)
      throw fault(`${step.place}: works along an axis that is not the colours'`);
    map = await afterStep(map, step);
  }
  if (isUnchanged(map)) return undefined;
  const prepared = preparedAs(map, 'the graph');
  if (prepared) return prepared;
  throw fault(
    `${last.place}: pixels are prepared within the graph as ${mapText(map)}, which inverts or ` +
      'mixes colours: that is not supported',
  );
}

async function afterStep(map: PixelMap, { kind, operand }: PixelStep): Promise<PixelMap> {
  if (!operand) return reordered(map, SWAPPED);
  const values = new Float32Array(sizeOf(operand.shape));
  await gather(operand, values.length).read(0, values);
  const numbers = [...values];
  if (kind === 'add') return shifted(map, numbers);
  if (kind === 'subtract')
    return shifted(
      map,
      numbers.map((value) => -value),
    );
  return scaled(map, kind === 'multiply' ? numbers : numbers.map((value) => 1 / value));
}

/** The size of the pictures, where the graph's input says it. */
export function pictureSize({ model, inputLayout }: Walk): PictureSize | undefined {
  const shape = model.inputShapes.get(model.inputs[0]!) ?? [];
  const [height, width] =
    shape.length === 4 ? (inputLayout === 'NCHW' ? shape.slice(2) : shape.slice(1, 3)) : [];
  return height === undefined || width === undefined ? undefined : { height, width };
}
