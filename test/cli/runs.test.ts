// vgg16 runs: folders of runs, listed and compared by their small files.

import { mkdir, utimes, writeFile } from 'node:fs/promises';
import { beforeAll, describe, expect, it } from 'vitest';
import { resolveOptions } from '../../src/train/checks.js';
import { resultsHeader } from '../../src/train/epoch_row.js';
import type { ChosenOptions } from '../../src/train/options.js';
import { useFolder, vgg16 } from './support.js';
import { program, useWorkingFolder } from './training.js';

const at = useFolder();
useWorkingFolder(() => at());

/** A run as far as its list goes. @param rows  lines of results.csv */
async function writeRun(
  name: string,
  options: ChosenOptions,
  rows: readonly string[],
  more: object = {},
): Promise<void> {
  const folder = at(...name.split('/'));
  await mkdir(folder, { recursive: true });
  const args = {
    data: '/photos',
    weights: '/base.safetensors',
    base: null,
    dtype: 'f32',
    initFrom: null,
    ...more,
  };
  await writeFile(`${folder}/args.json`, JSON.stringify({ ...args, options: resolveOptions(options) }));
  await writeFile(`${folder}/results.csv`, resultsHeader + rows.map((row) => `${row}\n`).join(''));
  const changed = new Date(2026, 2, 1, 9, 30);
  await utimes(`${folder}/results.csv`, changed, changed);
}

const ROWS = [
  '1,0.9,0.8,0.5,0.5,0.001,100,1',
  '2,0.5,0.4,0.9,0.8,0.001,100,1',
  '3,0.4,0.5,0.9,0.9,0.001,100,1',
];

beforeAll(async () => {
  await writeRun('runs/train-2', { epochs: 3 }, ROWS);
  await writeRun('runs/train-10', { epochs: 9, head: 'mlp', hidden: [64, 8], lr: 'auto' }, ROWS.slice(0, 1), {
    lr: 0.0123,
  });
  await writeRun('runs/train-1', { epochs: 9, patience: 1 }, ROWS);
  await writeRun('runs/train-11', { epochs: 3 }, []);
  await writeRun('runs/damaged', { epochs: 3 }, ['1,x,,']);
  await mkdir(at('runs', 'something else'));
  await mkdir(at('no runs'));
});

describe('vgg16 runs', () => {
  it('lists them by their numbers, with what the best epoch came to', async () => {
    const { code, stdout, stderr } = await program(['runs']);
    expect(code).toBe(0);
    expect(stdout.split('\n')).toEqual([
      'run            pictures  head    reads                     epochs  accuracy    loss  last written',
      'runs/train-1   photos    linear  block5_pool, avg, 224 px     3/9     90.0%  0.4000  2026-03-01 09:30',
      'runs/train-2   photos    linear  block5_pool, avg, 224 px     3/3     90.0%  0.4000  2026-03-01 09:30',
      'runs/train-10  photos    mlp     block5_pool, avg, 224 px     1/9     50.0%  0.8000  2026-03-01 09:30  unfinished',
      'runs/train-11  photos    linear  block5_pool, avg, 224 px     0/3         -       -  2026-03-01 09:30  unfinished',
      '',
    ]);
    expect(stderr).toEqual([expect.stringMatching(/^skipped: runs\/damaged\/results\.csv.*line 2/)]);
  });

  it('prints all of it as JSON', async () => {
    const { stdout } = await program(['runs', '--json', 'runs/train-1', 'runs/train-11']);
    const [early, none] = JSON.parse(stdout) as Record<string, unknown>[];
    expect(early).toMatchObject({
      folder: 'runs/train-1',
      epochs: 3,
      finished: true,
      best: { epoch: 2, val_accuracy: 0.9 },
    });
    expect(early!.arguments).toMatchObject({ data: '/photos', options: { head: 'linear', patience: 1 } });
    expect(none).toMatchObject({ epochs: 0, finished: false, best: null });
  });

  it('tells in what they differ', async () => {
    const { stdout } = await program(['runs', 'runs/train-2', 'runs/train-10']);
    const [, differences] = stdout.split('\n\n');
    const [heading, ...rows] = differences!.trimEnd().split('\n');
    expect(heading).toBe('differs in       runs/train-2  runs/train-10');
    expect(rows.sort()).toEqual([
      '--dropout        0             0.5',
      '--epochs         3             9',
      '--head           linear        mlp',
      '--hidden         none          64,8',
      '--lr             0.001         auto',
      '--lr auto found  -             0.0123',
    ]);
    expect((await program(['runs', 'runs/train-2', 'runs/train-11'])).stdout).toMatch(
      /\n\nThey were asked for the same\.\n$/,
    );
  });

  it('says where there is none', async () => {
    const empty = await program(['runs', '--dir', 'no runs']);
    expect([empty.code, empty.stdout]).toEqual([0, 'no runs has no run yet; `vgg16 train` makes one\n']);
    const nowhere = await program(['runs', '--dir', 'nowhere']);
    expect([nowhere.code, nowhere.stderr]).toEqual([
      2,
      ['error: nowhere: there is no such folder; `vgg16 train` makes runs'],
    ]);
    const other = await program(['runs', 'no runs']);
    expect(other.code).toBe(2);
    expect(other.stderr).toEqual([
      expect.stringMatching(/^error: no runs.*args\.json.*is its folder that of a run\?$/),
    ]);
  });
});

describe("a run of one's own", () => {
  const classify = async (cwd: string) => {
    await mkdir(at('pictures'), { recursive: true });
    await writeFile(at('pictures', 'x.jpg'), 'x');
    const env = { VGG16_CACHE: at('no cache') };
    const { code, stderr } = await vgg16(['classify', at('pictures', 'x.jpg')], { cwd, env });
    expect(code).toBe(4);
    return stderr.at(-1);
  };

  it("is offered where ImageNet's classes are not there, and only where there is one", async () => {
    expect(await classify(at())).toMatch(/or take a run of your own: --weights runs\/train-10$/);
    expect(await classify(at('pictures'))).not.toContain('of your own');
  });
});
