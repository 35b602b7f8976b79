import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { countTrainedOn, writeSplit } from '../../../src/node/runs/split.js';
import type { Sample } from '../../../src/train/dataset.js';

const CLASSES = ['ant', 'bee'];
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'vgg16-trained-on-'));
  await mkdir(join(folder, 'photos'));
});
afterAll(() => rm(folder, { recursive: true }));

it('counts the pictures that a run was trained on, and not those that it was validated with', async () => {
  const sample = (name: string, label: number): Sample => {
    const path = join(folder, 'photos', CLASSES[label]!, name);
    return { name: path, picture: path, label };
  };
  const train = [sample('1.jpg', 0), sample('2.jpg', 0), sample('1.jpg', 1)];
  const val = [sample('3.jpg', 0), sample('3.jpg', 1)];
  const name = join(folder, 'photos');
  await writeSplit(join(folder, 'split.json'), { name, classes: CLASSES, train, val, test: [], notes: [] });
  const all = [...train, ...val, sample('new.jpg', 0)];
  expect(await countTrainedOn(join(folder, 'best.safetensors'), CLASSES, all)).toBe(3);
  expect(await countTrainedOn(join(folder, 'nowhere', 'head.safetensors'), CLASSES, all)).toBe(0);
  expect(await countTrainedOn(folder, CLASSES, val)).toBe(0);
});
