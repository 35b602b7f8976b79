// The kernels around the convolutions: normalise, maxpool2x2, avgpool, maxpool, softmax, pack.

import { describe, expect, it } from 'vitest';
import { Tensor } from '../../src/gpu/tensor.js';
import { avgPool } from '../../src/kernels/avgpool/avgpool.js';
import { maxPool } from '../../src/kernels/maxpool/maxpool.js';
import { maxPool2x2 } from '../../src/kernels/maxpool2x2/maxpool2x2.js';
import { normalise } from '../../src/kernels/normalise/normalise.js';
import { pack } from '../../src/kernels/pack/pack.js';
import { softmax } from '../../src/kernels/softmax/softmax.js';
import { seededRandom } from '../../src/random.js';
import { avgPool as avgPoolReference } from '../../src/reference/avgpool.js';
import { maxPool as largestReference } from '../../src/reference/maxpool.js';
import { maxPool2x2 as maxPoolReference } from '../../src/reference/maxpool2x2.js';
import { normalise as normaliseReference } from '../../src/reference/normalise.js';
import { pack as packReference } from '../../src/reference/pack.js';
import { softmax as softmaxReference } from '../../src/reference/softmax.js';
import { decodeFloats, encodeFloats } from '../../src/weights/floats.js';
import { NORMALISATIONS } from '../../src/weights/preprocess.js';
import { expectClose } from '../support/allclose.js';
import { useGpu } from '../support/gpu.js';
import { planned, poisoned, randomTensor, run } from '../support/kernel.js';
import { AVGPOOL_CASES, MAXPOOL2X2_CASES, WINDOW_CASES } from './cases.js';
import { kerasBox, torchBox } from './pack_boxes.js';

const EXACT = { atol: 0, rtol: 0 };

describe('maxpool2x2', () => {
  const gpu = useGpu();

  it.each(MAXPOOL2X2_CASES)('$N x $H x $W x $C: $why', async ({ N, H, W, C }) => {
    using x = await randomTensor(gpu(), 'x', [N, H, W, C], { seed: 1 });
    using y = await poisoned(gpu(), 'y', [N, Math.floor(H / 2), Math.floor(W / 2), C]);
    await run(gpu(), (recorder) => maxPool2x2(recorder, { label: 'pool', x: x.tensor, y }));
    expectClose(await y.read(), maxPoolReference(x.values, { N, H, W, C }), EXACT);
  });

  it('takes ties, zeros and windows that are all negative as they are', async () => {
    const values = new Float32Array([-1, -1, 0, 5, -1, -2, 0, 5, -3, -1, 0, 5, -1, -1, -0, 5]);
    using x = await Tensor.from(gpu(), 'x', [1, 2, 2, 4], values);
    using y = await poisoned(gpu(), 'y', [1, 1, 1, 4]);
    await run(gpu(), (recorder) => maxPool2x2(recorder, { label: 'pool', x, y }));
    expectClose(await y.read(), [-1, -1, 0, 5], EXACT);
  });
});

describe('avgpool', () => {
  const gpu = useGpu();

  it.each(AVGPOOL_CASES)('$N x $H x $W x $C: $why', async ({ N, H, W, C }) => {
    using x = await randomTensor(gpu(), 'x', [N, H, W, C], { seed: 2, outliers: 20 });
    using y = await poisoned(gpu(), 'y', [N, C]);
    using plan = await planned(gpu(), (recorder) => avgPool(recorder, { label: 'mean', x: x.tensor, y }));
    await plan.run();
    const once = await y.read();
    // What cancels is as large as the outliers: the error is theirs, not the mean's.
    expectClose(once, avgPoolReference(x.values, { N, H, W, C }), { atol: 2e-6, rtol: 1e-6 });
    await plan.run();
    expect(await y.read()).toEqual(once);
  });

  it.each(WINDOW_CASES)('$N x $H x $W x $C, windows of $window: $why', async (sizes) => {
    const { N, H, W, C, window } = sizes;
    using x = await randomTensor(gpu(), 'x', [N, H, W, C], { seed: 4 });
    using y = await poisoned(gpu(), 'y', [N, Math.floor(H / window), Math.floor(W / window), C]);
    await run(gpu(), (recorder) => avgPool(recorder, { label: 'mean', x: x.tensor, y, window }));
    expectClose(await y.read(), avgPoolReference(x.values, sizes), { atol: 1e-6, rtol: 1e-6 });
  });

  it('averages each picture of a batch as it does alone', async () => {
    const sizes = { H: 9, W: 11, C: 24 };
    using x = await randomTensor(gpu(), 'x', [3, 9, 11, 24], { seed: 3 });
    using y = await poisoned(gpu(), 'y', [3, 24]);
    await run(gpu(), (recorder) => avgPool(recorder, { label: 'mean', x: x.tensor, y }));
    const together = await y.read();
    const length = x.values.length / 3;
    using last = await Tensor.from(gpu(), 'last', [1, 9, 11, 24], x.values.slice(2 * length));
    const alone = y.view('alone', [1, sizes.C]);
    await run(gpu(), (recorder) => avgPool(recorder, { label: 'mean', x: last, y: alone }));
    expect((await alone.read()).slice()).toEqual(together.slice(2 * sizes.C));
  });
});

describe('maxpool', () => {
  const gpu = useGpu();

  it.each(AVGPOOL_CASES)('$N x $H x $W x $C: $why', async ({ N, H, W, C }) => {
    using x = await randomTensor(gpu(), 'x', [N, H, W, C], { seed: 2, outliers: 20 });
    using y = await poisoned(gpu(), 'y', [N, C]);
    await run(gpu(), (recorder) => maxPool(recorder, { label: 'largest', x: x.tensor, y }));
    expectClose(await y.read(), largestReference(x.values, { N, H, W, C }), EXACT);
  });

  it('takes what is all negative as it is', async () => {
    using x = await Tensor.from(
      gpu(),
      'x',
      [1, 3, 1, 4],
      Float32Array.from({ length: 12 }, (_, i) => -1 - i),
    );
    using y = await poisoned(gpu(), 'y', [1, 4]);
    await run(gpu(), (recorder) => maxPool(recorder, { label: 'largest', x, y }));
    expect(await y.read()).toEqual(new Float32Array([-1, -2, -3, -4]));
  });
});

describe('normalise', () => {
  const gpu = useGpu();
  const cases = Object.entries(NORMALISATIONS).map(([name, arithmetic]) => ({ name, ...arithmetic }));

  it.each(cases)(
    '$name: 2 pictures of 5 x 7, whose bytes do not fill the last word',
    async (normalisation) => {
      const sizes = { N: 2, H: 5, W: 7 };
      const random = seededRandom(1);
      const words = Math.ceil((2 * 5 * 7 * 3) / 4);
      const bytes = Uint8Array.from({ length: words * 4 }, () => random.below(256));
      using pixels = await Tensor.from(gpu(), 'pixels', [words], new Uint32Array(bytes.buffer));
      using y = await poisoned(gpu(), 'y', [2, 5, 7, 4]);
      await run(gpu(), (recorder) => normalise(recorder, { label: 'input', pixels, y, normalisation }));
      expectClose(await y.read(), normaliseReference(bytes, sizes, normalisation), {
        atol: 1e-5,
        rtol: 1e-6,
      });
    },
  );
});

describe('softmax', () => {
  const gpu = useGpu();

  it.each([
    { N: 1, classes: 4 },
    { N: 3, classes: 10 },
    { N: 2, classes: 1000 },
    { N: 1, classes: 1 },
  ])('$N rows of $classes classes, the padding zero', async ({ N, classes }) => {
    const O = Math.ceil(classes / 4) * 4;
    using x = await randomTensor(gpu(), 'x', [N, O], { seed: 5, outliers: 20 });
    using y = await poisoned(gpu(), 'y', [N, O]);
    await run(gpu(), (recorder) => softmax(recorder, { label: 'softmax', x: x.tensor, y, classes }));
    // WGSL grants exp(x) an error of 3 + 2|x| ulp; differences of scores reach 100.
    expectClose(await y.read(), softmaxReference(x.values, { N, O }, classes), { atol: 1e-7, rtol: 3e-5 });
  });

  it('does not overflow', async () => {
    using x = await Tensor.from(gpu(), 'x', [1, 4], new Float32Array([1e4, 1e4, -1e4, 0]));
    using y = await poisoned(gpu(), 'y', [1, 4]);
    await run(gpu(), (recorder) => softmax(recorder, { label: 'softmax', x, y, classes: 4 }));
    expectClose(await y.read(), [0.5, 0.5, 0, 0], { atol: 1e-7, rtol: 0 });
  });
});

describe('pack', () => {
  const gpu = useGpu();
  const cases = [
    { dtype: 'F32', boxOf: torchBox, rows: 6, sourceC: 3, space: 9, C: 4, columns: 8, first: 0 },
    { dtype: 'F16', boxOf: torchBox, rows: 5, sourceC: 7, space: 9, C: 8, columns: 8, first: 0 },
    { dtype: 'BF16', boxOf: torchBox, rows: 3, sourceC: 5, space: 1, C: 8, columns: 12, first: 6 },
    { dtype: 'F32', boxOf: torchBox, rows: 4, sourceC: 70, space: 4, C: 72, columns: 8, first: 4 },
    { dtype: 'F32', boxOf: kerasBox, rows: 70, sourceC: 37, space: 9, C: 40, columns: 72, first: 0 },
    { dtype: 'F16', boxOf: kerasBox, rows: 3, sourceC: 5, space: 4, C: 8, columns: 8, first: 3 },
    { dtype: 'BF16', boxOf: kerasBox, rows: 5, sourceC: 33, space: 1, C: 36, columns: 8, first: 0 },
  ] as const;

  it.each(cases)(
    '$dtype ($rows,$sourceC,$space) by $boxOf.name to columns $first.. of $columns',
    async ({ dtype, boxOf, ...sizes }) => {
      const { rows, sourceC, space, C, columns } = sizes;
      const random = seededRandom(8);
      const stored = encodeFloats(
        Float32Array.from({ length: rows * sourceC * space }, () => random.normal()),
        dtype,
      );
      const words = new Uint8Array(Math.ceil(stored.length / 4) * 4);
      words.set(stored);
      using source = await Tensor.from(gpu(), 'source', [words.length / 4], new Uint32Array(words.buffer));
      using k = await Tensor.create(gpu(), 'k', [space * C, columns]);
      const box = boxOf(sizes);
      await run(gpu(), (recorder) => pack(recorder, { label: 'fc1', source, dtype, k, box }));
      const expected = new Float64Array(space * C * columns);
      packReference(decodeFloats(stored, dtype), expected, box);
      // The reference copies as it is told; this is what it was to be told.
      const at = (r: number, c: number, s: number) =>
        decodeFloats(stored, dtype)[
          boxOf === torchBox ? (r * sourceC + c) * space + s : (s * sourceC + c) * rows + r
        ];
      const [r, c, s] = [rows - 1, sourceC - 1, space - 1];
      expect(expected[(s * C + c) * columns + sizes.first + r]).toBe(at(r, c, s));
      expectClose(await k.read(), expected, EXACT);
    },
  );

  it('copies the middle of a source, by four axes, and leaves the rest of k as it is', async () => {
    const values = Float32Array.from({ length: 500 }, (_, i) => i + 1);
    using source = await Tensor.from(gpu(), 'source', [500], values);
    using k = await Tensor.from(gpu(), 'k', [300], new Float32Array(300).fill(-1));
    const box = {
      axes: [
        { size: 3, from: 7, to: 1 },
        { size: 4, from: 60, to: 10 },
        { size: 2, from: 1, to: 60 },
        { size: 2, from: 3, to: 150 },
      ],
      from: 100,
      to: 5,
    };
    await run(gpu(), (recorder) => pack(recorder, { label: 'middle', source, dtype: 'F32', k, box }));
    const expected = new Float64Array(300).fill(-1);
    packReference(values, expected, box);
    expect(expected.filter((value) => value !== -1)).toHaveLength(48);
    expectClose(await k.read(), expected, EXACT);
  });

  it('unpacks every finite f16 exactly, subnormals too', async () => {
    const halves = Uint16Array.from({ length: 65536 }, (_, i) => i).filter(
      (half) => (half & 0x7c00) !== 0x7c00,
    );
    using source = await Tensor.from(gpu(), 'source', [halves.length / 2], new Uint32Array(halves.buffer));
    using k = await Tensor.create(gpu(), 'k', [halves.length, 1]);
    const sizes = { rows: 1, sourceC: halves.length, space: 1, C: halves.length, columns: 1, first: 0 };
    const box = torchBox(sizes);
    await run(gpu(), (recorder) => pack(recorder, { label: 'all', source, dtype: 'F16', k, box }));
    const expected = decodeFloats(new Uint8Array(halves.buffer), 'F16');
    expect(Array.from(await k.read())).toEqual(Array.from(expected, (value) => value));
  });
});
