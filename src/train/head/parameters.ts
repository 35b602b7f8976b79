// What training changes, on the GPU: each layer's kernel and bias with their gradients and the optimiser's moments.

import type { Gpu } from '../../gpu/gpu.js';
import type { OptimiserName } from '../options.js';
import type { HeadLayer } from './head_shape.js';
import { createMatrix, disposeMatrix, type Matrix } from './matrix.js';

/** A kernel (inputs,outputs) or a bias (outputs), in pieces that all its matrices are cut into alike. */
export interface Parameter {
  /** `fc1.kernel`, `fc1.bias`, ... */
  readonly name: string;
  readonly isKernel: boolean;
  readonly w: Matrix;
  readonly dw: Matrix;
  /** SGD's momentum, or AdamW's mean of the gradient and of its square. */
  readonly moments: readonly Matrix[];
}

export interface LayerParameters {
  readonly layer: HeadLayer;
  readonly kernel: Parameter;
  readonly bias: Parameter;
}

/** What moments are called, behind their parameter's name. */
const MOMENT_NAMES = { sgd: ['m'], adamw: ['m', 'v'] } as const;

/** All zero. @throws GpuError where memory is short; nothing is left behind then */
export async function createParameters(
  gpu: Gpu,
  layers: readonly HeadLayer[],
  optimiser: OptimiserName,
): Promise<LayerParameters[]> {
  const owned: Matrix[] = [];
  const create = async (label: string, shape: Matrix['shape']) => {
    const matrix = await createMatrix(gpu, label, shape);
    owned.push(matrix);
    return matrix;
  };
  const parameter = async (name: string, shape: Matrix['shape']): Promise<Parameter> => {
    const w = await create(name, shape);
    const dw = await create(`${name} gradient`, shape);
    const states: Matrix[] = [];
    for (const moment of MOMENT_NAMES[optimiser]) states.push(await create(`${name}.${moment}`, shape));
    return { name, isKernel: shape.length === 2, w, dw, moments: states };
  };
  try {
    const parameters: LayerParameters[] = [];
    for (const layer of layers) {
      const { name, inputs, outputs } = layer;
      const kernel = await parameter(`${name}.kernel`, [inputs, outputs]);
      parameters.push({ layer, kernel, bias: await parameter(`${name}.bias`, [outputs]) });
    }
    return parameters;
  } catch (error) {
    owned.forEach(disposeMatrix);
    throw error;
  }
}

export function disposeParameters(parameters: readonly LayerParameters[]): void {
  for (const { kernel, bias } of parameters) {
    for (const { w, dw, moments } of [kernel, bias]) [w, dw, ...moments].forEach(disposeMatrix);
  }
}

/** The matrices that a checkpoint needs, by their labels, in a fixed order. */
export function stateOf(parameters: readonly LayerParameters[]): Map<string, Matrix> {
  const matrices = parameters.flatMap(({ kernel, bias }) =>
    [kernel, bias].flatMap(({ w, moments }) => [w, ...moments]),
  );
  return new Map(matrices.map((matrix) => [matrix.label, matrix]));
}
