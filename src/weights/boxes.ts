// Cuts a strided array into boxes, in the order of its storage, so that a file is read forwards and once.

import type { StridedTensor } from './source.js';

/** An axis of a kernel: how many elements, the way from one to the next in the storage, and in rows or columns of the matrix that it becomes. */
export interface BoxAxis {
  readonly size: number;
  readonly from: number;
  /** Rows and columns from one element to the next. The axis of the columns has `column` 1 and `row` 0, any other `column` 0. */
  readonly row: number;
  readonly column: number;
}

/** Elements whose storage is read at once. */
export interface Box {
  /** Numbers `[start, start + span)` of the storage hold all of its elements, and perhaps others. */
  readonly start: number;
  readonly span: number;
  /** Where its first element goes. */
  readonly row: number;
  readonly column: number;
  readonly axes: readonly BoxAxis[];
}

/**
 * Cuts an array into boxes of at most `most` numbers of its storage each.
 *
 * @param axes  in any order
 * @param columnsPerBox  columns come in multiples of it, but for the last; such a box may have more than `most` numbers
 */
export function boxesOf(
  axes: readonly BoxAxis[],
  { start, most, columnsPerBox }: { start: number; most: number; columnsPerBox: number },
): Box[] {
  const boxes: Box[] = [];
  const cut = (sorted: readonly BoxAxis[], box: Omit<Box, 'span' | 'axes'>) => {
    const span = spanOf(sorted);
    const [outer, ...inner] = sorted;
    if (!outer || span <= most) {
      boxes.push({ ...box, span, axes: sorted });
      return;
    }
    const unit = outer.column > 0 ? columnsPerBox : 1;
    const fit = Math.floor((most - spanOf(inner)) / outer.from) + 1;
    const isWhole = fit >= 1 || unit > 1;
    const step = isWhole ? unit * Math.max(1, Math.floor(fit / unit)) : 1;
    for (let i = 0; i < outer.size; i += step) {
      const at = {
        start: box.start + i * outer.from,
        row: box.row + i * outer.row,
        column: box.column + i * outer.column,
      };
      const part = [{ ...outer, size: Math.min(step, outer.size - i) }, ...inner];
      if (isWhole) boxes.push({ ...at, span: spanOf(part), axes: part });
      else cut(inner, at);
    }
  };
  cut(merged(axes), { start, row: 0, column: 0 });
  return boxes;
}

/** The way from the first number to behind the last. */
function spanOf(axes: readonly BoxAxis[]): number {
  return axes.reduce((span, { size, from }) => span + (size - 1) * from, 1);
}

/** The outermost in the storage first; without axes of one element, and two axes of rows as one where a single step serves both. */
function merged(axes: readonly BoxAxis[]): BoxAxis[] {
  const result: BoxAxis[] = [];
  for (const axis of axes.filter(({ size }) => size > 1).toSorted((a, b) => b.from - a.from)) {
    const outer = result.at(-1);
    const isSame = outer && !outer.column && !axis.column;
    if (isSame && outer.from === axis.size * axis.from && outer.row === axis.size * axis.row)
      result[result.length - 1] = { ...axis, size: outer.size * axis.size };
    else result.push(axis);
  }
  return result;
}

/** Which element of a tensor, counted row-major, is number `position` of its storage; undefined for a number that it leaves out. */
export function elementAt(
  { shape, strides, offset }: Pick<StridedTensor, 'shape' | 'strides' | 'offset'>,
  position: number,
): number | undefined {
  let left = position - offset;
  const index = shape.map(() => 0);
  for (const axis of [...shape.keys()].toSorted((a, b) => strides[b]! - strides[a]!)) {
    if (shape[axis] === 1) continue;
    index[axis] = Math.min(Math.floor(left / strides[axis]!), shape[axis]! - 1);
    left -= index[axis] * strides[axis]!;
  }
  return left === 0 ? index.reduce((element, i, axis) => element * shape[axis]! + i, 0) : undefined;
}
