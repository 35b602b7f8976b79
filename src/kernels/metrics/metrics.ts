// Launches metrics, and reads the totals that it keeps.

import type { Recorder } from '../../gpu/recorder.js';
import type { Tensor } from '../../gpu/tensor.js';
import { CONTROL_WORDS } from '../control.js';
import { expectShape } from '../shapes.js';
import { ROW_NUMBERS } from '../softmax_cross_entropy/softmax_cross_entropy.js';
import wgsl from './metrics.wgsl';

/** Loss and weight, three words each, then pictures, hits, and the first bad step. */
export const TOTALS_WORDS = 9;

export interface MetricsArguments {
  readonly label: string;
  /** (N,4), as softmaxCrossEntropy writes them. */
  readonly rows: Tensor;
  /** (9); zeros begin anew. */
  readonly totals: Tensor;
  /** (5): the words of control.ts: which step it is. */
  readonly control: Tensor;
}

/** What pictures came to since the totals were zeros. */
export interface Totals {
  /** The weighted mean; NaN when a loss was not finite, or no picture was counted. */
  readonly loss: number;
  /** The share of pictures whose class scored highest, each counted once; NaN when there were none. */
  readonly accuracy: number;
  readonly count: number;
  /** The first step with a loss that is not finite (or no less than 2^28). */
  readonly badStep?: number;
}

/** Adds a batch's rows to the totals. @throws GpuError where shapes do not fit each other or the adapter. */
export function addMetrics(recorder: Recorder, args: MetricsArguments): void {
  const { label, rows, totals, control } = args;
  expectShape(label, rows, [rows.shape[0]!, ROW_NUMBERS]);
  expectShape(label, totals, [TOTALS_WORDS]);
  expectShape(label, control, [CONTROL_WORDS]);
  recorder.dispatch(label, { name: 'metrics', wgsl }, [rows, totals, control], [1, 1, 1]);
}

/** What the bytes of totals say. */
export function readTotals(bytes: ArrayBuffer): Totals {
  const words = new Uint32Array(bytes, 0, TOTALS_WORDS);
  const [count, hits, bad] = words.subarray(6) as unknown as [number, number, number];
  const loss = fixedPoint(words.subarray(0, 3)) / fixedPoint(words.subarray(3, 6));
  const accuracy = hits / count;
  // A step is kept as its number + 1: 0 says that there was none.
  return bad === 0 ? { loss, accuracy, count } : { loss: Number.NaN, accuracy, count, badStep: bad - 1 };
}

/** A number in units of 2^-48, its lowest word first. */
function fixedPoint(words: Uint32Array): number {
  const [low, middle, high] = words as unknown as [number, number, number];
  return high * 2 ** 16 + middle * 2 ** -16 + low * 2 ** -48;
}
