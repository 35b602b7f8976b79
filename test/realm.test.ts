import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { createContext, runInContext } from 'node:vm';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { frame, IMAGENET_FRAMING } from '../src/image/framing.js';
import { decode } from '../src/node/image/decode.js';
import { isUint8Array, isUrl } from '../src/realm.js';
import { patterned } from './image/golden.js';

const realm = createContext({});

/** A copy whose class is another realm's, as in Jest's environments. */
function foreign(bytes: Uint8Array): Uint8Array {
  const copy = runInContext(`new Uint8Array(${bytes.length + 4}).subarray(4)`, realm) as Uint8Array;
  copy.set(bytes);
  expect(copy).not.toBeInstanceOf(Uint8Array);
  return copy;
}

/** As of jsdom, whose URL is a class of its own. */
function foreignUrl(url: URL): URL {
  const { href, protocol, hostname, pathname } = url;
  return { href, protocol, hostname, pathname, [Symbol.toStringTag]: 'URL' } as unknown as URL;
}

describe('arrays and URLs of another realm', () => {
  it('are told from other values', () => {
    expect([foreign(Uint8Array.of(1)), Buffer.alloc(1)].map(isUint8Array)).toEqual([true, true]);
    const others = [
      null,
      undefined,
      3,
      'x',
      [],
      {},
      new Int8Array(1),
      new Uint8ClampedArray(1),
      new DataView(new ArrayBuffer(1)),
    ];
    expect(others.map(isUint8Array)).toEqual(others.map(() => false));
    expect([new URL('file:///a'), foreignUrl(new URL('file:///a'))].map(isUrl)).toEqual([true, true]);
    expect([null, 'file:///a', { href: 'file:///a' }].map(isUrl)).toEqual([false, false, false]);
  });

  it('are decoded and framed as our own', async () => {
    const own = patterned(32, 48);
    const { width, height, data } = own;
    const png = await sharp(data, { raw: { width, height, channels: 3 } })
      .png()
      .toBuffer();
    const pixels = { width, height, data: foreign(data) };
    expect(await decode(foreign(png))).toEqual(own);
    expect(await decode(pixels)).toEqual(own);
    expect(frame(pixels, IMAGENET_FRAMING)).toEqual(frame(own, IMAGENET_FRAMING));
    const folder = await mkdtemp(join(tmpdir(), 'vgg16-realm-'));
    try {
      await writeFile(join(folder, 'a.png'), png);
      expect(await decode(foreignUrl(pathToFileURL(join(folder, 'a.png'))))).toEqual(own);
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
