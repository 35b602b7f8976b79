// What the operations of an ONNX graph mean to VGG16: each moves a walk by a step, or refuses what VGG16 does not do.

import type { OnnxNode } from '../formats/onnx.js';
import type { Change } from '../normalised.js';
import type { StridedTensor } from '../source.js';
import { permuted } from '../strided.js';
import { formatShape, quote } from '../text.js';
import { averagePool, pad, pool, reducing, wholeMap } from './onnx_pooling.js';
import {
  expectChannelsFirst,
  expectSettings,
  isUnpadded,
  nodeFault,
  type Operation,
  push,
  type Step,
  type StepLetter,
  type Walk,
} from './onnx_step.js';

/** Has no effect on the numbers when a picture is classified. */
const pass: Operation = () => {};

export const OPERATIONS: ReadonlyMap<string, Operation> = new Map<string, Operation>([
  ['Conv', convolve],
  ['Relu', plainStep('R')],
  ['Pad', pad],
  ['MaxPool', pool],
  ['AveragePool', averagePool],
  ['GlobalAveragePool', wholeMap('A')],
  ['GlobalMaxPool', wholeMap('X')],
  ['ReduceMean', reducing('A')],
  ['ReduceMax', reducing('X')],
  ['Flatten', flatten],
  ['Reshape', reshape],
  ['Squeeze', squeeze],
  ['Transpose', transpose],
  ['Gemm', gemm],
  ['MatMul', matMul],
  ['Add', add],
  ['Sub', changing('subtract')],
  ['Mul', changing('multiply')],
  ['Div', changing('divide')],
  ['BatchNormalization', normalise],
  ['Softmax', ofClasses('S')],
  // The logarithm keeps their order, and is undone by the probabilities that are worked out here.
  ['LogSoftmax', ofClasses('S')],
  ['Sigmoid', plainStep('G')],
  ['ArgMax', ofClasses('M')],
  ['Dropout', pass],
  ['Identity', pass],
  ['Cast', pass],
]);

const TO_NHWC = [0, 2, 3, 1];
const TO_NCHW = [0, 3, 1, 2];

function plainStep(letter: StepLetter): Operation {
  return (walk, node) => push(walk, node, letter);
}

/** What compares the classes of one picture: along the last axis of (picture, class). */
function ofClasses(letter: StepLetter): Operation {
  return (walk, node) => {
    const axis = node.attributes.get('axis') ?? (letter === 'M' ? 0 : 1);
    if (axis !== 1 && axis !== -1)
      throw nodeFault(walk, node, `axis is ${axis}, expected 1, the classes of a picture`);
    push(walk, node, letter);
  };
}

/** The weights that a node has as its input number `index`. */
function weightsOf(walk: Walk, node: OnnxNode, index: number, rank: number): StridedTensor {
  const name = node.inputs[index] ?? '';
  const tensor = walk.weights.get(name);
  if (!tensor) {
    const what = `its weights ${quote(name)} are not stored as floating point numbers`;
    throw nodeFault(walk, node, `${what} (quantised and computed ones are not supported)`);
  }
  if (tensor.shape.length === rank) return tensor;
  throw nodeFault(
    walk,
    node,
    `tensor ${quote(name)}: expected ${rank} dimensions, found shape ${formatShape(tensor.shape)}`,
  );
}

/** The bias as (O), where it has one element for each output on one of its axes and size 1 on the others. */
function biasView(
  walk: Walk,
  node: OnnxNode,
  index: number,
  outputs: number,
  axisFromEnd: number,
): StridedTensor {
  const name = node.inputs[index] ?? '';
  const tensor = walk.weights.get(name);
  if (!tensor) throw nodeFault(walk, node, `its bias ${quote(name)} is not stored as floating point numbers`);
  const { shape, strides } = tensor;
  const axis = shape.length - axisFromEnd;
  if (shape.every((size, i) => size === (i === axis ? outputs : 1)) && axis >= 0) {
    return { ...tensor, shape: [outputs], strides: [strides[axis]!] };
  }
  throw nodeFault(
    walk,
    node,
    `tensor ${quote(name)}: expected a bias of ${outputs} numbers, found shape ${formatShape(shape)}`,
  );
}

function weightsAt(walk: Walk, node: OnnxNode, index: number): StridedTensor {
  const name = node.inputs[index] ?? '';
  const tensor = walk.weights.get(name);
  if (tensor) return tensor;
  throw nodeFault(walk, node, `${quote(name)} is not stored as floating point numbers`);
}

/** tf2onnx takes normalisation in the head apart: it multiplies and adds. */
function changing(kind: 'subtract' | 'multiply' | 'divide'): Operation {
  return (walk, node) => {
    if (!walk.isFlat) throw nodeFault(walk, node, 'no VGG16 has this operation between its convolutions');
    const operand = weightsAt(walk, node, node.inputs[0] === walk.value ? 1 : 0);
    change(walk, node, { kind, operand });
  };
}

function normalise(walk: Walk, node: OnnxNode): void {
  if (!walk.isFlat) expectChannelsFirst(walk, node);
  expectSettings(walk, node, { training_mode: [0] });
  const [gamma, beta, mean, variance] = [1, 2, 3, 4].map((index) => weightsAt(walk, node, index));
  const epsilon = Number(node.attributes.get('epsilon') ?? 1e-5);
  const norm = { gamma: gamma!, beta: beta!, mean: mean!, variance: variance!, epsilon };
  change(walk, node, { kind: 'normalise', norm });
}

/** A change of a layer's outputs goes to that layer, a later one to the dense layer that comes next. */
function change(walk: Walk, node: OnnxNode, what: Change): void {
  const last = walk.steps.at(-1);
  if (!last) throw nodeFault(walk, node, 'no VGG16 has this operation in front of its convolutions');
  if (last.kernel && walk.pending.length === 0) {
    walk.steps[walk.steps.length - 1] = { ...last, behind: [...(last.behind ?? []), what] };
    return;
  }
  const isOfPooling = /[PFWA]/.test(last.letter);
  if (!(walk.isFlat || isOfPooling)) {
    throw nodeFault(
      walk,
      node,
      'a normalisation between a ReLU and the next convolution, whose padding it does not reach, is not supported',
    );
  }
  walk.pending.push(what);
}

function convolve(walk: Walk, node: OnnxNode): void {
  const kernel = weightsOf(walk, node, 1, 4);
  const [outputs, inputs, height, width] = kernel.shape as [number, number, number, number];
  expectSettings(walk, node, {
    kernel_shape: [height, width],
    strides: [1, 1],
    dilations: [1, 1],
    group: [1],
  });
  const bias = node.inputs[2] ? biasView(walk, node, 2, outputs, 1) : undefined;
  if (height === 3 && width === 3 && !isUnpadded(node)) {
    expectChannelsFirst(walk, node);
    // SAME pads a 3x3 convolution of stride 1 by one on each side.
    const isSame = node.attributes.get('auto_pad')?.toString().startsWith('SAME_');
    if (!isSame) expectSettings(walk, node, { auto_pad: ['NOTSET'], pads: [1, 1, 1, 1] });
    push(walk, node, 'C', { kernel, bias });
    return;
  }
  denseConvolution(walk, node, { kernel, bias }, [outputs, inputs, height, width]);
}

/** A dense layer written as a convolution, as timm writes fc1 and fc2: of the whole map, then of a single pixel. */
function denseConvolution(
  walk: Walk,
  node: OnnxNode,
  { kernel, bias }: { kernel: StridedTensor; bias: StridedTensor | undefined },
  [outputs, inputs, height, width]: readonly [number, number, number, number],
): void {
  const isOfPixel = walk.isFlat && height === 1 && width === 1;
  const isOfMap = !walk.isFlat && height === width && walk.steps.at(-1)?.letter === 'P';
  if (!isUnpadded(node) || !(isOfPixel || isOfMap)) {
    throw nodeFault(walk, node, `a kernel of ${height} x ${width}, VGG16's are 3 x 3 with a border of 1`);
  }
  if (isOfMap) {
    expectChannelsFirst(walk, node);
    push(walk, node, 'F');
    walk.isFlat = true;
    push(walk, node, 'D', { kernel, bias });
    return;
  }
  const strides = kernel.strides.slice(0, 2);
  push(walk, node, 'D', { kernel: { ...kernel, shape: [outputs, inputs], strides }, bias });
}

function flatten(walk: Walk, node: OnnxNode): void {
  expectSettings(walk, node, { axis: [1] });
  toRow(walk, node);
}

function reshape(walk: Walk, node: OnnxNode): void {
  // Shapes that are worked out from the picture's size are not known; the dense layer behind shows what they are.
  const shape = walk.model.integers.get(node.inputs[1] ?? '');
  if (shape && shape.length !== 2 && !walk.isFlat) {
    throw nodeFault(walk, node, `reshapes to ${formatShape(shape)}, expected a row for each picture`);
  }
  toRow(walk, node);
}

function toRow(walk: Walk, node: OnnxNode): void {
  if (walk.isFlat) return;
  push(walk, node, 'F');
  walk.flattenOrder = walk.layout === 'NCHW' ? 'CHW' : 'HWC';
  walk.isFlat = true;
}

function squeeze(walk: Walk, node: OnnxNode): void {
  if (!walk.isFlat) throw nodeFault(walk, node, 'takes axes away from a feature map');
}

function transpose(walk: Walk, node: OnnxNode): void {
  const axes = [node.attributes.get('perm') ?? 'none'].flat().join();
  if (walk.isFlat && axes.startsWith('0,')) return;
  if (axes === TO_NHWC.join() && walk.layout === 'NCHW') walk.layout = 'NHWC';
  else if (axes === TO_NCHW.join() && walk.layout === 'NHWC') walk.layout = 'NCHW';
  else if (axes === TO_NCHW.join() && walk.steps.length === 0) walk.inputLayout = 'NHWC';
  else throw nodeFault(walk, node, `an order of axes that no VGG16 needs (perm ${axes})`);
}

function gemm(walk: Walk, node: OnnxNode): void {
  expectSettings(walk, node, { alpha: [1], beta: [1], transA: [0] });
  const stored = weightsOf(walk, node, 1, 2);
  const kernel = node.attributes.get('transB') === 1 ? stored : permuted(stored, [1, 0]);
  const bias = node.inputs[2] ? biasView(walk, node, 2, kernel.shape[0]!, 1) : undefined;
  pushDense(walk, node, { kernel, bias });
}

function matMul(walk: Walk, node: OnnxNode): void {
  pushDense(walk, node, { kernel: permuted(weightsOf(walk, node, 1, 2), [1, 0]) });
}

function pushDense(walk: Walk, node: OnnxNode, layer: Pick<Step, 'kernel' | 'bias'>): void {
  if (!walk.isFlat)
    throw nodeFault(walk, node, 'a dense layer on a feature map that is neither flattened nor averaged');
  push(walk, node, 'D', layer);
}

/** Completes a layer without a bias, or shifts the outputs of a normalisation that the export has taken apart. */
function add(walk: Walk, node: OnnxNode): void {
  const last = walk.steps.at(-1);
  const index = node.inputs[0] === walk.value ? 1 : 0;
  if (walk.isFlat && (!last?.kernel || last.bias || last.behind)) {
    change(walk, node, { kind: 'add', operand: weightsAt(walk, node, index) });
    return;
  }
  if (!last?.kernel || last.bias || last.behind)
    throw nodeFault(walk, node, "adds what is no layer's bias, which no VGG16 does");
  const isMap = last.letter === 'C' && walk.layout === 'NCHW';
  const bias = biasView(walk, node, index, last.kernel.shape[0]!, isMap ? 3 : 1);
  walk.steps[walk.steps.length - 1] = { ...last, bias };
}
