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
  /** What else it wrote; undefined unless it has a `recordShape`. */
  readonly record: Tensor | undefined;
  /** The gradient of the loss by y; may be overwritten. */
  readonly dy: Tensor;
  /** Where the gradient by x goes; undefined where nobody wants it. dy itself, if the operation works in place. */
  readonly dx: Tensor | undefined;
  /** Whether dy is zero already wherever y is not above zero: the operation behind this one saw to it. */
  readonly isMasked: boolean;
  /** Whether dx is to be zero wherever x is not above zero. Only of an operation that `masksInput`. */
  readonly maskX: boolean;
  /** Whether gradients are added to what `Parameter.gradient` holds; false overwrites it. */
  readonly accumulate: boolean;
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
  /** Shape of what `forward` writes besides y where there will be a backward pass, in words; undefined writes nothing else. */
  recordShape?(inputShape: Shape): Shape | undefined;
  /**
   * Whether y is above zero or zero because of a ReLU: of its own, whose mask `backward` applies to dy, or of one before it
   * (`as its input`), which it only hands on.
   */
  readonly rectified?: boolean | 'as its input';
  /** Whether `backward` can apply the mask of the ReLU that gave x to dx as it writes it. */
  readonly masksInput?: boolean;
  /** Waits for what `forward` needs besides its tensors, other forms of a kernel for instance. @throws GpuError */
  ready?(): Promise<void>;
  /** Records y = f(x). @throws GpuError where shapes do not fit each other or the adapter */
  forward(recorder: Recorder, x: Tensor, y: Tensor, record?: Tensor): void;
  /**
   * Records the gradients by the parameters, into `Parameter.gradient`, and by x. Undefined for what has none.
   *
   * @throws GpuError as `forward`
   */
  backward?(recorder: Recorder, args: BackwardArguments): void;
  /**
   * One operation for this one and the next, whose result alone is written; undefined where there is none.
   *
   * @param trained  whether there will be a backward pass
   */
  fuse?(next: Operation, trained: boolean): Operation | undefined;
}

/** An operation that was recorded, with its tensors. */
export interface Recorded {
  readonly operation: Operation;
  readonly x: Tensor;
  readonly y: Tensor;
  readonly record: Tensor | undefined;
}

/**
 * Operations where some are one with the next: those that can be, unless somebody asks for the result in between.
 *
 * @param wanted  names of the operations whose results are asked for, by a reader or by a backward pass
 */
export function fused(
  operations: readonly Operation[],
  wanted: ReadonlySet<string>,
  { trained = false }: { readonly trained?: boolean } = {},
): Operation[] {
  const result: Operation[] = [];
  for (const operation of operations) {
    const before = result.at(-1);
    const one = before && !wanted.has(before.name) ? before.fuse?.(operation, trained) : undefined;
    if (one) result[result.length - 1] = one;
    else result.push(operation);
  }
  return result;
}

/**
 * Records operations one after another, each a step of the plan.
 *
 * @param routes  of the plan through which all of them go, and those through which `trainingOnly` ones go
 * @param trained  whether there will be a backward pass, for which some write down more
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
    trained = false,
    onOutput,
  }: {
    readonly routes?: readonly string[];
    readonly trainingRoutes?: readonly string[] | undefined;
    readonly trained?: boolean;
    readonly onOutput?: (operation: Operation, y: Tensor) => void;
  } = {},
): Recorded[] {
  const recorded: Recorded[] = [];
  for (const operation of operations) {
    const input = recorded.at(-1)?.y ?? x;
    const shape = operation.outputShape(input.shape);
    const y = operation.inPlace ? input : recorder.temporary(`${operation.name} output`, shape);
    const recordShape = trained ? operation.recordShape?.(input.shape) : undefined;
    const record = recordShape && recorder.temporary(`${operation.name} record`, recordShape);
    const through = operation.trainingOnly ? trainingRoutes : routes;
    if (through) recorder.on(...through);
    recorder.step(operation.name);
    operation.forward(recorder, input, y, record);
    onOutput?.(operation, y);
    recorded.push({ operation, x: input, y, record });
  }
  return recorded;
}

export interface BackwardOptions {
  /** Whether the gradient by what the first operation reads is wanted; false goes down to the lowest that has parameters. */
  readonly toInput?: boolean;
  /** Whether gradients of parameters are added to what is there. */
  readonly accumulate?: boolean;
  /** Whether a ReLU gave what the first operation reads. */
  readonly inputIsRectified?: boolean;
  /** Whether dy is zero already where the last result is not above zero. */
  readonly isMasked?: boolean;
  /** Names of the operations by whose results the gradient is asked for: they are not masked before their time. */
  readonly wanted?: ReadonlySet<string>;
  /** Told of the gradient by each operation's result, before it is overwritten; not of what is left out. */
  readonly onGradient?: (operation: Operation, dy: Tensor) => void;
}

/** The gradient by what the first operation read. */
export interface InputGradient {
  readonly dx: Tensor;
  /** Whether it is zero already where x is not above zero. */
  readonly isMasked: boolean;
}

/**
 * Records the gradients of operations, the last first.
 *
 * @param dy  the gradient of the loss by the last operation's result; overwritten
 * @returns the gradient by the first operation's input, if it is wanted
 * @throws GpuError for an operation without gradients in between
 */
export function recordBackward(
  recorder: Recorder,
  recorded: readonly Recorded[],
  dy: Tensor,
  options: BackwardOptions = {},
): InputGradient | undefined {
  const { toInput = false, accumulate = false, inputIsRectified = false, wanted, onGradient } = options;
  const rectified: boolean[] = [];
  for (const { operation } of recorded) {
    const before = rectified.at(-1) ?? inputIsRectified;
    rectified.push(operation.rectified === 'as its input' ? before : (operation.rectified ?? false));
  }
  const isNeeded = ({ operation: { name, parameters = [] } }: Recorded) =>
    parameters.length > 0 || wanted?.has(name);
  const lowest = toInput ? 0 : recorded.findIndex(isNeeded);
  let gradient = dy;
  let isMasked = options.isMasked ?? false;
  for (let i = recorded.length - 1; i >= lowest; i--) {
    const { operation, x, y, record } = recorded[i]!;
    if (!operation.backward) throw new GpuError(`${operation.name}: has no gradients`);
    const wantsDx = toInput || i > lowest;
    const dx = !wantsDx
      ? undefined
      : operation.inPlace
        ? gradient
        : recorder.temporary(`${operation.name} input's gradient`, x.shape);
    const isAsked = wanted?.has(recorded[i - 1]?.operation.name ?? '') ?? false;
    const maskX = (operation.masksInput ?? false) && !isAsked && (rectified[i - 1] ?? inputIsRectified);
    recorder.step(`${operation.name} backward`);
    onGradient?.(operation, gradient);
    operation.backward(recorder, {
      x: operation.keeps.includes('input') ? x : undefined,
      y: operation.keeps.includes('output') ? y : undefined,
      record,
      ...{ dy: gradient, dx, isMasked, maskX, accumulate },
    });
    gradient = dx ?? gradient;
    isMasked = maskX;
  }
  return toInput ? { dx: gradient, isMasked } : undefined;
}
