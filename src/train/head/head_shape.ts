// What is trained: a head, which is dense layers with ReLU and dropout between them; and the layers of a base that are trained with it.

import type { DenseName, TrainedPool } from '../../architecture.js';
import { UsageError } from '../../errors.js';
import type { PlannedLayer } from '../../network/layers.js';

/** Layers of a base that are trained: its last ones, up to the layer that the head stands on. */
export interface Body {
  /** Convolutions and poolings that follow each other, with the shapes of one picture. The first reads what the trainer is given. */
  readonly layers: readonly PlannedLayer[];
  /** How the last feature map becomes the head's inputs. */
  readonly pool: TrainedPool;
}

/** Numbers of units, as they are without padding. */
export interface HeadShape {
  /** Numbers that the first dense layer reads: a picture's features. */
  readonly inputs: number;
  /** Units of each hidden layer; none for a linear head. */
  readonly hidden: readonly number[];
  readonly classes: number;
  /** Trained between what is given and the head; without it, the head is given its inputs. */
  readonly body?: Body | undefined;
}

/** Of a picture as the trainer is given it, without padding: (inputs), or (H,W,C) of what the body's first layer reads. */
export function givenShape({ inputs, body }: HeadShape): readonly number[] {
  return body ? body.layers[0]!.inputShape : [inputs];
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
