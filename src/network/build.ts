// A network's layers as operations: which kernels each takes.

import { isPooled } from '../architecture.js';
import type { Gpu } from '../gpu/gpu.js';
import { type Conv3x3Choice, defaultConv3x3 } from '../kernels/conv3x3/candidates.js';
import type { Conv3x3Rung } from '../kernels/conv3x3/rungs.js';
import type { Conv3x3BackwardRung } from '../kernels/conv3x3_backward/rungs.js';
import { defaultLinear, type LinearChoice } from '../kernels/linear/candidates.js';
import type { LinearRung } from '../kernels/linear/linear.js';
import { padToQuad } from '../kernels/shapes.js';
import { Choices, type ConvShape, type DenseShape } from './choices.js';
import type { PlannedLayer } from './layers.js';
import type { Operation } from './operation.js';
import { Conv3x3 } from './operations/conv3x3.js';
import { Linear } from './operations/linear.js';
import { AvgPool, MaxPool, MaxPool2x2 } from './operations/pooling.js';
import { Softmax } from './operations/softmax.js';
import type { Parameters } from './parameters.js';

/** Which rung of each ladder all layers alike take. */
export interface Rungs {
  readonly conv3x3?: Conv3x3Rung;
  readonly linear?: LinearRung;
}

/** And which those of a training step. */
export interface TrainingRungs extends Rungs {
  /** Of the gradient by a convolution's kernel. That by its input takes `conv3x3`. */
  readonly conv3x3Backward?: Conv3x3BackwardRung;
}

/** Which kernels are taken: the rungs that are named; else what was chosen for a shape by measuring; else the default. */
export interface KernelWishes {
  readonly rungs?: TrainingRungs;
  readonly choices?: Choices | undefined;
  /** The batch whose choices count, where it is not the plan's own. */
  readonly choicesFor?: number;
}

/** A layer whose kernel is chosen. */
export interface ChosenLayer {
  readonly layer: PlannedLayer;
  /** Of a convolution. */
  readonly conv?: Conv3x3Choice;
  /** Of a dense layer. */
  readonly dense?: LinearChoice;
}

export function convShapeOf(
  { name, inputShape, shape }: Pick<PlannedLayer, 'name' | 'inputShape' | 'shape'>,
  N: number,
): ConvShape {
  const [H, W, C] = inputShape as [number, number, number];
  return { N, H, W, C: padToQuad(C), O: padToQuad(shape[2]!), pooled: isPooled(name) };
}

/** The depth is that of the layer's input with its channels padded. */
export function denseShapeOf({ inputShape, shape }: PlannedLayer, N: number): DenseShape {
  const D = paddedShape(1, inputShape).reduce((product, side) => product * side, 1);
  return { N, D, O: padToQuad(shape[0]!) };
}

export function conv3x3Choice(
  gpu: Gpu,
  shape: ConvShape,
  { rungs, choices = Choices.NONE }: KernelWishes,
): Conv3x3Choice {
  if (rungs?.conv3x3) return { rung: rungs.conv3x3 };
  return choices.forConv3x3(shape) ?? defaultConv3x3(gpu, shape);
}

/** @param rows  that are really computed, where the choice is that for another batch */
export function linearChoice(
  gpu: Gpu,
  shape: DenseShape,
  { rungs, choices = Choices.NONE }: KernelWishes,
  rows = shape.N,
): LinearChoice {
  if (rungs?.linear) return { rung: rungs.linear };
  return choices.forLinear(shape) ?? defaultLinear(gpu, { N: rows });
}

/** The kernels of layers, for a batch. */
export function chooseKernels(
  gpu: Gpu,
  layers: readonly PlannedLayer[],
  batch: number,
  { choicesFor = batch, ...wishes }: KernelWishes,
): ChosenLayer[] {
  return layers.map((layer) => {
    switch (layer.operation) {
      case 'conv3x3':
        return { layer, conv: conv3x3Choice(gpu, convShapeOf(layer, choicesFor), wishes) };
      case 'linear':
        return { layer, dense: linearChoice(gpu, denseShapeOf(layer, choicesFor), wishes, batch) };
      default:
        return { layer };
    }
  });
}

/** Which kernels compute these layers, as a text: where it is the same, they round alike. */
export function kernelsText(
  gpu: Gpu,
  layers: readonly PlannedLayer[],
  { batch, ...wishes }: KernelWishes & { readonly batch: number },
): string {
  return chooseKernels(gpu, layers, batch, wishes).map(kernelText).join(' ');
}

/** The amount of scratch is left out: it decides what is computed when, not how. */
function kernelText({ layer: { name }, conv, dense }: ChosenLayer): string {
  const { rung, tiling = {} }: Partial<Conv3x3Choice> = conv ?? {};
  return JSON.stringify([name, rung, Object.entries(tiling).sort(), dense]);
}

/** A layer as an operation on these parameters. @param rungs  of its gradients */
export function operationOf(
  { layer, conv, dense }: ChosenLayer,
  parameters: Parameters,
  rungs: TrainingRungs = {},
): Operation {
  const { name, operation, window, relu, shape } = layer;
  switch (operation) {
    case 'conv3x3':
      return new Conv3x3({
        ...{ name, parameters: parameters.layer(name), choice: conv!, relu },
        backward: {
          ...(rungs.conv3x3 && { input: { rung: rungs.conv3x3 } }),
          ...(rungs.conv3x3Backward && { kernel: { rung: rungs.conv3x3Backward } }),
        },
      });
    case 'maxpool2x2':
      return new MaxPool2x2(name);
    case 'avgpool':
      return new AvgPool(name, window);
    case 'maxpool':
      return new MaxPool(name);
    case 'linear':
      return new Linear({ name, parameters: parameters.layer(name), choice: dense, relu });
    case 'softmax':
      return new Softmax(name, shape[0]!);
  }
}

/** Of a batch, with channels padded to quads. */
export function paddedShape(batch: number, shape: readonly number[]): number[] {
  return [batch, ...shape.slice(0, -1), padToQuad(shape.at(-1)!)];
}
