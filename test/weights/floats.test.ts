import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { seededRandom } from '../../src/random.js';
import { decodeFloats, encodeFloats, findNonFinite } from '../../src/weights/floats.js';
import type { Dtype } from '../../src/weights/source.js';

const ALL_WORDS = Uint16Array.from({ length: 65_536 }, (_, i) => i);

const bytesOf = (words: Uint16Array | Uint32Array | Float32Array) =>
  new Uint8Array(words.buffer, words.byteOffset, words.byteLength);
const halvesOf = (bytes: Uint8Array) => new Uint16Array(bytes.buffer, bytes.byteOffset, bytes.length / 2);
const floatsOf = (bits: readonly number[]) => new Float32Array(Uint32Array.from(bits).buffer);

/** The value of a half by the definition: sign, exponent, mantissa. */
function halfByDefinition(word: number): number {
  const sign = word & 0x8000 ? -1 : 1;
  const exponent = (word >> 10) & 31;
  const mantissa = word & 1023;
  if (exponent === 31) return mantissa ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  return exponent === 0 ? sign * mantissa * 2 ** -24 : sign * (1 + mantissa / 1024) * 2 ** (exponent - 15);
}

describe('F16', () => {
  test('all 65,536 have the value that the definition gives', () => {
    const expected = Float32Array.from(ALL_WORDS, halfByDefinition);
    const decoded = decodeFloats(bytesOf(ALL_WORDS), 'F16');
    expect(decoded.every((value, i) => Object.is(value, expected[i]))).toBe(true);
  });

  test('all 65,536 survive the way to F32 and back, NaN payloads too', () => {
    expect(halvesOf(encodeFloats(decodeFloats(bytesOf(ALL_WORDS), 'F16'), 'F16'))).toEqual(ALL_WORDS);
  });

  test('rounds to the nearest, ties to even: every midpoint and its neighbours', () => {
    // Between each two positive finite neighbours: exactly the middle, one step of F32 below and one above.
    const values = new Float32Array(3 * 0x7bff);
    const expected = new Uint16Array(values.length);
    const bits = new Uint32Array(values.buffer);
    for (let word = 0; word < 0x7bff; word++) {
      values[3 * word + 1] = (halfByDefinition(word) + halfByDefinition(word + 1)) / 2;
      bits[3 * word] = bits[3 * word + 1]! - 1;
      bits[3 * word + 2] = bits[3 * word + 1]! + 1;
      expected.set([word, word + (word & 1), word + 1], 3 * word);
    }
    expect(halvesOf(encodeFloats(values, 'F16'))).toEqual(expected);
    const negative = halvesOf(
      encodeFloats(
        values.map((value) => -value),
        'F16',
      ),
    );
    expect(negative).toEqual(expected.map((word) => word | 0x8000));
  });
});

describe('BF16', () => {
  test('all 65,536 are the upper halves of F32', () => {
    const expected = Uint32Array.from(ALL_WORDS, (word) => word << 16);
    const decoded = decodeFloats(bytesOf(ALL_WORDS), 'BF16');
    expect(new Uint32Array(decoded.buffer)).toEqual(expected);
  });

  test('all 65,536 survive the way to F32 and back', () => {
    expect(halvesOf(encodeFloats(decodeFloats(bytesOf(ALL_WORDS), 'BF16'), 'BF16'))).toEqual(ALL_WORDS);
  });
});

test('rounding agrees with NumPy and PyTorch at all hard places', () => {
  const golden = JSON.parse(readFileSync('test/golden/weights/rounding.json', 'utf8')) as number[][];
  const values = floatsOf(golden.map(([bits]) => bits!));
  expect(golden.length).toBeGreaterThan(200);
  expect([...halvesOf(encodeFloats(values, 'F16'))]).toEqual(golden.map(([, half]) => half));
  expect([...halvesOf(encodeFloats(values, 'BF16'))]).toEqual(golden.map(([, , brain]) => brain));
});

test.each(['F16', 'BF16'] as const)('a NaN stays a NaN in %s, whatever bits narrowing cuts off', (dtype) => {
  const nans = floatsOf([0x7f800001, 0xff800001, 0x7fc00000, 0x7fffffff, 0xffffffff]);
  expect(decodeFloats(encodeFloats(nans, dtype), dtype).every(Number.isNaN)).toBe(true);
});

test('F32 passes through bit by bit', () => {
  const random = seededRandom(1);
  const bits = Uint32Array.from({ length: 1000 }, () => random.uint32());
  const decoded = decodeFloats(bytesOf(bits), 'F32');
  expect(new Uint32Array(decoded.buffer)).toEqual(bits);
  expect(encodeFloats(decoded, 'F32')).toEqual(bytesOf(bits));
});

test('bytes at odd addresses and views into larger arrays are read and written as themselves', () => {
  const values = floatsOf([0x3f800000, 0xc0200000, 0x40400000]); // 1, -2.5, 3
  for (const dtype of ['F32', 'F16', 'BF16'] as const) {
    const bytes = encodeFloats(values.subarray(1), dtype);
    const shifted = new Uint8Array(bytes.length + 1);
    shifted.set(bytes, 1);
    expect([...decodeFloats(shifted.subarray(1), dtype)]).toEqual([-2.5, 3]);
  }
});

test('results do not share memory with their input', () => {
  const values = Float32Array.of(1, 2);
  const bytes = encodeFloats(values, 'F32');
  const decoded = decodeFloats(bytes, 'F32');
  bytes.fill(0);
  expect([...values, ...decoded]).toEqual([1, 2, 1, 2]);
});

test('a part of a number is refused', () => {
  expect(() => decodeFloats(new Uint8Array(3), 'F16')).toThrow('3 bytes are no whole number of F16');
  expect(() => findNonFinite(new Uint8Array(6), 'F32')).toThrow('6 bytes are no whole number of F32');
});

describe('findNonFinite', () => {
  const NON_FINITE = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];

  test.each<Dtype>(['F32', 'F16', 'BF16'])('finds the first of them in %s, wherever it is', (dtype) => {
    const finite = Float32Array.of(0, -0, 1, -1, 65504, -65504, 1e-7, -6e-5, 0.1);
    expect(findNonFinite(encodeFloats(finite, dtype), dtype)).toBe(-1);
    for (const bad of NON_FINITE) {
      for (let at = 0; at < finite.length; at++) {
        const values = finite.slice();
        values[at] = bad;
        values[finite.length - 1] = Number.NaN;
        expect(findNonFinite(encodeFloats(values, dtype), dtype)).toBe(at);
      }
    }
  });

  test('agrees with isFinite on all halves', () => {
    const values = decodeFloats(bytesOf(ALL_WORDS), 'F16');
    const found = Array.from(ALL_WORDS, (word) => findNonFinite(bytesOf(Uint16Array.of(word)), 'F16') === 0);
    expect(found).toEqual(Array.from(values, (value) => !Number.isFinite(value)));
  });

  test('the largest finite F32 is finite, an empty tensor holds nothing', () => {
    expect(findNonFinite(bytesOf(Uint32Array.of(0x7f7fffff, 0xff7fffff)), 'F32')).toBe(-1);
    expect(findNonFinite(new Uint8Array(0), 'F32')).toBe(-1);
  });

  test('finds what would be infinite as F16, if that is what the numbers become', () => {
    // Each time the largest that rounds to a finite one, and the next.
    const words = {
      F32: [0x477fefff, 0xc77fefff, 0xc77ff000],
      F16: [0x7bff, 0xfbff, 0xfc00],
      BF16: [0x477f, 0xc77f, 0xc780],
    };
    for (const [dtype, list] of Object.entries(words) as [Dtype, number[]][]) {
      const bytes = bytesOf(dtype === 'F32' ? Uint32Array.from(list) : Uint16Array.from(list));
      const halves = decodeFloats(encodeFloats(decodeFloats(bytes, dtype), 'F16'), 'F16');
      expect(Array.from(halves, Number.isFinite)).toEqual([true, true, false]);
      expect(findNonFinite(bytes, dtype, 'F16')).toBe(2);
    }
  });
});

test('14.7 million values, as many as the base has, are narrowed in under 2 s', () => {
  const random = seededRandom(3);
  const values = new Float32Array(14_714_688).map(() => random.uniform() - 0.5);
  const start = performance.now();
  encodeFloats(values, 'F16');
  expect(performance.now() - start).toBeLessThan(2000); // 0.07 s on an idle core
});
