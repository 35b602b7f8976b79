import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { decodingBytesPerPixel, MemoryGate } from '../../../src/node/image/memory.js';

describe('MemoryGate', () => {
  it('lets in what fits, in order, and alone what does not', async () => {
    const gate = new MemoryGate(10);
    const log: string[] = [];
    let used = 0;
    const work = (name: string, bytes: number) =>
      gate.during(bytes, async () => {
        used += bytes;
        log.push(`${name} ${used}`);
        await new Promise((resolve) => setTimeout(resolve, 5));
        used -= bytes;
        if (name === 'fails') throw new RangeError(name);
      });
    const all = await Promise.allSettled([
      ...[work('a', 6), work('b', 4), work('fails', 5), work('c', 25), work('d', 1), work('e', 1)],
    ]);
    expect(all.map(({ status }) => status === 'fulfilled')).toEqual([true, true, false, true, true, true]);
    expect(log).toEqual(['a 6', 'b 10', 'fails 9', 'c 25', 'd 1', 'e 2']);
  });
});

describe('decodingBytesPerPixel', () => {
  it('is more for formats whose decoders hold all of a picture', async () => {
    const plain = sharp({ create: { width: 8, height: 8, channels: 3, background: '#123' } });
    const of = async (bytes: Promise<Buffer>) => decodingBytesPerPixel(await sharp(await bytes).metadata());
    expect(await of(plain.clone().jpeg().toBuffer())).toBe(3.5);
    expect(await of(plain.clone().jpeg().withMetadata({ orientation: 6 }).toBuffer())).toBe(6.5);
    expect(await of(plain.clone().jpeg({ progressive: true }).toBuffer())).toBe(9.5);
    expect(await of(plain.clone().png().toBuffer())).toBe(3.5);
    expect(await of(plain.clone().png({ progressive: true }).toBuffer())).toBe(6.5);
    expect(await of(plain.clone().tiff().toBuffer())).toBe(6.5);
    expect(await of(plain.clone().gif().toBuffer())).toBe(12);
    expect(await of(plain.clone().webp().toBuffer())).toBe(12);
    expect(await of(plain.clone().avif({ effort: 0 }).toBuffer())).toBe(19.5);
    expect(await of(plain.clone().avif({ effort: 0, bitdepth: 10 }).toBuffer())).toBeGreaterThanOrEqual(19.5);
  });
});
