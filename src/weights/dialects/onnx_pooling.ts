// What the poolings of an ONNX graph mean to VGG16: its own five, and what a head may begin with.

import { FEATURE_LAYERS } from '../../architecture.js';
import type { OnnxNode } from '../formats/onnx.js';
import {
  expectChannelsFirst,
  expectSettings,
  isUnpadded,
  nodeFault,
  type Operation,
  push,
  type Walk,
} from './onnx_step.js';

/** PyTorch exports every AvgPool2d with a border, which may be none. */
export function pad(walk: Walk, node: OnnxNode): void {
  const pads = node.attributes.get('pads') ?? walk.model.integers.get(node.inputs[1] ?? '') ?? ['unknown'];
  if ([pads].flat().every((width) => width === 0)) return;
  throw nodeFault(walk, node, 'a border in a layer of its own, which no VGG16 has');
}

export function pool(walk: Walk, node: OnnxNode): void {
  expectChannelsFirst(walk, node);
  const poolings = walk.steps.filter(({ letter }) => letter === 'P').length;
  if (poolings === FEATURE_LAYERS.length && walk.steps.at(-1)!.letter === 'P') {
    // An adaptive pooling to one pixel is exported as one of windows as large as the map.
    push(walk, node, 'X', { window: windowSide(walk, node) });
    walk.isFlat = true;
    return;
  }
  if (!isUnpadded(node)) throw nodeFault(walk, node, "a pooling with a border, VGG16's have none");
  const strides = node.attributes.get('strides') ?? [1, 1];
  const attributes = new Map(node.attributes).set('strides', strides);
  expectSettings(
    walk,
    { ...node, attributes },
    { kernel_shape: [2, 2], strides: [2, 2], dilations: [1, 1], ceil_mode: [0] },
  );
  push(walk, node, 'P');
}

/** PyTorch's adaptive pooling of a 7 x 7 map to 7 x 7 is exported as a pooling of single pixels. */
export function averagePool(walk: Walk, node: OnnxNode): void {
  if (walk.isFlat) return; // of a single pixel
  expectChannelsFirst(walk, node);
  const window = windowSide(walk, node);
  if (window > 1) push(walk, node, 'W', { window });
}

/** Side of a pooling's windows, which are square and do not overlap. @throws WeightsError for others */
function windowSide(walk: Walk, node: OnnxNode): number {
  expectSettings(walk, node, { dilations: [1, 1], ceil_mode: [0] });
  const [rows, columns] = [node.attributes.get('kernel_shape') ?? 0].flat();
  const strides = [node.attributes.get('strides') ?? [1, 1]].flat();
  const isPlain = isUnpadded(node) && rows === columns && strides.join() === [rows, columns].join();
  if (isPlain && Number(rows) > 0) return Number(rows);
  throw nodeFault(
    walk,
    node,
    'windows that are not square, or overlap, or have a border, are not supported in a head',
  );
}

/** The average or the maximum of the whole map. */
export function wholeMap(letter: 'A' | 'X'): Operation {
  return (walk, node) => {
    if (walk.isFlat) return; // of a single pixel
    push(walk, node, letter);
    walk.isFlat = true;
  };
}

export function reducing(letter: 'A' | 'X'): Operation {
  return (walk, node) => {
    const axes = node.attributes.get('axes') ?? walk.model.integers.get(node.inputs[1] ?? '') ?? [];
    const found = [axes].flat().map((axis) => (Number(axis) + 4) % 4);
    if (found.sort().join() !== (walk.layout === 'NCHW' ? '2,3' : '1,2'))
      throw nodeFault(walk, node, 'reduces other axes than height and width');
    wholeMap(letter)(walk, node);
  };
}
