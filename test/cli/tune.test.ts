// vgg16 tune, as its users run it, with a cache of its own.

import { readdir, readFile, writeFile } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, describe, expect, it } from 'vitest';
import type { ChoicesRecord } from '../../src/network/choices.js';
import { blocks, NULL, type Surroundings, start, useFolder, vgg16, writeNarrow } from './support.js';

const at = useFolder();
let weights: readonly string[];
const own = (cache = 'cache'): Surroundings => ({ env: { VGG16_CACHE: at(cache), VGG16_TUNED: '1' } });

interface Tuned {
  readonly file: string;
  readonly driver: string;
  readonly batches: readonly {
    readonly batch: number;
    readonly layers: readonly {
      readonly layer: string;
      readonly shape: object;
      readonly choice: { readonly rung: string };
      readonly ms: number;
      readonly defaultMs: number;
    }[];
    readonly totals: { readonly ms: number; readonly defaultMs: number };
  }[];
  readonly leftOut: readonly object[];
}

beforeAll(async () => {
  // All layers of a block alike: few shapes, for CPUs are slow to compile.
  weights = ['--weights', await writeNarrow(at('narrow.safetensors'))];
  await blocks(1).png().toFile(at('a.png'));
});

describe('tune', () => {
  let tuned: Tuned;

  it('chooses for every layer, shows and keeps it', async () => {
    const nothing = await vgg16(['tune', '--list'], own());
    expect([nothing.code, nothing.stderr]).toEqual([0, []]);
    expect(nothing.stdout).toMatch(/^Nothing was chosen for .+, f32 weights\.\n$/);

    const { code, stdout, stderr } = await vgg16(['tune', ...weights, '--json'], own());
    expect(code).toBe(0);
    expect(stderr.at(-1)).toMatch(/^tuning \d+ kernels in \d/);
    tuned = JSON.parse(stdout);
    expect(tuned.leftOut).toEqual([]);
    const [{ batch, layers, totals }] = tuned.batches as [Tuned['batches'][number]];
    expect(batch).toBe(1);
    expect(layers.map(({ layer }) => layer)).toEqual([
      ...[2, 2, 3, 3, 3].flatMap((convs, block) =>
        Array.from({ length: convs }, (_, i) => `block${block + 1}_conv${i + 1}`),
      ),
      ...['fc1', 'fc2', 'fc3'],
    ]);
    expect(layers[1]!.shape).toEqual({ N: 1, H: 32, W: 32, C: 4, O: 4, pooled: true });
    expect(layers.at(-1)!.shape).toEqual({ N: 1, D: 8, O: 12 });
    expect(totals.ms).toBeCloseTo(layers.reduce((sum, { ms }) => sum + ms, 0));
    expect(totals.ms).toBeLessThanOrEqual(totals.defaultMs);

    const record: ChoicesRecord = JSON.parse(await readFile(tuned.file, 'utf8'));
    expect(record).toMatchObject({ driver: tuned.driver, dtype: 'f32' });
    // block3_conv2 has the shape of no other layer; of block 3 to 5, two have the same.
    expect(record.conv3x3.length + record.linear.length).toBe(
      new Set(layers.map(({ shape }) => JSON.stringify(shape))).size,
    );

    const list = await vgg16(['tune', '--list'], own());
    expect([list.code, list.stderr]).toEqual([0, []]);
    const lines = list.stdout.split('\n');
    expect(lines[0]).toMatch(/^batch {2}shape +default ms +ms +gain +kernel$/);
    expect(lines.find((line) => line.includes('32x32x4 -> 4, pooled'))).toMatch(
      /^1 +32x32x4 -> 4, pooled +[\d.]+ +[\d.]+ .*\d\d_\w+/,
    );
    expect(list.stdout).toContain(`Kept in ${tuned.file}`);
  });

  it('is heeded by what loads a network, unless it is told not to', async () => {
    // So that there is something to see, and to compute: what is chosen, is not what is the default.
    const record: ChoicesRecord = JSON.parse(await readFile(tuned.file, 'utf8'));
    const conv3x3 = record.conv3x3.map((entry) => ({ ...entry, choice: { rung: '05_winograd_2x2' } }));
    await writeFile(tuned.file, JSON.stringify({ ...record, conv3x3 }));
    const classify = async (env: object) => {
      const options = { env: { ...own().env, ...env } };
      const { code, stdout, stderr } = await vgg16(['classify', at('a.png'), ...weights, '--json'], options);
      expect([code, stderr]).toEqual([0, []]);
      return JSON.parse(stdout)[0].predictions as { label: string; score: number }[];
    };
    const [one, other] = [await classify({}), await classify({ VGG16_TUNED: '0' })];
    expect(one).not.toEqual(other);
    const scores = new Map(other.map(({ label, score }) => [label, score]));
    for (const { label, score } of one) expect(score).toBeCloseTo(scores.get(label)!, 5);
  });

  it.skipIf(process.platform === 'win32')(
    'says so where the file is damaged, and replaces it, even interrupted',
    async () => {
      await writeFile(tuned.file, '{"conv3x3": [');
      const line = expect.stringMatching(
        /^note: .*\.json: is damaged \(.*\); what `vgg16 tune` chose is left aside until/,
      );
      const { code, stderr } = await vgg16(['classify', at('a.png'), ...weights], own());
      expect([code, stderr]).toEqual([0, [line]]);
      const list = await vgg16(['tune', '--list'], own());
      expect([list.code, list.stderr]).toEqual([0, [line]]);

      // A shape is enough: what is done is kept.
      const { child, ran } = start(['tune', ...weights], own());
      const isWhole = (text: string) => text.includes('"conv3x3"') && !text.endsWith('[');
      while (!isWhole(await readFile(tuned.file, 'utf8')) && child.exitCode === null) await sleep(20);
      child.kill('SIGINT');
      const interrupted = await ran;
      expect([interrupted.code, interrupted.stdout, interrupted.stderr.at(-1)]).toEqual([
        130,
        '',
        'error: interrupted',
      ]);
      expect(await readdir(dirname(tuned.file))).toEqual([basename(tuned.file)]);
      const record: ChoicesRecord = JSON.parse(await readFile(tuned.file, 'utf8'));
      expect(record.conv3x3.length).toBeGreaterThan(0);
      expect((await vgg16(['classify', at('a.png'), ...weights], own())).stderr).toEqual([]);
    },
  );

  it('forgets when it is told to', async () => {
    expect(await vgg16(['tune', '--reset'], own())).toEqual({
      code: 0,
      stdout: `Removed ${tuned.file}\n`,
      stderr: [],
    });
    const again = await vgg16(['tune', '--reset'], own());
    expect([again.code, again.stdout]).toEqual([0, '']);
    expect(again.stderr).toEqual([expect.stringMatching(/^note: nothing was chosen for .*, f32 weights$/)]);
  });
});

describe('tune that cannot', () => {
  it.each([
    [
      ['--batch', '1,x'],
      2,
      /option '--batch <counts>' argument '1,x' is invalid\. It must be a whole number/,
    ],
    [['--list', '--reset'], 2, /^error: --list and --reset: one of them$/],
    [['--size', '16'], 2, /pictures of 16 x 16 pixels are too small/],
    [[], 2, /^error: the null backend computes nothing: there is nothing to choose by$/],
  ])('%j: one line', async (flags, code, line) => {
    const ran = await vgg16(['tune', ...flags], { env: { ...own('no cache').env, ...NULL.env } });
    expect([ran.code, ran.stdout, ran.stderr.filter((text) => !text.startsWith('tuning'))]).toEqual([
      code,
      '',
      [expect.stringMatching(line)],
    ]);
    expect(await readdir(at()).then((names) => names.includes('no cache'))).toBe(false);
  });
});
