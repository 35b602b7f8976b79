// A folder of 100,000 pictures: npm run test:full.

import { closeSync, mkdirSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { findDataset } from '../../../src/node/datasets/find.js';
import { readSplit, writeSplit } from '../../../src/node/runs/split.js';
import type { Dataset } from '../../../src/train/dataset.js';
import { useTrees } from './support.js';

const tree = useTrees();

const CLASSES = 10;
const EACH = 10_000;

function heap(): number {
  globalThis.gc!();
  return process.memoryUsage().heapUsed;
}

describe.skipIf(!process.env.FULL)('100,000 pictures (FULL=1)', () => {
  it('are found within seconds and 500 bytes each, and recorded and found again as fast', async () => {
    const root = await tree([]);
    for (let label = 0; label < CLASSES; label++) {
      mkdirSync(join(root, `class_${label}`));
      for (let i = 0; i < EACH; i++)
        closeSync(openSync(join(root, `class_${label}`, `IMG_2024_${i}.jpg`), 'w'));
    }
    const count = CLASSES * EACH;
    /** Of a data set that is there afterwards; and that it took no longer than 20 s, ten times what it should. */
    const measured = async (find: () => Promise<Dataset>) => {
      const before = heap();
      const begin = performance.now();
      const dataset = await find();
      expect(performance.now() - begin).toBeLessThan(20_000);
      expect((heap() - before) / count).toBeLessThan(500);
      return dataset;
    };
    const dataset = await measured(() => findDataset(root, { seed: 0 }));
    expect([dataset.train.length, dataset.val.length]).toEqual([0.8 * count, 0.2 * count]);
    await writeSplit(join(root, 'split.json'), dataset);
    const again = await measured(() => readSplit(join(root, 'split.json'), dataset.classes));
    expect(again.train[79_999]).toEqual(dataset.train[79_999]);
    expect(again.val.length).toBe(dataset.val.length);
  });
});
