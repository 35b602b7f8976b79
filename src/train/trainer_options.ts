// How a head is trained, step by step, and that it makes sense.

import { UsageError } from '../errors.js';
import { checkCount } from '../model/batches.js';
import type { HeadShape } from './head/head_shape.js';

/** As torch.optim.SGD, with dampening 0. */
export interface SgdOptions {
  readonly name: 'sgd';
  readonly momentum: number;
  readonly nesterov: boolean;
  /** Of kernels, never of biases. */
  readonly weightDecay: number;
}

/** As torch.optim.AdamW. */
export interface AdamwOptions {
  readonly name: 'adamw';
  readonly beta1?: number;
  readonly beta2?: number;
  readonly epsilon?: number;
  /** Of kernels, never of biases. */
  readonly weightDecay: number;
}

/** torch's. */
export const ADAMW_DEFAULTS = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8 } as const;

/** A feature becomes (feature - mean) * scale before the first layer sees it. */
export interface Standardisation {
  /** (inputs) */
  readonly mean: Float32Array;
  /** (inputs), as a rule 1 / deviation. */
  readonly scale: Float32Array;
}

export interface TrainerOptions {
  /** Rows of a full step. */
  readonly batch: number;
  /** Bytes that a step may take on the GPU; as much as it needs by default. See `planStep` for how it is kept. */
  readonly memory?: number | undefined;
  /** Learning rates of layers, by name, in those of a step; 1 by default. */
  readonly layerRates?: Readonly<Record<string, number>> | undefined;
  /** Share of each hidden layer's units that is left out of a training step, 0 to less than 1. */
  readonly dropout: number;
  readonly optimiser: SgdOptions | AdamwOptions;
  /** The gradient's largest norm, over all parameters together; undefined does not limit it. */
  readonly clipNorm?: number | undefined;
  /** Share of each row's truth that is spread over all classes, 0 to less than 1. */
  readonly labelSmoothing: number;
  /** What a row of each class counts for; 1 by default. */
  readonly classWeights?: readonly number[] | undefined;
  /** Biases that the last layer begins with; 0 by default. */
  readonly firstBiases?: readonly number[] | undefined;
  /** Of the first parameters and of dropout. */
  readonly seed: number;
  readonly standardisation?: Standardisation | undefined;
}

/** @throws UsageError for the first option that makes no sense */
export function checkTrainerOptions({ inputs, classes }: HeadShape, options: TrainerOptions): void {
  checkCount('batch', options.batch);
  if (options.memory !== undefined) checkPositive('memory', options.memory);
  for (const [layer, rate] of Object.entries(options.layerRates ?? {}))
    checkRate(`layerRates.${layer}`, rate);
  if (!Number.isSafeInteger(options.seed)) throw unfit('seed', options.seed, 'a whole number');
  checkShare('dropout', options.dropout);
  checkShare('labelSmoothing', options.labelSmoothing);
  if (options.clipNorm !== undefined) checkPositive('clipNorm', options.clipNorm);
  checkOptimiser(options.optimiser);
  if (options.classWeights) checkClassWeights(options.classWeights, classes);
  if (options.firstBiases) checkBiases(options.firstBiases, classes);
  if (options.standardisation) checkStandardisation(options.standardisation, inputs);
}

function checkOptimiser(optimiser: TrainerOptions['optimiser']): void {
  checkRate('weightDecay', optimiser.weightDecay);
  if (optimiser.name === 'sgd') {
    checkShare('momentum', optimiser.momentum);
    if (optimiser.nesterov && optimiser.momentum === 0) {
      throw new UsageError('nesterov looks ahead along the momentum; it needs a momentum above 0');
    }
    return;
  }
  checkShare('beta1', optimiser.beta1 ?? 0);
  checkShare('beta2', optimiser.beta2 ?? 0);
  if (optimiser.epsilon !== undefined) checkPositive('epsilon', optimiser.epsilon);
}

function checkClassWeights(weights: readonly number[], classes: number): void {
  if (weights.length !== classes) {
    throw new UsageError(`${weights.length} class weights for ${classes} classes`);
  }
  weights.forEach((weight, i) => {
    checkRate(`the weight of class ${i}`, weight);
  });
  if (weights.every((weight) => weight === 0)) throw new UsageError('every class weight is 0');
}

function checkBiases(biases: readonly number[], classes: number): void {
  if (biases.length !== classes) throw new UsageError(`${biases.length} first biases for ${classes} classes`);
  const wrong = biases.findIndex((bias) => !Number.isFinite(bias));
  if (wrong >= 0) throw unfit(`firstBiases[${wrong}]`, biases[wrong]!, 'a finite number');
}

function checkStandardisation({ mean, scale }: Standardisation, inputs: number): void {
  for (const [name, values] of Object.entries({ mean, scale })) {
    const place = `standardisation.${name}`;
    if (values.length !== inputs)
      throw new UsageError(`${place} has ${values.length} numbers for ${inputs} inputs`);
    const wrong = values.findIndex((value) => !Number.isFinite(value));
    if (wrong >= 0) throw unfit(`${place}[${wrong}]`, values[wrong]!, 'a finite number');
  }
}

/** @throws UsageError for what is no finite number of at least 0 */
export function checkRate(name: string, value: number): void {
  if (!(value >= 0 && Number.isFinite(value))) throw unfit(name, value, 'a finite number of at least 0');
}

function checkShare(name: string, value: number): void {
  if (!(value >= 0 && value < 1)) throw unfit(name, value, 'at least 0 and less than 1');
}

function checkPositive(name: string, value: number): void {
  if (!(value > 0 && Number.isFinite(value))) throw unfit(name, value, 'a finite number above 0');
}

function unfit(name: string, value: number, wanted: string): UsageError {
  return new UsageError(`${name} is ${value}; it must be ${wanted}`);
}
