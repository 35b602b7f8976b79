// warp: pictures turned, moved, scaled, mirrored and recoloured.

import { describe, expect, it } from 'vitest';
import { mat3d, mat4d } from 'wgpu-matrix';
import type { Gpu } from '../../src/gpu/gpu.js';
import { Recorder } from '../../src/gpu/recorder.js';
import { Tensor } from '../../src/gpu/tensor.js';
import type { Picture } from '../../src/image/picture.js';
import { VIEW_WORDS, viewWords, type WarpView, warp } from '../../src/kernels/warp/warp.js';
import { warp as reference } from '../../src/reference/warp.js';
import { noise } from '../support/expected.js';
import { useGpu } from '../support/gpu.js';
import { poisoned, run } from '../support/kernel.js';

type Maps = Pick<WarpView, 'map' | 'colour'>;
const PLAIN: Maps = { map: mat3d.identity(), colour: mat4d.identity() };

/** Each source by its maps: the bytes on the GPU, and the float64 values that they are rounded from. */
async function both(gpu: Gpu, items: readonly (Maps & { source: Picture })[], size: number) {
  let end = 0;
  const views = items.map(({ source: { width, height }, map, colour }) => {
    const firstByte = end;
    end += width * height * 3;
    return { firstByte, width, height, map, colour };
  });
  const bytes = new Uint8Array(Math.ceil(end / 4) * 4);
  for (const [i, { source }] of items.entries()) bytes.set(source.data, views[i]!.firstByte);
  using pixels = await Tensor.from(gpu, 'pixels', [bytes.length / 4], new Uint32Array(bytes.buffer));
  const words = viewWords('warp', views, end);
  using table = await Tensor.from(gpu, 'views', [views.length, VIEW_WORDS], words);
  using y = await poisoned(gpu, 'y', [Math.ceil((views.length * size * size * 3) / 4)]);
  await run(gpu, (recorder) => warp(recorder, { label: 'warp', pixels, views: table, y, size }));
  const actual = new Uint8Array(await y.readBytes()).subarray(0, views.length * size * size * 3);
  return { actual, expected: reference(bytes, views, { size }) };
}

function moved(x: number, y: number, { degrees = 0, scale = 1, mirror = false, size = 0 } = {}) {
  const turned = mat3d.multiply(mat3d.translation([x, y]), mat3d.rotation((degrees * Math.PI) / 180));
  const scaled = mat3d.scale(turned, [mirror ? -scale : scale, scale]);
  return mat3d.translate(scaled, [-size / 2, -size / 2]);
}

describe('warp', () => {
  const gpu = useGpu();

  it('gives the bytes as they are for the identity, a move by whole pixels and a mirror', async () => {
    const source = noise(9, 6, 1);
    const mirror = mat3d.multiply(mat3d.translation([5, 0]), mat3d.scaling([-1, 1]));
    const size = 5;
    const { actual } = await both(
      gpu(),
      [
        { ...PLAIN, source },
        { ...PLAIN, source, map: mat3d.translation([3, 1]) },
        { ...PLAIN, source, map: mirror },
      ],
      size,
    );
    const at = (x: number, y: number, c: number) => source.data[(y * 9 + x) * 3 + c]!;
    const cut = (column: (x: number) => number, top: number) =>
      [0, 1, 2, 3, 4].flatMap((y) =>
        [0, 1, 2, 3, 4].flatMap((x) => [0, 1, 2].map((c) => at(column(x), y + top, c))),
      );
    const expected = [...cut((x) => x, 0), ...cut((x) => x + 3, 1), ...cut((x) => 4 - x, 0)];
    expect([...actual]).toEqual(expected);
  });

  it('agrees with float64, for sources of several sizes and results whose bytes do not fill the last word', async () => {
    const size = 7;
    const warm = mat4d.multiply(mat4d.translation([9, -3, -20]), mat4d.scaling([1.2, 0.9, 0.7]));
    const mixed = mat4d.create(0.8, 0.1, 0.1, 0, 0.15, 0.7, 0.1, 0, 0.05, 0.2, 0.8, 0, 1, 2, 3, 1);
    const items = [
      { source: noise(11, 8, 2), map: moved(5.3, 4.1, { degrees: 12, scale: 1.1, size }), colour: warm },
      { source: noise(1, 1, 3), map: moved(0.5, 0.5, { size }), colour: mixed },
      {
        source: noise(5, 23, 4),
        map: moved(2, 30, { degrees: -170, scale: 0.6, mirror: true, size }),
        colour: mixed,
      },
      // Far outside on one side: the edges go on.
      { source: noise(6, 6, 5), map: moved(-40, 3, { degrees: 45, scale: 3, size }), colour: warm },
      // Leaves 0..255 both ways.
      { source: noise(8, 8, 6), map: moved(4, 4, { size }), colour: mat4d.scaling([40, -40, 1]) },
    ];
    const { actual, expected } = await both(gpu(), items, size);
    expect(actual.length).toBe(expected.length);
    // Half for rounding to a byte; the rest for coordinates in float32, which the last item's colour multiplies by 40.
    const off = expected.map((value, i) => Math.abs(value - actual[i]!));
    expect(Math.max(...off)).toBeLessThanOrEqual(0.501);
    expect(new Set(actual).size).toBeGreaterThan(100);
  });

  it('refuses sources and tensors that do not fit', async () => {
    const view = { ...PLAIN, firstByte: 4, width: 2, height: 2 };
    expect(() => viewWords('warp', [view], 15)).toThrow('source 0 of 2 x 2 px ends after the 15 bytes given');
    using pixels = await Tensor.create(gpu(), 'pixels', [4]);
    using views = await Tensor.create(gpu(), 'views', [2, VIEW_WORDS]);
    const short = () =>
      warp(new Recorder(gpu(), 'test'), { label: 'warp', pixels, views, y: pixels, size: 3 });
    expect(short).toThrow('warp: pixels is (4), expected (14)');
    const flat = () =>
      warp(new Recorder(gpu(), 'test'), { label: 'warp', pixels, views: pixels, y: pixels, size: 3 });
    expect(flat).toThrow('expected (4,32)');
  });
});
