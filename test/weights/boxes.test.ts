// Boxes cover an array once, in the order of its storage, and stay within what is held at a time.

import { describe, expect, it } from 'vitest';
import { type Box, type BoxAxis, boxesOf, elementAt } from '../../src/weights/boxes.js';
import { rowMajorStrides } from '../../src/weights/strided.js';

/** A kernel (O,C,S,S) whose axes lie in the storage in the order `stored`, outermost first. */
function axesOf(
  sides: Record<'O' | 'C' | 'H' | 'W', number>,
  stored: readonly ('O' | 'C' | 'H' | 'W')[],
  gap = 0,
) {
  const strides = rowMajorStrides(stored.map((axis) => sides[axis] + gap));
  const from = (axis: 'O' | 'C' | 'H' | 'W') => strides[stored.indexOf(axis)]!;
  const axis = (name: 'C' | 'H' | 'W', row: number): BoxAxis => ({
    size: sides[name],
    from: from(name),
    row,
    column: 0,
  });
  const { O, C, W } = sides;
  return [{ size: O, from: from('O'), row: 0, column: 1 }, axis('C', 1), axis('H', W * C), axis('W', C)];
}

/** Every element of boxes: its number in the storage, and its row and column. */
function elementsOf(boxes: readonly Box[]): string[] {
  return boxes.flatMap(({ start, span, row, column, axes }) => {
    let elements = [[start, row, column]];
    for (const axis of axes) {
      elements = elements.flatMap(([at, r, c]) =>
        Array.from({ length: axis.size }, (_, i) => [
          at! + i * axis.from,
          r! + i * axis.row,
          c! + i * axis.column,
        ]),
      );
    }
    for (const [at] of elements) expect(at! >= start && at! < start + span).toBe(true);
    return elements.map((element) => element.join(' '));
  });
}

const SIDES = { O: 6, C: 5, H: 3, W: 4 };
const ORDERS = [
  { order: "PyTorch's", stored: ['O', 'C', 'H', 'W'], gap: 0 },
  { order: "Keras'", stored: ['H', 'W', 'C', 'O'], gap: 0 },
  { order: 'another', stored: ['C', 'O', 'W', 'H'], gap: 0 },
  { order: "Keras', with gaps", stored: ['H', 'W', 'C', 'O'], gap: 2 },
] as const;

describe.each(ORDERS)('boxes of a kernel in $order order', ({ stored, gap }) => {
  const axes = axesOf(SIDES, stored, gap);
  const all = elementsOf([{ start: 7, span: 1e9, row: 0, column: 0, axes }]).sort();

  it.each([1, 2, 5, 6, 17, 30, 60, 100, 1e6])(
    'hold every element once, at most %d numbers at a time',
    (most) => {
      const boxes = boxesOf(axes, { start: 7, most, columnsPerBox: 1 });
      expect(elementsOf(boxes).sort()).toEqual(all);
      for (const { span } of boxes) expect(span).toBeLessThanOrEqual(most);
      if (gap === 0) {
        // Forwards, and no number twice.
        expect(boxes.map(({ start }) => start)).toEqual(
          boxes.map(({ start }) => start).toSorted((a, b) => a - b),
        );
        expect(boxes.reduce((sum, { span }) => sum + span, 0)).toBe(360);
      }
    },
  );

  it.each([1, 5, 17, 70])('begin at even columns where two share a word (%d numbers)', (most) => {
    const boxes = boxesOf(axes, { start: 7, most, columnsPerBox: 2 });
    expect(elementsOf(boxes).sort()).toEqual(all);
    for (const { column, axes: own } of boxes) {
      expect(column % 2).toBe(0);
      expect((own.find((axis) => axis.column === 1)?.size ?? 1) % 2).toBe(0);
    }
  });
});

describe('a kernel in one piece', () => {
  it('is one box, in which neighbouring axes of rows are one', () => {
    const [box, ...others] = boxesOf(axesOf(SIDES, ['H', 'W', 'C', 'O']), {
      start: 0,
      most: 1e6,
      columnsPerBox: 1,
    });
    expect(others).toEqual([]);
    expect(box!.axes).toEqual([
      { size: 60, from: 6, row: 1, column: 0 },
      { size: 6, from: 1, row: 0, column: 1 },
    ]);
  });
});

describe('elementAt', () => {
  it('counts row-major, whatever the order of the storage, and knows the gaps', () => {
    const shape = [3, 2];
    expect([0, 1, 2, 3, 4, 5].map((at) => elementAt({ shape, strides: [2, 1], offset: 0 }, at))).toEqual([
      0, 1, 2, 3, 4, 5,
    ]);
    expect([0, 1, 2, 3, 4, 5].map((at) => elementAt({ shape, strides: [1, 3], offset: 0 }, at))).toEqual([
      0, 2, 4, 1, 3, 5,
    ]);
    expect([5, 6, 7, 8, 9].map((at) => elementAt({ shape, strides: [4, 2], offset: 5 }, at))).toEqual([
      ...[0, undefined, 1, undefined, 2],
    ]);
  });
});
