// What layers a head has: dense ones, with ReLU and dropout between them, on the features of a picture.

import type { DenseName } from '../../architecture.js';
import { UsageError } from '../../errors.js';

/** Numbers of units, as they are without padding. */
export interface HeadShape {
  /** Numbers in a picture's features. */
  readonly inputs: number;
  /** Units of each hidden layer; none for a linear head. */
  readonly hidden: readonly number[];
  readonly classes: number;
}

/** A dense layer: y = x k + b, k (inputs,outputs). */
export interface HeadLayer {
  readonly name: DenseName;
  readonly inputs: number;
  readonly outputs: number;
  readonly isLast: boolean;
}

/** Layers of a head, first to last. @throws UsageError for sides that are no whole numbers, and for fewer than 2 classes */
export function headLayers({ inputs, hidden, classes }: HeadShape): HeadLayer[] {
  checkSide('inputs', inputs, 1);
  hidden.forEach((units, i) => {
    checkSide(`hidden layer ${i + 1}`, units, 1);
  });
  checkSide('classes', classes, 2);
  const widths = [inputs, ...hidden, classes];
  return widths.slice(1).map((outputs, i) => ({
    name: `fc${i + 1}`,
    inputs: widths[i]!,
    outputs,
    isLast: i === hidden.length,
  }));
}

function checkSide(what: string, value: number, least: number): void {
  if (Number.isSafeInteger(value) && value >= least) return;
  throw new UsageError(`head: ${what} is ${value}; it must be a whole number of at least ${least}`);
}
