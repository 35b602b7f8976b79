import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { Sha256, toHex } from '../src/sha256.js';

const nodes = (bytes: Uint8Array | string) => createHash('sha256').update(bytes).digest('hex');

describe('SHA-256', () => {
  test.each([
    // FIPS 180-4's own examples.
    ['', 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'],
    ['abc', 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad'],
    [
      'abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq',
      '248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1',
    ],
  ])("of %j is the standard's", (text, digest) => {
    expect(toHex(new Sha256().update(text).digest())).toBe(digest);
  });

  test("of every length around the borders of blocks is Node's", () => {
    const bytes = Uint8Array.from({ length: 200 }, (_, i) => (i * 167 + 13) & 0xff);
    for (let length = 0; length <= bytes.length; length++) {
      const part = bytes.subarray(0, length);
      expect(toHex(new Sha256().update(part).digest()), `${length} bytes`).toBe(nodes(part));
    }
  });

  test('of pieces of any size is that of the whole', () => {
    const bytes = Uint8Array.from({ length: 5000 }, (_, i) => (i * i * 31 + i) & 0xff);
    for (const sizes of [[1], [63, 1, 65], [64], [0, 7, 200], [127, 129], [4999]]) {
      const hash = new Sha256();
      for (let at = 0, i = 0; at < bytes.length; i++) {
        const size = sizes[i % sizes.length]!;
        hash.update(bytes.subarray(at, at + size));
        at += size;
      }
      expect(toHex(hash.digest()), sizes.join()).toBe(nodes(bytes));
    }
  });

  test('of a text takes it as UTF-8', () => {
    expect(toHex(new Sha256().update('ü€𝄞').digest())).toBe(nodes('ü€𝄞'));
  });
});
