// vgg16 eval: a trained head is put to the test.

import { cp, mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Evaluation } from '../../src/train/metrics.js';
import { writeRandomHead } from '../support/heads.js';
import { useFolder } from './support.js';
import { CLASSES, commandIn, program, useWorkingFolder, writeBase, writePhotos } from './training.js';

const at = useFolder();
const { run } = commandIn(() => at());
useWorkingFolder(() => at());
const HEAD = ['--weights', 'head.safetensors'];

beforeAll(async () => {
  await writeBase(at('base.safetensors'));
  await writeRandomHead(at('head.safetensors'), {
    ...{ base: at('base.safetensors'), features: 'block5_pool', units: [8, 3], size: 32, classes: CLASSES },
    preprocess: 'torchvision',
  });
  await writePhotos(at('photos'), { count: 3 });
  await mkdir(at('parts'));
  await writePhotos(at('parts', 'train'), { count: 2 });
  await writePhotos(at('parts', 'test'), { count: 1, classes: ['red', 'green'], seed: 2 });
});

describe('vgg16 eval', () => {
  it('counts every picture in its class, as text and as JSON', async () => {
    const { code, stdout, stderr } = await run(['eval', 'photos', ...HEAD, '--json', '--batch', '4']);
    expect(code).toBe(0);
    expect(stderr.at(-1)).toMatch(/^eval 9 pictures in /);
    const evaluation = JSON.parse(stdout) as Evaluation;
    expect(evaluation).toMatchObject({ count: 9, classes: CLASSES });
    expect(evaluation.perClass.map(({ name, count }) => [name, count])).toEqual(
      CLASSES.map((name) => [name, 3]),
    );
    const hits = evaluation.confusion.reduce((sum, row, label) => sum + row[label]!, 0);
    expect(evaluation.accuracy).toBe(hits / 9);
    expect(evaluation.loss).toBeGreaterThan(0);
    const text = await run(['eval', 'photos', ...HEAD]);
    expect(text.stdout.split('\n')[0]).toBe(
      `Accuracy ${(100 * evaluation.accuracy).toFixed(1)}%, loss ${evaluation.loss.toFixed(4)} on 9 pictures of photos`,
    );
  });

  it('takes the part that is asked for, though it may lack classes', async () => {
    const { stdout } = await run(['eval', 'parts', ...HEAD, '--part', 'test', '--json']);
    expect((JSON.parse(stdout) as Evaluation).perClass.map(({ count }) => count)).toEqual([0, 1, 1]);
    const { code, stderr } = await run(['eval', 'parts', ...HEAD]);
    expect([code, stderr]).toEqual([
      2,
      [expect.stringMatching(/^error: parts has no part called val; it has /)],
    ]);
  });

  it('leaves broken pictures out, and fails where all are', async () => {
    await cp(at('photos'), at('broken'), { recursive: true });
    for (const name of CLASSES) for (const i of [0, 1]) await writeFile(at('broken', name, `${i}.png`), '');
    await writeFile(at('broken', CLASSES[0], 'phone.heic'), '');
    const some = await run(['eval', 'broken', ...HEAD, '--json']);
    expect(some.code).toBe(3);
    expect((JSON.parse(some.stdout) as Evaluation).count).toBe(3);
    expect(some.stderr.filter((line) => line.startsWith('skipped: '))).toHaveLength(5);
    expect(some.stderr.at(-1)).toBe('note: 6 of 9 pictures left out, unreadable');
    expect(some.stderr[0]).toMatch(
      /^note: left out: 1 picture in a format that cannot be read \(.*phone\.heic\)/,
    );
    for (const name of CLASSES) await writeFile(at('broken', name, '2.png'), '');
    const all = await run(['eval', 'broken', ...HEAD, '--json']);
    expect([all.code, all.stdout, all.stderr.at(-1)]).toEqual([
      3,
      '',
      'error: none of the 9 pictures can be read',
    ]);
  });

  it('says what it misses in one line', async () => {
    await mkdir(at('strange', 'pink'), { recursive: true });
    await cp(at('photos', 'red', '0.png'), at('strange', 'pink', '0.png'));
    const strange = await run(['eval', 'strange', ...HEAD]);
    expect([strange.code, strange.stderr]).toEqual([
      2,
      ['error: strange has what the head does not know: pink (it knows blue, green, red)'],
    ]);
    const none = await program(['eval', 'photos']);
    expect([none.code, none.stderr]).toEqual([2, ['error: name a classifier: --weights runs/train-1']]);
    const base = await run(['eval', 'photos', '--weights', 'base.safetensors']);
    expect([base.code, base.stderr]).toEqual([
      4,
      ['error: base.safetensors has no classifier; name a run of `vgg16 train`'],
    ]);
  });

  it('misses a base that is gone, and refuses another', async () => {
    await rename(at('base.safetensors'), at('moved.safetensors'));
    const gone = await run(['eval', 'photos', ...HEAD]);
    expect([gone.code, gone.stderr]).toEqual([
      4,
      [
        expect.stringMatching(
          /^error: head\.safetensors: its base, .*base\.safetensors, is not there; --base FILE/,
        ),
      ],
    ]);
    expect((await run(['eval', 'photos', ...HEAD, '--base', 'moved.safetensors'])).code).toBe(0);
    await writeBase(at('base.safetensors'), 12);
    const other = await run(['eval', 'photos', ...HEAD]);
    expect([other.code, other.stderr]).toEqual([
      4,
      [expect.stringMatching(/^error: head\.safetensors was trained on another base than /)],
    ]);
    await rm(at('base.safetensors'));
    await rename(at('moved.safetensors'), at('base.safetensors'));
  });
});
