// What a network is made of: operations that compute y from x, and the gradients back.

import { GpuError } from '../errors.js';
import type { Recorder } from '../gpu/recorder.js';
import type { Shape, Tensor } from '../gpu/tensor.js';
import type { Parameter } from './parameters.js';

/** What an operation's gradients are computed from, besides the gradient of its result. */
export type Kept = 'input' | 'output';

export interface BackwardArguments {
  /** What the operation read; undefined unless it keeps its `input`. */
  readonly x: Tensor | undefined;
  /** What it wrote; undefined unless it keeps its `output`. */
  readonly y: Tensor | undefined;
  /** The gradient of the loss by y; may be overwritten. */
  readonly dy: Tensor;
  /** Where the gradient by x goes; undefined where nobody wants it. dy itself, if the operation works in place. */
  readonly dx: Tensor | undefined;
}

/**
 * One operation of a network, on a batch. It records kernels and owns nothing: a recorder gives it its tensors, and the parameters
 * belong to whoever made them.
 */
export interface Operation {
  /** The layer's name: what errors begin with, and what is timed. */
  readonly name: string;
  /** Shape of y, (N,...), channels padded to quads. */
  outputShape(inputShape: Shape): Shape;
  /** Whether y is x, overwritten. */
  readonly inPlace?: boolean;
  /** Whether it is left out where nothing is trained. */
  readonly trainingOnly?: boolean;
  /** Those that `backward` gives gradients to. */
  readonly parameters?: readonly Parameter[];
  /** What `backward` reads besides dy, and nothing may overwrite before it. */
  readonly keeps: readonly Kept[];
  /** Waits for what `forward` needs besides its tensors, other forms of a kernel for instance. @throws GpuError */
  ready?(): Promise<void>;
  /** Records y = f(x). @throws GpuError where shapes do not fit each other or the adapter */
  forward(recorder: Recorder, x: Tensor, y: Tensor): void;
  /**
   * Records the gradients by the parameters, into `Parameter.gradient`, and by x. Undefined for what has none.
   *
   * @throws GpuError as `forward`
   */
  backward?(recorder: Recorder, args: BackwardArguments): void;
  /** One operation for this one and the next, whose result alone is written; undefined where there is none. */
  fuse?(next: Operation): Operation | undefined;
}

/** An operation that was recorded, with its tensors. */
export interface Recorded {
  readonly operation: Operation;
  readonly x: Tensor;
  readonly y: Tensor;
}

/**
 * Operations where some are one with the next: those that can be, unless somebody asks for the result in between.
 *
 * @param wanted  names of the operations whose results are asked for, by a reader or by a backward pass
 */
export function fused(operations: readonly Operation[], wanted: ReadonlySet<string>): Operation[] {
  const result: Operation[] = [];
  for (const operation of operations) {
    const before = result.at(-1);
    const one = before && !wanted.has(before.name) ? before.fuse?.(operation) : undefined;
    if (one) result[result.length - 1] = one;
    else result.push(operation);
  }
  return result;
}

/**
 * Records operations one after another, each a step of the plan.
 *
 * @param routes  of the plan through which all of them go, and those through which `trainingOnly` ones go
 * @param onOutput  told of each result while it may be read
 * @returns them with their tensors, the first of which reads x
 */
export function recordForward(
  recorder: Recorder,
  operations: readonly Operation[],
  x: Tensor,
  {
    routes,
    trainingRoutes = routes,
    onOutput,
  }: {
    readonly routes?: readonly string[];
    readonly trainingRoutes?: readonly string[] | undefined;
    readonly onOutput?: (operation: Operation, y: Tensor) => void;
  } = {},
): Recorded[] {
  const recorded: Recorded[] = [];
  for (const operation of operations) {
    const input = recorded.at(-1)?.y ?? x;
    const shape = operation.outputShape(input.shape);
    const y = operation.inPlace ? input : recorder.temporary(`${operation.name} output`, shape);
    const through = operation.trainingOnly ? trainingRoutes : routes;
    if (through) recorder.on(...through);
    recorder.step(operation.name);
    operation.forward(recorder, input, y);
    onOutput?.(operation, y);
    recorded.push({ operation, x: input, y });
  }
  return recorded;
}

/**
 * Records the gradients of operations, the last first, down to the lowest that has parameters.
 *
 * @param dy  the gradient of the loss by the last operation's result; overwritten
 * @throws GpuError for an operation without gradients in between
 */
export function recordBackward(recorder: Recorder, recorded: readonly Recorded[], dy: Tensor): void {
  const lowest = recorded.findIndex(({ operation }) => (operation.parameters ?? []).length > 0);
  let gradient = dy;
  for (let i = recorded.length - 1; i >= lowest; i--) {
    const { operation, x, y } = recorded[i]!;
    if (!operation.backward) throw new GpuError(`${operation.name}: has no gradients`);
    const dx =
      i === lowest
        ? undefined
        : operation.inPlace
          ? gradient
          : recorder.temporary(`${operation.name} input's gradient`, x.shape);
    recorder.step(`${operation.name} backward`);
    operation.backward(recorder, {
      x: operation.keeps.includes('input') ? x : undefined,
      y: operation.keeps.includes('output') ? y : undefined,
      dy: gradient,
      dx,
    });
    gradient = dx ?? gradient;
  }
}
