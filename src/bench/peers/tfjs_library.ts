// The part of TensorFlow.js that the peers use, typed here and loaded when first asked for.
//
// Its own type declarations are kept out of the compiler's sight: they pull in @webgpu/types 0.1.38, whose
// globals merge with the current ones and take 'subgroups' and others away from the whole project.

import { UsageError } from '../../errors.js';
import { requireFrom } from './installed.js';

const CORE = '@tensorflow/tfjs-core';
const BACKENDS = ['cpu', 'wasm', 'webgpu'].map((name) => `@tensorflow/tfjs-backend-${name}`);

/** All of it from where its core is. @throws UsageError where it is not installed */
export function tfjsRequire(): NodeJS.Require {
  const require = requireFrom(CORE);
  if (!require)
    throw new UsageError(`TensorFlow.js is not installed: npm install ${[CORE, ...BACKENDS].join(' ')}`);
  return require;
}

function installed<T>(name: string): T {
  const require = tfjsRequire();
  try {
    return require(name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'MODULE_NOT_FOUND') throw error;
    throw new UsageError(`${name} is not installed: npm install ${name}`);
  }
}

/** An array on one of the backends, row-major float32. Freed by `dispose` only. */
export interface Tensor {
  readonly shape: readonly number[];
  /** Number of values. */
  readonly size: number;
  /** The backend's handle of the memory behind it. */
  readonly dataId: object;
  /** Starts the download at once; resolves with the values. */
  data(): Promise<Float32Array>;
  dispose(): void;
}

/** A tensor that an optimiser changes in place. */
export interface Variable extends Tensor {
  assign(value: Tensor): void;
}

export interface Optimizer {
  /** One step down the gradient of `loss`, a scalar. */
  minimize(loss: () => Tensor, returnCost: true, variables: readonly Variable[]): Tensor;
  dispose(): void;
}

/** x (N,H,W,C) · filter (3,3,C,O) · bias (O). */
interface FusedConv2d {
  x: Tensor;
  filter: Tensor;
  bias: Tensor;
  strides: 1;
  pad: 'same';
  activation: 'relu';
}

/** a (N,inputs) · b (inputs,outputs) · bias (outputs). */
interface FusedMatMul {
  a: Tensor;
  b: Tensor;
  bias: Tensor;
  activation: 'relu' | 'linear';
}

/** @tensorflow/tfjs-core. Operators run on the backend chosen last, and are issued before they return. */
export interface Tfjs {
  tensor(values: Float32Array, shape: readonly number[], dtype: 'float32'): Tensor;
  tensor(values: Int32Array, shape: readonly number[], dtype: 'int32'): Tensor;
  /** A variable with the value of `initial`, which it does not free. */
  variable(initial: Tensor): Variable;
  readonly fused: { conv2d(o: FusedConv2d): Tensor; matMul(o: FusedMatMul): Tensor };
  maxPool(x: Tensor, size: 2, strides: 2, pad: 'valid'): Tensor;
  softmax(x: Tensor): Tensor;
  reshape(x: Tensor, shape: readonly number[]): Tensor;
  matMul(a: Tensor, b: Tensor): Tensor;
  add(a: Tensor, b: Tensor): Tensor;
  relu(x: Tensor): Tensor;
  conv2d(x: Tensor, filter: Tensor, strides: 1, pad: 'same'): Tensor;
  mean(x: Tensor, axes: readonly number[]): Tensor;
  oneHot(indices: Tensor, depth: number): Tensor;
  readonly losses: { softmaxCrossEntropy(truth: Tensor, logits: Tensor): Tensor };
  readonly train: { momentum(lr: number, momentum: number): Optimizer };
  /** Frees what `work` made and does not return, also when it throws. */
  tidy<T extends Tensor | Tensor[]>(work: () => T): T;
  setBackend(name: string): Promise<boolean>;
  registerBackend(name: string, factory: () => object): boolean;
  removeBackend(name: string): void;
  copyRegisteredKernels(from: string, to: string): void;
  engine(): {
    /** One of its kernels, as its gradients call them. */
    runKernel(name: string, inputs: Readonly<Record<string, Tensor>>, attributes: object): Tensor;
  };
  env(): { getBool(flag: string): boolean; set(flag: string, value: boolean): void };
}

/** The instance behind `setBackend('wasm')`. */
export interface WasmBackend {
  /** Where in the wasm heap the values stand; 0 when its malloc failed. */
  getMemoryOffset(dataId: object): number;
}

/** What TensorFlow.js reads of an adapter: it has other tilings for Intel's. */
export type AdapterInfo = Pick<GPUAdapterInfo, 'vendor' | 'architecture'>;

/** What `@tensorflow/tfjs-backend-webgpu` exports. */
export interface WebgpuModule {
  WebGPUBackend: new (device: GPUDevice, adapterInfo: AdapterInfo) => WebgpuBackend;
}

/** Records dispatches, and submits them fifteen at a time or when something is read. */
export interface WebgpuBackend {
  uploadToGPU(dataId: object): void;
  ensureCommandEncoderReady(): void;
  endComputePassEncoder(): void;
  submitQueue(): void;
  /** Bytes of its buffers, those that it keeps for later too. */
  memory(): { numBytesAllocatedInGPU: number };
}

export function loadTfjs(): Tfjs & { findBackend(name: 'wasm'): WasmBackend } {
  return installed('@tensorflow/tfjs-core');
}

export function loadCpuKernels(): void {
  installed('@tensorflow/tfjs-backend-cpu');
}

export function loadWasmKernels(): void {
  installed('@tensorflow/tfjs-backend-wasm');
}

export function loadWebgpuModule(): WebgpuModule {
  return installed('@tensorflow/tfjs-backend-webgpu');
}
