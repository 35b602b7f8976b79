// Files that are fetched in tests: VGG16s as small as may be, and bytes that are none.

import { CONVS } from '../../../src/architecture.js';
import { seededRandom } from '../../../src/random.js';

/** Channels of the last feature map, and inputs of the only dense layer; all other convolutions have one. */
const WIDTH = 40;

/**
 * A VGG16 as safetensors of just so many bytes. All but its header is noise; what its tensors leave over is in the
 * metadata.
 *
 * @param length  at least 189,000 for 1000 classes
 */
export function smallVgg16(seed: number, length: number, classes = 1000): Buffer {
  const outputs = CONVS.map((_, i) => (i === CONVS.length - 1 ? WIDTH : 1));
  const layers: [name: string, kernel: number[]][] = [
    ...CONVS.map(({ torchvision: name }, i): [string, number[]] => [
      name,
      [outputs[i]!, i === 0 ? 3 : outputs[i - 1]!, 3, 3],
    ]),
    ['classifier.0', [classes, WIDTH]],
  ];
  let end = 0;
  const entry = (shape: number[]) => {
    const begin = end;
    end += 4 * shape.reduce((product, side) => product * side);
    return { dtype: 'F32', shape, data_offsets: [begin, end] };
  };
  const tensors = layers.flatMap(([name, kernel]) => [
    [`${name}.weight`, entry(kernel)],
    [`${name}.bias`, entry(kernel.slice(0, 1))],
  ]);
  const headerOf = (filler: string) =>
    JSON.stringify({ __metadata__: { pool: 'avg', filler }, ...Object.fromEntries(tensors) });
  const left = length - 8 - end - headerOf('').length;
  const header = headerOf(noise(seed, left).toString('hex').slice(0, left));
  const size = Buffer.alloc(8);
  size.writeUInt32LE(header.length);
  return Buffer.concat([size, Buffer.from(header), noise(seed + 1000, end)]);
}

export function noise(seed: number, length: number): Buffer {
  const random = seededRandom(seed);
  return Buffer.from(Uint8Array.from({ length }, () => random.below(256)));
}
