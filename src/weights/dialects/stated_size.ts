// The size of the pictures that a network reads, where its file states it, as Keras' models and ONNX graphs do. It tells what
// the weights alone cannot: whether a flattened feature map is square.

import {
  type FeatureLayer,
  featureSideOf,
  isFlattened,
  type Pool,
  poolingsUntil,
  windowOf,
} from '../../architecture.js';
import type { FoundVgg16 } from '../archive.js';
import { FileFault } from '../file.js';

/** Of pictures, in px. */
export interface PictureSize {
  readonly height: number;
  readonly width: number;
}

/** What reads the last feature map. */
interface Reader {
  readonly pool: Pool;
  /** Of the last feature map. */
  readonly channels: number;
  /** How many numbers the first dense layer reads. */
  readonly inputs: number | undefined;
  /** The pooling that gives it; the last by default. */
  readonly features?: FeatureLayer;
  /** Whether a pooling rounds an odd side up, where VGG16's round down. */
  readonly roundsUp?: boolean;
}

/**
 * The head's `input` as a stated size gives it, with what is to be said of it.
 *
 * @param by  who states it: `the graph`
 * @throws FileFault for a size whose feature map is empty, not square, rounded up, or not the one that the head reads
 */
export function statedInput(
  { height, width }: PictureSize,
  { pool, channels, inputs, features = 'block5_pool', roundsUp = false }: Reader,
  by: string,
): Required<Pick<FoundVgg16, 'input' | 'notes'>> {
  const said = `pictures of ${height} x ${width} px, as ${by} says,`;
  const [rows, columns] = [featureSideOf(height, features), featureSideOf(width, features)];
  if (rows < 1 || columns < 1) throw new FileFault(`${said} are too small for the poolings`);
  if (roundsUp && [height, width].some((side) => side % 2 ** poolingsUntil(features) !== 0)) {
    throw new FileFault(
      `${said} do not halve evenly, and its poolings have padding "same", which rounds up: VGG16's round down`,
    );
  }
  const map = `a last feature map of ${rows} x ${columns}`;
  const window = windowOf(pool);
  const [left, leftColumns] = [Math.floor(rows / window), Math.floor(columns / window)];
  if (left < 1 || leftColumns < 1)
    throw new FileFault(`${said} have ${map}, less than the average's windows`);
  if (isFlattened(pool) && left !== leftColumns) {
    throw new FileFault(`${said} have ${map}, which is flattened: only square maps are supported`);
  }
  const expected = left * leftColumns * channels;
  if (isFlattened(pool) && inputs !== undefined && inputs !== expected) {
    throw new FileFault(
      `${said} have ${map}, ${expected} numbers, but the first dense layer reads ${inputs}: size and weights do not belong together`,
    );
  }
  if (height === width) return { input: { size: String(height) }, notes: [] };
  return {
    input: {},
    notes: [`${said} are not square: \`--resize none --crop ${height}x${width}\` keeps them so`],
  };
}
