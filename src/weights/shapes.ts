// Compares a tensor's shape with a pattern such as ('O', 64, 3, 3), in which letters stand for sizes to be found out.

import { WeightsError } from '../errors.js';
import type { TensorEntry, WeightsSource } from './source.js';
import { formatShape, quote } from './text.js';

/** Numbers are as they must be; a letter is any size from 1, and the same wherever it occurs. */
export type ShapePattern = readonly (number | string)[];

export type Bindings = Readonly<Record<string, number>>;

/**
 * What the pattern's letters stand for in a tensor's shape.
 *
 * @throws WeightsError with the expected and the found shape
 */
export function matchShape(
  source: Pick<WeightsSource, 'path'>,
  entry: Pick<TensorEntry, 'name' | 'shape'>,
  pattern: ShapePattern,
): Bindings {
  const bound: Record<string, number> = {};
  const fits = entry.shape.every((size, i) => {
    const wanted = pattern[i];
    if (typeof wanted !== 'string') return size === wanted;
    bound[wanted] ??= size;
    return size > 0 && size === bound[wanted];
  });
  if (fits && entry.shape.length === pattern.length) return bound;
  throw new WeightsError(
    `${source.path}: tensor ${quote(entry.name)}: expected shape ${formatShape(pattern)}, ` +
      `found ${formatShape(entry.shape)}`,
  );
}
