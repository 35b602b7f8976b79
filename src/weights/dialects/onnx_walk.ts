// The picture's way through an ONNX graph, node by node in the file's order: each is a step, a change of layout, or
// nothing. What is not on its way (shapes worked out for a Reshape) is let be, until a step should need it.

import { WeightsError } from '../../errors.js';
import type { OnnxModel, OnnxNode } from '../formats/onnx.js';
import { permuted } from '../strided.js';
import { listNames, quote } from '../text.js';
import { OPERATIONS } from './onnx_operations.js';
import { preparePixels } from './onnx_pixels.js';
import { checkNothingPending, nodeFault, type Walk } from './onnx_step.js';

/**
 * @throws WeightsError for branches, operations that no VGG16 has, and settings that VGG16's layers do not have
 */
export function followPicture(model: OnnxModel): Walk {
  const [value, ...others] = model.inputs;
  if (value === undefined || others.length > 0) {
    const found = listNames(model.inputs) || 'none';
    throw new WeightsError(`${model.path}: expected a graph with one input, the picture; found ${found}`);
  }
  const walk: Walk = {
    model,
    steps: [],
    pixels: [],
    weights: new Map(model.tensors),
    value,
    layout: 'NCHW',
    isFlat: false,
    inputLayout: 'NCHW',
    flattenOrder: 'CHW',
    pending: [],
  };
  const left = new Set<string>();
  for (const node of model.nodes) {
    if (node.op === 'Shape') continue;
    const isBranch = node.inputs.some((name) => left.has(name));
    if (isBranch) throw nodeFault(walk, node, 'the graph branches here, which no VGG16 does');
    if (!node.inputs.includes(walk.value)) {
      deriveWeights(walk, node);
      continue;
    }
    visit(walk, node);
    left.add(walk.value);
    walk.value = node.outputs[0] ?? '';
  }
  checkNothingPending(walk, 'the end of the graph');
  if (model.outputs.includes(walk.value)) return walk;
  throw new WeightsError(
    `${model.path}: the picture's way ends at ${quote(walk.value)}, which is no output of the graph ` +
      `(${listNames(model.outputs) || 'it has none'})`,
  );
}

function visit(walk: Walk, node: OnnxNode): void {
  if (walk.steps.length === 0 && preparePixels(walk, node)) return;
  // Arithmetic in front of all layers was pixels' and has not been understood.
  const isPixels = walk.steps.length === 0 && /^(Add|Sub|Mul|Div|BatchNormalization)$/.test(node.op);
  const operation = isPixels ? undefined : OPERATIONS.get(node.op);
  if (operation) {
    // A sum and a product may be said either way round.
    if (node.op !== 'Add' && node.op !== 'Mul' && node.inputs[0] !== walk.value) {
      throw nodeFault(walk, node, 'the picture is not its first input');
    }
    operation(walk, node);
    return;
  }
  if (/^QLinear|Integer$|quantizelinear$/i.test(node.op)) {
    throw nodeFault(walk, node, 'quantised networks are not supported; convert the model as it was before');
  }
  const fused = /^com\.microsoft\.Fused(Conv|Gemm)$/.exec(node.op)?.[1];
  if (fused !== undefined && node.attributes.get('activation') === 'Relu') {
    visit(walk, { ...node, op: fused });
    visit(walk, { ...node, op: 'Relu', inputs: [walk.value] });
    return;
  }
  if (node.op.startsWith('com.microsoft.')) {
    throw nodeFault(
      walk,
      node,
      "made by onnxruntime's optimiser, which is not supported: give the model as it was before",
    );
  }
  const isFirst = walk.steps.length === 0;
  const hint = isFirst
    ? '; where it prepares the picture, export the network without it, and say what it did by --preprocess (preprocess)'
    : '';
  throw nodeFault(walk, node, `no VGG16 has this operation${hint}`);
}

/** Weights may pass through nodes of their own before they are used. */
function deriveWeights(walk: Walk, node: OnnxNode): void {
  const [name = ''] = node.inputs;
  const tensor = walk.weights.get(name);
  const [output] = node.outputs;
  if (!tensor || output === undefined) return;
  if (node.op === 'Identity' || node.op === 'Cast') walk.weights.set(output, tensor);
  if (node.op !== 'Transpose') return;
  const reversed = tensor.shape.map((_, axis) => tensor.shape.length - 1 - axis);
  const axes = node.attributes.get('perm') ?? reversed;
  if (
    !Array.isArray(axes) ||
    axes.length !== reversed.length ||
    !reversed.every((axis) => axes.includes(axis))
  ) {
    throw nodeFault(walk, node, `impossible order of axes for ${quote(name)}`);
  }
  walk.weights.set(output, permuted(tensor, axes));
}
