// vgg16 lr-find: a learning rate that suits a head and its pictures.

import { readdir, readFile } from 'node:fs/promises';
import { beforeAll, describe, expect, it } from 'vitest';
import type { CurvePoint } from '../../src/train/sweep.js';
import { useFolder } from './support.js';
import { commandIn, SIDE, writeBase, writePhotos } from './training.js';

const at = useFolder();
const { run } = commandIn(() => at());
const FIND = ['lr-find', 'photos', '--weights', 'base.safetensors', '--size', String(SIDE), '--batch', '8'];

beforeAll(async () => {
  await writeBase(at('base.safetensors'));
  await writePhotos(at('photos'));
});

describe('vgg16 lr-find', () => {
  it('suggests the same rate each time, draws the curve, and leaves no run', async () => {
    const { code, stdout, stderr } = await run([...FIND, '--svg', 'curve.svg']);
    expect(code).toBe(0);
    const [, suggested] = /^Suggested {2}--lr ([\d.e-]+)\nCurve {6}curve\.svg\n$/.exec(stdout)!;
    expect(stderr.at(-1)).toMatch(/^lr-find (\d+\/)?100 steps in /);
    expect(await readFile(at('curve.svg'), 'utf8')).toMatch(/^<\?xml .*\?>\n<svg /);
    const json = await run([...FIND, '--json']);
    const { suggestion, curve } = JSON.parse(json.stdout) as { suggestion: number; curve: CurvePoint[] };
    expect(Number(suggestion.toPrecision(2))).toBe(Number(suggested));
    expect(suggestion).toBeGreaterThan(1e-6);
    expect(suggestion).toBeLessThan(10);
    expect(curve.length).toBeGreaterThan(50);
    expect((await readdir(at())).sort()).toEqual(['base.safetensors', 'cache', 'curve.svg', 'photos']);
  });

  it('says what it cannot use, and where it cannot write', async () => {
    const missing = await run(['lr-find', 'nowhere']);
    expect([missing.code, missing.stderr]).toEqual([2, ['error: nowhere does not exist']]);
    const ofARun = await run([...FIND, '--epochs', '3']);
    expect([ofARun.code, ofARun.stderr]).toEqual([2, [expect.stringContaining("unknown option '--epochs'")]]);
    const { code, stdout, stderr } = await run([...FIND, '--svg', 'no/folder.svg']);
    expect([code, stdout, stderr.at(-1)]).toEqual([
      8,
      '',
      'error: cannot write no/folder.svg: its folder does not exist',
    ]);
  });
});
