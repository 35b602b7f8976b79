// What was chosen: for which shapes it counts, and what of a file is believed.

import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Gpu } from '../../src/gpu/gpu.js';
import { conv3x3Candidates, conv3x3Variants } from '../../src/kernels/conv3x3/candidates.js';
import type { Conv3x3Rung, Conv3x3Sizes } from '../../src/kernels/conv3x3/rungs.js';
import { linearCandidates } from '../../src/kernels/linear/candidates.js';
import { Choices, type ConvEntry, type ConvShape, choicesKeyOf } from '../../src/network/choices.js';
import { addChoices, choicesPath, readChoices, removeChoices } from '../../src/node/choices_file.js';
import { useGpu } from '../support/gpu.js';

const SHAPE: ConvShape = { N: 1, H: 56, W: 56, C: 128, O: 256, pooled: false };
const entry = (shape: Partial<ConvShape>, choice: ConvEntry['choice']): ConvEntry => {
  return { shape: { ...SHAPE, ...shape }, choice, ms: 1, defaultMs: 2 };
};
const VEC4 = { rung: '04_vec4' } as const;
const BLOCKED = { rung: '03_register_blocked', tiling: { BM: 128 } } as const;

describe('choices', () => {
  const choices = new Choices([entry({ N: 1 }, VEC4), entry({ N: 8 }, BLOCKED)], []);

  it.each([
    [1, VEC4],
    [2, VEC4],
    [3, BLOCKED],
    [8, BLOCKED],
    [32, BLOCKED],
    [33, undefined],
  ])('for %i pictures are those of the nearest batch, if it is near', (N, choice) => {
    expect(choices.forConv3x3({ ...SHAPE, N })).toEqual(choice);
  });

  it('are for one shape only', () => {
    for (const other of [{ H: 55 }, { W: 14 }, { C: 64 }, { O: 64 }, { pooled: true }])
      expect(choices.forConv3x3({ ...SHAPE, ...other })).toBeUndefined();
  });

  it('of a few rows do not make a gemv of many', () => {
    const shape = { N: 8, D: 64, O: 16 };
    const few = new Choices(
      [],
      [{ shape, choice: { rung: '03_gemv', workgroups: 256 }, ms: 1, defaultMs: 1 }],
    );
    expect(few.forLinear({ ...shape, N: 5 })).toEqual({ rung: '03_gemv', workgroups: 256 });
    expect(few.forLinear({ ...shape, N: 9 })).toBeUndefined();
  });

  it('are replaced, shape by shape', () => {
    const added = choices.with(new Choices([entry({ N: 8 }, VEC4), entry({ N: 16 }, VEC4)], []));
    expect(added.conv3x3.map(({ shape, choice }) => [shape.N, choice])).toEqual([
      [1, VEC4],
      [8, VEC4],
      [16, VEC4],
    ]);
  });
});

describe('candidates', () => {
  const gpu = useGpu({ adapter: 'null' });
  const bare = useGpu({ adapter: 'null', without: ['subgroups'] });

  it('begin with the default, are all different, and only such as the adapter can run', () => {
    const all = conv3x3Candidates(gpu(), SHAPE, 'f32');
    expect(all[0]).toEqual({ rung: '06_subgroup' });
    expect(new Set(all.map((choice) => JSON.stringify(choice))).size).toBe(all.length);
    expect(all.map(({ rung }) => rung)).not.toContain('01_naive');
    const without = conv3x3Candidates(bare(), SHAPE, 'f32');
    expect(without[0]).toEqual({ rung: '05_winograd_4x4' });
    expect(without.map(({ rung }) => rung)).not.toContain('06_subgroup');
    expect(conv3x3Candidates(gpu(), { ...SHAPE, O: 8 }, 'f32')[0]).toEqual({ rung: '04_vec4' });
  });

  it('are matrices of the hardware where there is some, and weights that they read', () => {
    const card = { ...gpu(), info: { ...gpu().info, isSoftware: false } } as Gpu;
    const has07 = (of: Gpu, dtype: 'f32' | 'f16') =>
      conv3x3Candidates(of, SHAPE, dtype).some(({ rung }) => rung === '07_subgroup_matrix');
    expect(has07(card, 'f16')).toBe(true);
    expect(has07(card, 'f32')).toBe(false);
    expect(has07(gpu(), 'f16')).toBe(false);
  });

  it('have other chunks only where there are several', () => {
    const large = { N: 1, H: 224, W: 224, C: 64, O: 64 };
    const sizesOn = (of: Gpu, rung: Conv3x3Rung, shape: Conv3x3Sizes) =>
      conv3x3Variants(of, { rung }, shape).map(({ scratchBytes }) => scratchBytes! / 2 ** 20);
    expect(sizesOn(gpu(), '06_subgroup', large)).toEqual([2, 32]);
    // A card's default has room for all of it at once.
    const card = { ...gpu(), info: { ...gpu().info, isSoftware: false }, limits: gpu().limits } as Gpu;
    expect(sizesOn(card, '05_winograd_4x4', large)).toEqual([2, 8]);
    expect(sizesOn(gpu(), '06_subgroup', { N: 1, H: 14, W: 14, C: 64, O: 64 })).toEqual([]);
    expect(sizesOn(gpu(), '04_vec4', large)).toEqual([]);
  });

  it('of a dense layer go by its rows, and by what the adapter can run', () => {
    const rungs = (of: Gpu, N: number) => [...new Set(linearCandidates(of, { N }).map(({ rung }) => rung))];
    expect(rungs(gpu(), 1)).toEqual(['03_gemv']);
    expect(rungs(gpu(), 8)).toEqual(['03_gemv', '05_subgroup', '04_register_blocked']);
    expect(rungs(gpu(), 32)).toEqual(['05_subgroup', '04_register_blocked']);
    expect(rungs(bare(), 32)).toEqual(['04_register_blocked']);
  });
});

describe('the file of choices', () => {
  const gpu = useGpu({ adapter: 'null' });
  const bare = useGpu({ adapter: 'null', without: ['subgroups'] });
  let folder: string;
  let path: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'tuning '));
    path = choicesPath(choicesKeyOf(gpu(), 'f32'), folder);
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  const chosen = new Choices(
    [entry({}, { rung: '06_subgroup', tiling: { BN: 64 } }), entry({ H: 28 }, VEC4)],
    [{ shape: { N: 1, D: 64, O: 16 }, choice: { rung: '03_gemv', workgroups: 256 }, ms: 1, defaultMs: 1 }],
  );

  it('is another for each adapter and dtype, and gives back what was added', async () => {
    const key = choicesKeyOf(gpu(), 'f32');
    const others = [
      { ...key, dtype: 'f16' as const },
      { ...key, adapter: { ...key.adapter, device: 'another' } },
    ];
    expect(new Set([key, ...others].map((one) => choicesPath(one, folder))).size).toBe(3);
    expect(await readChoices(gpu(), 'f32', path)).toEqual({ choices: Choices.NONE, fault: undefined });
    await addChoices(path, gpu(), 'f32', chosen);
    await addChoices(path, gpu(), 'f32', new Choices([entry({ H: 28, N: 8 }, BLOCKED)], []));
    const { choices, fault } = await readChoices(gpu(), 'f32', path);
    expect(fault).toBeUndefined();
    expect(choices.conv3x3).toHaveLength(3);
    expect(choices.linear).toEqual(chosen.linear);
    expect(await readdir(dirname(path))).toHaveLength(1);
    expect([await removeChoices(path), await removeChoices(path)]).toEqual([true, false]);
  });

  it('is believed no further than the candidates go', async () => {
    await addChoices(path, gpu(), 'f32', chosen);
    const { choices, fault } = await readChoices(bare(), 'f32', path);
    expect(fault).toBeUndefined();
    expect(choices.conv3x3.map(({ choice }) => choice)).toEqual([VEC4]);
    const text = await readFile(path, 'utf8');
    await writeFile(
      path,
      text.replace('"BN": 64', '"BN": 7').replace('"workgroups": 256', '"workgroups": 1e9'),
    );
    const edited = await readChoices(gpu(), 'f32', path);
    expect([edited.choices.conv3x3.length, edited.choices.linear.length]).toEqual([1, 0]);
  });

  it.each([
    ['cut', (text: string) => text.slice(0, -20), /is damaged \(/],
    ['of another shape', () => '[]', /is damaged; /],
    ['of entries that are none', (text: string) => text.replace('"H": 56', '"H": "56"'), /is damaged; /],
    [
      'of another version',
      (text: string) => text.replace(/"version": "[^"]*"/, '"version": "0.0.9"'),
      /is of vgg16-webgpu 0\.0\.9, this is \d/,
    ],
    [
      'of another driver',
      (text: string) => text.replace(/"driver": "[^"]*"/, '"driver": "Mesa 9"'),
      /is of the driver "Mesa 9", this is/,
    ],
    ['of another dtype', (text: string) => text.replace('"f32"', '"f16"'), /is of another adapter or dtype/],
  ])('that is %s is a fault in one line, and is replaced', async (_, change, fault) => {
    await addChoices(path, gpu(), 'f32', chosen);
    await writeFile(path, change(await readFile(path, 'utf8')));
    const found = await readChoices(gpu(), 'f32', path);
    expect(found.choices.isEmpty).toBe(true);
    expect(found.fault).toMatch(fault);
    expect(found.fault).toMatch(/^[^\n]*; what `vgg16 tune` chose is left aside until it is run again$/);
    await addChoices(path, gpu(), 'f32', chosen);
    expect((await readChoices(gpu(), 'f32', path)).choices.conv3x3).toHaveLength(2);
  });

  it('that is a folder is a fault, too', async () => {
    await mkdir(path, { recursive: true });
    expect((await readChoices(gpu(), 'f32', path)).fault).toMatch(/EISDIR/);
  });
});
