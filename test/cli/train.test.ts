// From a folder of pictures to a classifier, as a user goes about it.

import { cp, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Evaluation } from '../../src/train/metrics.js';
import { useFolder } from './support.js';
import { CLASSES, commandIn, QUICK, traceOf, writeBase, writePhotos } from './training.js';

const at = useFolder();
const { run } = commandIn(() => at());
const BASE = ['--weights', 'base.safetensors', ...QUICK];
const answers = async (weights: string) => {
  const { code, stdout } = await run([
    'classify',
    'photos/red/0.png',
    'photos/green/0.png',
    '--json',
    '--weights',
    weights,
  ]);
  expect(code).toBe(0);
  return JSON.parse(stdout) as { predictions: { label: string; score: number }[] }[];
};

/** What training said: of folders, quietly; then again, as JSON. */
let plain: Awaited<ReturnType<typeof run>>;
let json: Awaited<ReturnType<typeof run>>;

beforeAll(async () => {
  await writeBase(at('base.safetensors'));
  await writePhotos(at('photos'));
  plain = await run(['train', 'photos', ...BASE]);
  json = await run(['train', 'photos', ...BASE, '--json']);
});

describe('vgg16 train', () => {
  it('trains, says how well it went, and how to use it', () => {
    expect(plain.code).toBe(0);
    expect(plain.stdout).toMatch(
      /^Best epoch: \d of 6\nAccuracy 100\.0%, loss 0\.\d{4} on 3 pictures to validate with\n95% interval 43\.9% to 100\.0%; always answering blue would be right for 33\.3%\n/,
    );
    expect(plain.stdout).toMatch(
      /\n {2}class +pictures +precision +recall +F1\n {2}blue +1 +100\.0% +100\.0% +100\.0%\n/,
    );
    expect(plain.stdout).toMatch(
      /\n\nReport {2}runs\/train-1\/report\.html\nUse it {2}vgg16 classify PICTURE --weights runs\/train-1\n$/,
    );
  });

  it('shows progress on stderr alone, a row an epoch', () => {
    expect(plain.stderr[0]).toBe('photos: 3 classes, 18 to train on, 3 to validate with');
    expect(plain.stderr[1]).toBe('run runs/train-1');
    expect(plain.stderr.slice(2, 3)).toEqual([expect.stringMatching(/^features 21 pictures in /)]);
    expect(plain.stderr[3]).toMatch(/^ +epoch +loss +accuracy +val loss +val accuracy +lr +img\/s$/);
    expect(plain.stderr.slice(4)).toHaveLength(6);
    for (const [i, row] of plain.stderr.slice(4).entries()) {
      expect(row).toMatch(
        new RegExp(
          `^ +${i + 1}/6 +\\d\\.\\d{4} +[\\d.]+% +\\d\\.\\d{4} +[\\d.]+% +[\\d.]+e-\\d +[\\d,.]+( {2}best)?$`,
        ),
      );
    }
  });

  it('makes a folder with all that belongs to a run', async () => {
    expect((await readdir(at('runs', 'train-1'))).sort()).toEqual([
      ...['args.json', 'best.safetensors', 'classes.json', 'confusion.svg', 'curves.svg', 'env.json'],
      ...['last.safetensors', 'report.html', 'results.csv', 'split.json'],
    ]);
    const results = await readFile(at('runs', 'train-1', 'results.csv'), 'utf8');
    expect(results.split('\n')[0]).toMatch(/^epoch,loss,val_loss,val_accuracy,/);
    expect(results.trimEnd().split('\n')).toHaveLength(7);
    expect(JSON.parse(await readFile(at('runs', 'train-1', 'classes.json'), 'utf8'))).toEqual(CLASSES);
  });

  it('never writes into another run, and gives the same bytes for the same seed', async () => {
    expect(JSON.parse(json.stdout)).toMatchObject({
      folder: 'runs/train-2',
      best: { val_accuracy: 1 },
      test: null,
    });
    expect(await traceOf(at('runs', 'train-2'))).toEqual(await traceOf(at('runs', 'train-1')));
    const other = await run(['train', 'photos', ...BASE, '--seed', '1', '--out', 'other seed']);
    expect(other.code).toBe(0);
    expect(other.stdout).toContain("--weights 'other seed'\n");
    expect(await traceOf(at('other seed'))).not.toEqual(await traceOf(at('runs', 'train-1')));
  });

  it('takes train/, val/ and test/ as they are, and a CSV of the same to the same head', async () => {
    await mkdir(at('parts'));
    for (const [i, part] of ['train', 'valid', 'test'].entries()) {
      await writePhotos(at('parts', part), { seed: 5 + i, count: i === 0 ? 4 : 2 });
    }
    const { code, stdout, stderr } = await run(['train', 'parts', ...BASE, '--json', '--out', 'from parts']);
    expect([code, stderr[0]]).toEqual([
      0,
      'parts: 3 classes, 12 to train on, 6 to validate with, 6 to test with',
    ]);
    const { evaluation, test } = JSON.parse(stdout) as { evaluation: Evaluation; test: Evaluation };
    expect([evaluation.count, test.count]).toEqual([6, 6]);
    expect(stderr).toContainEqual(expect.stringMatching(/^features 24 pictures in /));

    const lines = ['train', 'valid', 'test'].flatMap((part) =>
      CLASSES.flatMap((name) =>
        Array.from(
          { length: part === 'train' ? 4 : 2 },
          (_, i) => `parts/${part}/${name}/${i}.png,${name},${part}`,
        ),
      ),
    );
    await writeFile(at('table.csv'), ['file,label,split', ...lines, ''].join('\n'));
    const table = await run(['train', 'table.csv', ...BASE, '--json', '--out', 'from table']);
    expect(table.code).toBe(0);
    expect(JSON.parse(table.stdout)).toMatchObject({
      evaluation: { accuracy: evaluation.accuracy, loss: evaluation.loss },
    });
    const [{ 'best.safetensors': one }, { 'best.safetensors': two }] = (await Promise.all(
      ['from parts', 'from table'].map((folder) => traceOf(at(folder))),
    )) as [Record<string, string>, Record<string, string>];
    expect(two).toBe(one);
  });

  it('finds a learning rate with --lr auto, and varies pictures with --augment', async () => {
    const args = ['--lr', 'auto', '--augment', 'flip,crop', '--views', '2', '--head', 'mlp', '--hidden', '8'];
    const { code, stderr } = await run([
      'train',
      'photos',
      ...BASE,
      ...args,
      '--epochs',
      '2',
      '--out',
      'auto',
    ]);
    expect(code).toBe(0);
    const found = stderr.map((line) => /^note: --lr auto found ([\d.e-]+)$/.exec(line)?.[1]).find(Boolean);
    const { lr, options } = JSON.parse(await readFile(at('auto', 'args.json'), 'utf8')) as {
      lr: number;
      options: Record<string, unknown>;
    };
    expect(Number(found)).toBeCloseTo(lr, 2);
    expect(options).toMatchObject({
      lr: 'auto',
      augment: ['flip', 'crop'],
      views: 2,
      hidden: [8],
      epochs: 2,
    });
  });

  it('begins with the numbers of another head with --init-from', async () => {
    const args = ['--init-from', 'runs/train-1/best.safetensors', '--lr', '1e-9', '--epochs', '1'];
    const { code, stdout } = await run(['train', 'photos', ...BASE, ...args, '--json', '--out', 'begun']);
    expect(code).toBe(0);
    const loss = (text: string) => (JSON.parse(text) as { evaluation: Evaluation }).evaluation.loss;
    expect(loss(stdout)).toBeCloseTo(loss(json.stdout), 4);
  });

  it('leaves broken pictures out, and says which and how many', async () => {
    await cp(at('photos'), at('one broken'), { recursive: true });
    await writeFile(at('one broken', 'green', '2.png'), 'no picture');
    const { code, stderr } = await run([
      'train',
      'one broken',
      ...BASE,
      '--epochs',
      '1',
      '--out',
      'less one',
    ]);
    expect(code).toBe(0);
    expect(stderr).toContainEqual(
      expect.stringMatching(/^skipped: one broken\/green\/2\.png is not a picture/),
    );
    expect(stderr).toContainEqual(
      expect.stringMatching(/^note: (train|val): 1 of \d+ pictures left out, unreadable$/),
    );
  });
});

describe('a trained head', () => {
  it('classifies with its own labels, named by its run or its file', async () => {
    const byRun = await answers('runs/train-1');
    expect(byRun.map(({ predictions }) => predictions[0]!.label)).toEqual(['red', 'green']);
    expect(await answers('runs/train-1/best.safetensors')).toEqual(byRun);
  });

  it('answers the same once it is exported, without its base', async () => {
    expect((await run(['export', 'runs/train-1', '--out', 'whole.safetensors'])).code).toBe(0);
    await mkdir(at('elsewhere'));
    await cp(at('whole.safetensors'), at('elsewhere', 'whole.safetensors'));
    expect(await answers('elsewhere/whole.safetensors')).toEqual(await answers('runs/train-1'));
  });

  it('is evaluated as its training did it', async () => {
    const { evaluation } = JSON.parse(json.stdout) as { evaluation: Evaluation };
    const lines = JSON.parse(await readFile(at('runs', 'train-1', 'split.json'), 'utf8')) as {
      val: [file: string, className: string][];
    };
    const rows = lines.val.map(([file, className]) => `photos/${file},${className}`);
    await writeFile(at('val.csv'), ['file,label', ...rows, ''].join('\n'));
    const { code, stdout } = await run(['eval', 'val.csv', '--weights', 'runs/train-1', '--json']);
    expect(code).toBe(0);
    const found = JSON.parse(stdout) as Evaluation;
    expect(found).toMatchObject({ accuracy: evaluation.accuracy, perClass: evaluation.perClass });
    expect(found.loss).toBeCloseTo(evaluation.loss, 4);
  });

  it('is listed among its like', async () => {
    const { code, stdout } = await run(['runs']);
    expect(code).toBe(0);
    expect(stdout.split('\n').slice(1, 3)).toEqual([
      expect.stringMatching(/^runs\/train-1 +photos +linear +block5_pool, avg, 32 px +6\/6 +100\.0% /),
      expect.stringMatching(/^runs\/train-2 +photos +linear /),
    ]);
    const both = await run(['runs', 'runs/train-1', join('other seed')]);
    expect(both.stdout).toMatch(/\n\ndiffers in +runs\/train-1 +other seed\n--seed +0 +1\n$/);
  });
});
