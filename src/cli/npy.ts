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
