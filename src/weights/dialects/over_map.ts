// The first dense layer's kernel, as it reads a flattened feature map.

import { FileFault } from '../file.js';
import { squareSide } from '../head.js';
import type { StridedTensor } from '../source.js';
import { permuted, reshaped } from '../strided.js';
import { formatShape, quote } from '../text.js';

export interface FlatMap {
  /** The kernel's axis that runs over the map: 0 of (I,O), 1 of (O,I). */
  readonly axis: 0 | 1;
  readonly channels: number;
  /** In which the map was flattened; the last runs fastest. */
  readonly order: 'HWC' | 'CHW';
}

/**
 * A kernel (I,O) or (O,I) as (O,C,S,S).
 *
 * @throws FileFault where its inputs are no square map of these channels
 */
export function overSquareMap(kernel: StridedTensor, { axis, channels, order }: FlatMap): StridedTensor {
  const { name, shape } = kernel;
  const side = squareSide(shape[axis] ?? 0, channels);
  if (shape.length !== 2 || side === undefined) {
    const inputs = order === 'HWC' ? `S * S * ${channels}` : `${channels} * S * S`;
    const expected = formatShape(axis === 0 ? [inputs, 'O'] : ['O', inputs]);
    throw new FileFault(
      `tensor ${quote(name)}: expected shape ${expected} for a square feature map of ${channels} channels, ` +
        `found ${formatShape(shape)}`,
    );
  }
  const sides = { H: side, W: side, C: channels };
  const axes = [...order] as (keyof typeof sides)[];
  const cut = reshaped(
    kernel,
    axis,
    axes.map((letter) => sides[letter]),
  );
  const outputs = axis === 0 ? axes.length : 0;
  return permuted(cut, [outputs, ...(['C', 'H', 'W'] as const).map((letter) => axis + axes.indexOf(letter))]);
}
