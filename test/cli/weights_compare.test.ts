// vgg16 weights diff, inspect and verify, as their users run them.

import { open, stat, writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { embeddedBasePath } from '../../src/node/embedded.js';
import { changedCopy } from '../weights/files.js';
import { useFolder, vgg16, writeNarrow } from './support.js';

const at = useFolder();
const weights = (...args: string[]) =>
  vgg16(['weights', ...args], { cwd: at(), env: { VGG16_CACHE: at('cache') } });

beforeAll(async () => {
  await writeNarrow(at('tv.safetensors'), { metadata: { classes: JSON.stringify([...'abcdefghij']) } });
  await writeNarrow(at('timm.safetensors'), { naming: 'timm' });
  await writeNarrow(at('notop.safetensors'), { top: false });
  await changedCopy(at('tv.safetensors'), at('f16.safetensors'), { dtype: 'F16' });
  await changedCopy(at('tv.safetensors'), at('moved.safetensors'), {
    change: (name, values) => {
      if (name === 'features.7.bias') values[2]! += 0.25;
    },
  });
  await writeNarrow(at('nan.safetensors'));
  const file = await open(at('nan.safetensors'), 'r+');
  // The last tensor is fc3's bias: ten numbers.
  await file.write(Buffer.from(Float32Array.of(Number.NaN).buffer), 0, 4, (await file.stat()).size - 4);
  await file.close();
});

describe('diff', () => {
  it('finds one network under two namings', async () => {
    const { code, stdout, stderr } = await weights('diff', 'tv.safetensors', 'timm.safetensors');
    const lines = stdout.trimEnd().split('\n');
    expect([code, stderr]).toEqual([0, []]);
    expect(lines.slice(0, 5)).toEqual([
      'a  tv.safetensors',
      'b  timm.safetensors',
      '',
      expect.stringMatching(/^tensor +shape +a +b +equal +max \|a-b\| +NMSE$/),
      expect.stringMatching(/^features\.0\.weight +\(4, 3, 3, 3\) +F32 +F32 +bits +0 +0$/),
    ]);
    expect(lines).toHaveLength(4 + 32 + 2);
    expect(lines.at(-1)).toBe('the same network: all 32 tensors are equal, bit for bit');
  });

  it('finds one network in two dtypes, and tells the loss', async () => {
    const { code, stdout } = await weights('diff', 'tv.safetensors', 'f16.safetensors');
    expect(code).toBe(0);
    expect(stdout).toMatch(/^features\.0\.weight .* F32 +F16 +rounded +\d\.\de-\d +\d\.\de-8$/m);
    expect(stdout.trimEnd().split('\n').at(-1)).toBe(
      'the same network: all 32 tensors are equal, bit for bit once rounded to F16',
    );
  });

  it('tells where two differ, exit code 9', async () => {
    const { code, stdout, stderr } = await weights('diff', 'tv.safetensors', 'moved.safetensors');
    expect([code, stderr]).toEqual([9, []]);
    expect(stdout).toMatch(/^features\.7\.bias +\(4,\) +F32 +F32 +no +2\.5e-1 +\d\.\de.\d$/m);
    expect(stdout.trimEnd().split('\n').at(-1)).toBe('the networks differ: 1 of 32 tensors');
    const top = await weights('diff', 'tv.safetensors', 'notop.safetensors');
    expect([top.code, top.stdout.trimEnd().split('\n').at(-1)]).toEqual([
      9,
      'the networks differ: only a has "classifier.0.weight", "classifier.0.bias", "classifier.3.weight" and 3 more',
    ]);
  });

  it('tells of tensors whose shapes differ, in the table as well', async () => {
    await writeNarrow(at('two.safetensors'), { classes: 2, seed: 6 });
    const { code, stdout } = await weights('diff', 'timm.safetensors', 'two.safetensors');
    const lines = stdout.trimEnd().split('\n');
    expect([code, lines.length]).toEqual([9, 4 + 32 + 2]);
    expect(lines.at(-4)).toMatch(/^classifier\.6\.weight +\(10, 8\), \(2, 8\) +F32 +F32 +no +- +-$/);
    expect(lines.at(-1)).toBe(
      'the networks differ: 32 of 32 tensors; ' +
        'shapes differ: classifier.6.weight (10, 8) and (2, 8), classifier.6.bias (10,) and (2,)',
    );
    await writeNarrow(at('wide.safetensors'), { hidden: 12, seed: 5 });
    const wide = await weights('diff', 'timm.safetensors', 'wide.safetensors');
    expect(wide.stdout.trimEnd()).toMatch(
      /; shapes differ: (classifier\.\S+ \([^)]+\) and \([^)]+\), ){3}2 more$/,
    );
  });

  it('--tolerance allows a difference', async () => {
    const within = await weights('diff', 'tv.safetensors', 'moved.safetensors', '--tolerance', '0.3');
    expect([within.code, within.stdout.trimEnd().split('\n').at(-1)]).toEqual([
      0,
      'the same network: all 32 tensors are equal within the tolerance',
    ]);
    const beyond = await weights('diff', 'tv.safetensors', 'moved.safetensors', '--tolerance', '0.2');
    expect(beyond.code).toBe(9);
    for (const text of ['-1', 'x', '', 'Infinity']) {
      const wrong = await weights('diff', 'tv.safetensors', 'moved.safetensors', `--tolerance=${text}`);
      expect([text, wrong.code]).toEqual([text, 2]);
      expect(wrong.stderr[0]).toContain('It must be a number of at least 0.');
    }
  });

  it('--json says the same', async () => {
    const { code, stdout } = await weights('diff', 'tv.safetensors', 'moved.safetensors', '--json');
    const found = JSON.parse(stdout);
    expect(code).toBe(9);
    expect(found).toMatchObject({
      a: 'tv.safetensors',
      b: 'moved.safetensors',
      same: false,
      tolerance: 0,
      onlyA: [],
      onlyB: [],
      shapes: [],
      preprocess: ['torchvision', 'torchvision'],
    });
    expect(found.tensors).toHaveLength(32);
    expect(found.tensors.find(({ equal }: { equal: string }) => equal === 'no')).toMatchObject({
      name: 'features.7.bias',
      shape: [4],
      dtypes: ['F32', 'F32'],
    });
  });

  it('--json has null for what is not finite, as the help says', async () => {
    const { stdout } = await weights('diff', 'tv.safetensors', 'nan.safetensors', '--json');
    expect(JSON.parse(stdout).tensors.at(-1)).toMatchObject({ equal: 'no', maxAbs: null, nmse: null });
    expect((await weights('diff', '--help')).stdout).toContain('In JSON, null stands for a difference that');
  });

  it('knows the embedded base by name', async () => {
    const { code, stdout } = await weights('diff', 'embedded', embeddedBasePath());
    expect(code).toBe(0);
    expect(stdout.split('\n').slice(0, 2)).toEqual([`a  ${embeddedBasePath()}`, `b  ${embeddedBasePath()}`]);
    expect(stdout).toContain('all 26 tensors are equal, bit for bit');
  });

  it.each([
    [['absent.h5', 'tv.safetensors'], 'absent.h5: no such file'],
    [['tv.safetensors', 'keras'], 'no keras weights in the cache, and offline: '],
  ])('of %j: one line, exit code 4', async (files, line) => {
    const { code, stdout, stderr } = await weights('diff', ...files);
    expect([code, stdout, stderr]).toEqual([4, '', [expect.stringContaining(`error: ${line}`)]]);
  });
});

describe('inspect', () => {
  it('lists what a file says, and its tensors with statistics', async () => {
    const { code, stdout, stderr } = await weights('inspect', 'tv.safetensors');
    expect([code, stderr]).toEqual([0, []]);
    expect(stdout).toMatch(/^ {2}format +safetensors$/m);
    expect(stdout).toMatch(/^ {2}preprocess +torchvision$/m);
    expect(stdout).toMatch(
      /^ {2}head +4 -> 8 -> 8 -> 10, from the flattened feature map, softmax; classes: a, b, c, \.\.\.$/m,
    );
    expect(stdout).toMatch(/^tensor +shape +dtype +mean +deviation +least +greatest$/m);
    expect(stdout).toMatch(/^classifier\.6\.weight +\(10, 8\) +F32( +-?\d\S+){4}$/m);
  });

  it('shows what a tensor is called in the file, and numbers that are not finite', async () => {
    const timm = await weights('inspect', 'timm.safetensors');
    expect(timm.stdout).toMatch(/^classifier\.0\.weight .* <- pre_logits\.fc1\.weight \(8, 4, 1, 1\) F32$/m);
    expect(timm.stdout).toMatch(/^features\.0\.weight [^<]*$/m);
    const nan = await weights('inspect', 'nan.safetensors');
    expect([nan.code, nan.stdout]).toEqual([
      0,
      expect.stringMatching(/^classifier\.6\.bias .* 1 NaN or infinite$/m),
    ]);
  });

  it('shows only what the file says as its metadata', async () => {
    const pth = resolve('test', 'golden', 'pytorch', 'zip.pth');
    const taken = await weights('inspect', pth);
    expect(taken.stdout.split('\n')[0]).toBe(pth);
    expect(taken.stdout).toMatch(/^ {2}preprocess +torchvision \(taken for granted\)$/m);
    expect(taken.stdout).toMatch(/^ {2}note +the file does not say how pixels are prepared/m);
    expect(taken.stdout).not.toMatch(/^ {2}"/m);
    const json = await weights('inspect', pth, '--json');
    expect(JSON.parse(json.stdout)).toMatchObject({ file: pth, preprocessAssumed: true, metadata: null });
    const said = await weights('inspect', 'tv.safetensors');
    expect(said.stdout).toMatch(/^ {2}"classes" +\["a","b","c"/m);
    expect(said.stdout.match(/^ {2}"/gm)).toHaveLength(2);
    const whole = await weights('inspect', 'tv.safetensors', '--json');
    expect(JSON.parse(whole.stdout)).toMatchObject({
      preprocessAssumed: false,
      metadata: { classes: JSON.stringify([...'abcdefghij']) },
    });
  });

  it('--json has the numbers whole', async () => {
    const { code, stdout } = await weights('inspect', 'embedded', '--json');
    const found = JSON.parse(stdout);
    expect(code).toBe(0);
    expect(found).toMatchObject({
      file: embeddedBasePath(),
      format: 'safetensors',
      preprocess: 'caffe',
      head: [],
      classes: null,
    });
    expect(found.metadata.license).toContain('CC-BY-4.0');
    expect(found.tensors).toHaveLength(26);
    const [kernel] = found.tensors;
    expect(kernel).toMatchObject({
      name: 'features.0.weight',
      shape: [64, 3, 3, 3],
      dtype: 'F16',
      nonFinite: 0,
    });
    // As published for Keras' file (weights/README.md), but for the rounding to F16.
    expect(kernel.mean).toBeCloseTo(-0.0024379089, 5);
    expect(kernel.deviation).toBeCloseTo(0.20669945, 5);
    expect(kernel.min).toBeCloseTo(-0.67140007, 3);
    expect(kernel.max).toBeCloseTo(0.60851592, 3);
  });
});

describe('verify', () => {
  it('holds the embedded base against its hash, and reads files from end to end', async () => {
    const { code, stdout, stderr } = await weights('verify', 'embedded', 'tv.safetensors');
    expect([code, stderr]).toEqual([0, []]);
    expect(stdout).toMatch(/^OK {2}embedded: SHA-256 da17aa80[0-9a-f]{56}$/m);
    expect(stdout).toMatch(/^OK {2}tv\.safetensors: safetensors, 16 layers, every number is finite$/m);
  });

  it('says of each what is wrong, exit code 4', async () => {
    await writeFile(at('text.pth'), 'no weights at all');
    const { code, stdout, stderr } = await weights('verify', 'nan.safetensors', 'text.pth', 'tv.safetensors');
    expect([code, stderr.length]).toEqual([4, 2]);
    expect(stderr[0]).toBe(
      'error: nan.safetensors: tensor "classifier.6.bias": element 9 is NaN; ' +
        'the file is damaged, or its training diverged',
    );
    expect(stderr[1]).toMatch(/^error: text\.pth: /);
    expect(stdout).toMatch(/^OK {2}tv\.safetensors/);
  });

  it('without arguments takes all that are here', async () => {
    const { code, stdout } = await weights('verify');
    expect([code, stdout.trimEnd().split('\n').length]).toEqual([0, 2]);
    expect(stdout).toMatch(/^OK {2}embedded: .*\nOK {2}mini: /);
  });
});

it('a file of a known name comes before what the name stands for', async () => {
  await changedCopy(at('notop.safetensors'), at('embedded'), {});
  const { stdout } = await weights('inspect', 'embedded', '--json');
  expect(JSON.parse(stdout).file).toBe('embedded');
  expect((await stat(at('embedded'))).size).toBeLessThan(10_000);
  expect(resolve(at('embedded'))).not.toBe(embeddedBasePath());
});
