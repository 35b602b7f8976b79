// A VGG16 of full size is written and read a part at a time.

import { statSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openSafetensors } from '../../src/node/weights/safetensors.js';
import { findNonFinite } from '../../src/weights/floats.js';
import { describeVgg16 } from '../../src/weights/vgg16.js';
import { FULL_VGG16, writeRandomVgg16 } from '../support/random_vgg16.js';
import { temporaryFolder } from './files.js';

const folder = temporaryFolder();

test.skipIf(!process.env.FULL)(
  'a random VGG16 of full size (FULL=1) takes 553 MB, 30 s at most, and 100 MB of memory',
  async () => {
    const path = join(folder, 'full');
    const before = process.resourceUsage().maxRSS;
    const start = performance.now();
    await writeRandomVgg16(path, { ...FULL_VGG16, seed: 1 });
    expect(performance.now() - start).toBeLessThan(30_000);
    expect(statSync(path).size).toBe(553_432_984);
    const source = await openSafetensors(path);
    const { dense, featureSide } = describeVgg16(source);
    expect([featureSide, ...dense.flatMap((d) => [d.inputs, d.outputs])]).toEqual([
      7, 25088, 4096, 4096, 4096, 4096, 1000,
    ]);
    const part = new Uint8Array(2 ** 24);
    for (const { name, byteLength, dtype } of source.tensors.values()) {
      for (let at = 0; at < byteLength; at += part.length) {
        const bytes = part.subarray(0, byteLength - at);
        await source.read(name, at, bytes);
        expect(findNonFinite(bytes, dtype)).toBe(-1);
      }
    }
    await source.close();
    expect((process.resourceUsage().maxRSS - before) / 1024).toBeLessThan(100);
  },
);
