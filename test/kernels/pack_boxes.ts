// What pack is tested on: kernels as PyTorch and Keras lay them out.

import type { PackBox } from '../../src/kernels/pack/pack.js';

/** A kernel's sizes in its file, and where it goes: k (space,C,columns), from column `first` on. */
export interface PackSizes {
  readonly rows: number;
  readonly sourceC: number;
  readonly space: number;
  readonly C: number;
  readonly columns: number;
  readonly first: number;
}

/** From PyTorch's order, (rows,sourceC,space). */
export function torchBox({ rows, sourceC, space, C, columns, first }: PackSizes): PackBox {
  const axes = [
    { size: rows, from: sourceC * space, to: 1 },
    ...(space > 1 ? [{ size: space, from: 1, to: C * columns }] : []),
    { size: sourceC, from: space, to: columns },
  ];
  return { axes, from: 0, to: first };
}

/** From Keras' order, (space,sourceC,rows). */
export function kerasBox({ rows, sourceC, space, C, columns, first }: PackSizes): PackBox {
  const axes = [
    { size: rows, from: 1, to: 1 },
    { size: sourceC, from: rows, to: columns },
    { size: space, from: sourceC * rows, to: C * columns },
  ];
  return { axes, from: 0, to: first };
}
