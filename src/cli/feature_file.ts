// Features of many pictures as one array in a file, which grows row by row: memory does not grow with their number.

import { PictureError, UsageError } from '../errors.js';
import type { Features } from '../model/features.js';
import { writeAtomically } from '../node/atomic_file.js';

export interface FeatureRow {
  /** The picture's path. */
  readonly file: string;
  readonly features: Features;
}

export interface WrittenFeatures {
  /** Of the array: (pictures, ...features). */
  readonly shape: readonly number[];
  /** The pictures, in the order of the rows. */
  readonly files: readonly string[];
}

/**
 * Writes an f32 array in NumPy's format. That the file can be written is tried before the first row is asked for.
 *
 * @param mostRows  how many rows there will be at most
 * @throws PictureError without any row, UsageError where two differ in shape, OutputError; then nothing is written
 */
export async function writeFeatures(
  path: string,
  rows: AsyncIterable<FeatureRow>,
  mostRows: number,
): Promise<WrittenFeatures> {
  const files: string[] = [];
  let shape: readonly number[] = [];
  await writeAtomically(path, async (append, overwrite) => {
    let headerSize = 0;
    for await (const { file, features } of rows) {
      if (files.length === 0) {
        shape = features.shape;
        // Fewer rows have no longer a header; how many there are is known at the end.
        const header = npyHeader([mostRows, ...shape]);
        headerSize = header.length;
        await append(header);
      } else if (shapeText(features.shape) !== shapeText(shape)) {
        throw new UsageError(
          `${file} gives features of ${shapeText(features.shape)}, ${files[0]} gave ${shapeText(shape)}; one array ` +
            'needs one shape: use --crop or --pool avg',
        );
      }
      const { buffer, byteOffset, byteLength } = features.data;
      await append(new Uint8Array(buffer, byteOffset, byteLength));
      files.push(file);
    }
    if (files.length === 0) throw new PictureError(`no picture could be used; ${path} is not written`);
    await overwrite(0, npyHeader([files.length, ...shape], headerSize));
  });
  return { shape: [files.length, ...shape], files };
}

export function shapeText(shape: readonly number[]): string {
  return `(${shape.join(', ')})`;
}

// NumPy's file format for one array, written row by row.
//
//   6 bytes   \x93NUMPY
//   2 bytes   the version, 1.0
//   2 bytes   length of the header, unsigned, little-endian
//   header    {'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }
//             padded with spaces and ended with a newline, so that the numbers begin at a multiple of 64 bytes
//   numbers   little-endian, row-major
//
// Source   https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html

const ALIGNMENT = 64;

/**
 * Everything before the numbers of an f32 array.
 *
 * @param size  how many bytes it is to have; the fewest by default
 */
export function npyHeader(shape: readonly number[], size = 0): Uint8Array {
  const sides = shape.length === 1 ? `${shape[0]},` : shape.join(', ');
  const text = `{'descr': '<f4', 'fortran_order': False, 'shape': (${sides}), }`;
  const least = 10 + text.length + 1;
  const total = Math.max(size, Math.ceil(least / ALIGNMENT) * ALIGNMENT);
  const header = Buffer.alloc(total, ' ');
  header.write('\x93NUMPY\x01\x00', 'latin1');
  header.writeUInt16LE(total - 10, 8);
  header.write(text, 10, 'latin1');
  header.write('\n', total - 1, 'latin1');
  return header;
}
