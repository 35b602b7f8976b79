// What the size of the pictures that a model states means for its head.

import { describe, expect, it } from 'vitest';
import { statedInput } from '../../../src/weights/dialects/stated_size.js';
import { FileFault } from '../../../src/weights/file.js';

describe('statedInput', () => {
  const flattened = { pool: 'flatten', channels: 3, inputs: 12 } as const;
  const averaged = { pool: 'avg', channels: 3, inputs: 3 } as const;

  it('is the side of a square', () => {
    expect(statedInput({ height: 64, width: 64 }, flattened, 'the graph')).toEqual({
      input: { size: '64' },
      notes: [],
    });
  });

  it('of an oblong picture whose map is averaged, or square all the same, is a note', () => {
    for (const [size, head] of [
      [{ height: 64, width: 96 }, averaged],
      [{ height: 64, width: 70 }, flattened],
    ] as const) {
      const { input, notes } = statedInput(size, head, 'the graph');
      expect(input).toEqual({});
      expect(notes).toEqual([expect.stringContaining(`--crop 64x${size.width}\` keeps them so`)]);
    }
  });

  it.each([
    [{ height: 64, width: 31 }, averaged, /^pictures of 64 x 31 px, as the graph says, are too small/],
    [{ height: 32, width: 128 }, flattened, /map of 1 x 4, which is flattened: only square maps/],
    [{ height: 224, width: 224 }, flattened, /map of 7 x 7, 147 numbers, but the first dense layer reads 12/],
    [{ height: 70, width: 70 }, { ...flattened, roundsUp: true }, /do not halve evenly, .* rounds up/],
  ])('of %j: refused', (size, head, expected) => {
    expect(() => statedInput(size, head, 'the graph')).toThrow(FileFault);
    expect(() => statedInput(size, head, 'the graph')).toThrow(expected);
  });
});
