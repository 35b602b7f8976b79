// A trained head as its users have it: classified with, looked at, exported, moved away from its base.

import { copyFile, mkdir, readFile, rename, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { openSafetensors } from '../../src/node/weights/safetensors.js';
import { writeRandomHead } from '../support/heads.js';
import { blocks, NULL, useFolder, vgg16, writeNarrow } from './support.js';

const at = useFolder();
/** What the head says of the pictures. */
let answers: string;
const RUN = ['runs', 'train-3'] as const;

const run = (...args: string[]) => vgg16(args, { cwd: at() });
const quick = (...args: string[]) => vgg16(args, { cwd: at(), ...NULL });
const classify = (weights: string) => run('classify', 'a.png', 'b.png', '--weights', weights, '--json');

beforeAll(async () => {
  const metadata = { license: 'CC0-1.0', preprocess: 'caffe' };
  await writeNarrow(at('base.safetensors'), { top: false, metadata });
  await mkdir(at(...RUN), { recursive: true });
  const head = { base: at('base.safetensors'), features: 'block3_pool', units: [4, 3, 2], size: 48 } as const;
  const state = [{ name: 'fc1.kernel.m', shape: [1], read: async () => Float32Array.of(0) }];
  await writeRandomHead(at(...RUN, 'best.safetensors'), { ...head, ref: '../../base.safetensors' });
  await writeRandomHead(at(...RUN, 'last.safetensors'), { ...head, state, metadata: { 'train.epoch': '4' } });
  await blocks(1, 80, 70).png().toFile(at('a.png'));
  await blocks(2, 60, 90).png().toFile(at('b.png'));
});

describe('a trained head', () => {
  it('classifies under its own labels, by its file or its run, and nothing else is said', async () => {
    const byFile = await classify('runs/train-3/best.safetensors');
    expect([byFile.code, byFile.stderr]).toEqual([0, []]);
    const [{ predictions }] = JSON.parse(byFile.stdout) as [{ predictions: { label: string }[] }];
    expect(predictions.map(({ label }) => label).sort()).toEqual(['ant', 'bee']);
    expect((await classify('runs/train-3')).stdout).toBe(byFile.stdout);
    answers = byFile.stdout;
  });

  it('is one file with its base once it is exported, which answers the same, byte for byte', async () => {
    const { code, stdout, stderr } = await run('export', 'runs/train-3');
    expect([code, stderr]).toEqual([0, []]);
    expect(stdout).toMatch(
      /^runs\/train-3\/best-whole\.safetensors: VGG16 from safetensors, a head, 9 layers, [\d,]+ parameters, F32, [\d.]+ kB, caffe preprocessing, 2 classes\n/,
    );
    expect(stdout).toMatch(/\nIn PyTorch:\n\n {2}import torch, torchvision\n/);
    expect(stdout).toContain('load_file("runs/train-3/best-whole.safetensors")');
    expect(stdout).toContain('T.Resize(55), T.CenterCrop(48)');
    const whole = await openSafetensors(at(...RUN, 'best-whole.safetensors'));
    await whole.close();
    expect(whole.metadata).toEqual({
      ...{
        features: 'block3_pool',
        pool: 'avg',
        activation: 'softmax',
        size: '48',
        classes: '["ant","bee"]',
        format: 'pt',
      },
      preprocess: 'caffe (BGR, minus 103.939 116.779 123.68)',
      'base-license': 'CC0-1.0',
      source: 'best.safetensors (safetensors, a head)',
    });
    expect([...whole.tensors].map(([name, { shape }]) => [name, shape]).slice(-6)).toEqual([
      ['features.14.weight', [4, 4, 3, 3]],
      ['features.14.bias', [4]],
      ['classifier.0.weight', [3, 4]],
      ['classifier.0.bias', [3]],
      ['classifier.3.weight', [2, 3]],
      ['classifier.3.bias', [2]],
    ]);
    const asOnnx = await run('export', 'runs/train-3', '--format', 'onnx');
    expect([asOnnx.code, asOnnx.stderr]).toEqual([0, []]);
    expect(asOnnx.stdout).toMatch(/^runs\/train-3\/best-whole\.onnx: [^\n]*2 classes\n$/);
    expect((await classify('runs/train-3/best-whole.onnx')).stdout).toBe(answers);
    await mkdir(at('elsewhere'));
    await copyFile(at(...RUN, 'best-whole.safetensors'), at('elsewhere', 'one.safetensors'));
    expect((await classify('elsewhere/one.safetensors')).stdout).toBe(answers);
    const converted = await run(
      'weights',
      'convert',
      'runs/train-3',
      '-o',
      'converted.safetensors',
      '--dtype',
      'f32',
    );
    expect(converted.code).toBe(0);
    expect(await readFile(at('converted.safetensors'))).toEqual(
      await readFile(at(...RUN, 'best-whole.safetensors')),
    );
  });

  it('takes half the space as f16, and --force to be written again', async () => {
    const args = ['export', 'runs/train-3/last.safetensors', '--out', 'f16.safetensors', '--dtype', 'f16'];
    expect((await run(...args)).code).toBe(0);
    expect((await classify('f16.safetensors')).code).toBe(0);
    const again = await run(...args);
    expect([again.code, again.stderr]).toEqual([
      8,
      ['error: cannot write f16.safetensors: it is there already; --force (overwrite) replaces it'],
    ]);
    expect((await run(...args, '--force')).code).toBe(0);
    expect((await stat(at('f16.safetensors'))).size).toBeLessThan(6000);
  });

  it('is refused to be exported where it has a base of its own, or is not there', async () => {
    const whole = await run('export', 'base.safetensors');
    expect([whole.code, whole.stderr]).toEqual([
      2,
      [
        'error: base.safetensors has a base of its own; `vgg16 weights convert` writes it in another format or dtype',
      ],
    ]);
    const none = await run('export', 'runs/train-4');
    expect([none.code, none.stderr]).toEqual([4, ['error: runs/train-4: no such file']]);
  });

  it('is listed with its base', async () => {
    const inspect = await quick('weights', 'inspect', 'runs/train-3/last.safetensors');
    expect([inspect.code, inspect.stderr]).toEqual([0, []]);
    expect(inspect.stdout).toMatch(
      / head +4 -> 3 -> 2, from the averaged feature map of block3_pool, pictures of 48 px, softmax; classes: ant, bee\n/,
    );
    expect(inspect.stdout).toMatch(
      / base +\/.*base\.safetensors \(safetensors\), fingerprint [0-9a-f]{12}…\n/,
    );
    expect(inspect.stdout).toMatch(/ "train\.epoch" +4\n/);
    const summary = await quick('summary', '--weights', 'runs/train-3');
    expect([summary.code, summary.stderr]).toEqual([0, []]);
    expect(summary.stdout).toMatch(
      /^VGG16 from runs\/train-3 on \/.*base\.safetensors: F32, .* 2 classes, caffe preprocessing\n/,
    );
    expect(summary.stdout).toMatch(
      /\ninput +48 x 48 x 3\n(.*\n)+block3_pool .*\navgpool .*\nfc1 .*\nfc2 .*\nsoftmax/,
    );
    const json = JSON.parse((await quick('summary', '--weights', 'runs/train-3', '--json')).stdout);
    expect(json.weights.base).toBe(at('base.safetensors'));
    const verify = await quick('weights', 'verify', 'runs/train-3');
    expect([verify.code, verify.stdout]).toEqual([
      0,
      'OK  runs/train-3: safetensors, a head, 9 layers, every number is finite\n',
    ]);
  });
});

describe('a base that moved', () => {
  it('is missed in one line, and named by --base wherever a head is taken', async () => {
    const moved = at('moved', 'base.safetensors');
    await mkdir(dirname(moved));
    await rename(at('base.safetensors'), moved);
    const missed = await quick('classify', 'a.png', '--weights', 'runs/train-3');
    expect([missed.code, missed.stdout, missed.stderr]).toEqual([
      4,
      '',
      [
        `error: runs/train-3/best.safetensors: its base, ${at('base.safetensors')}, is not there; --base FILE (base) names another`,
      ],
    ]);
    const named = ['--weights', 'runs/train-3', '--base', 'moved/base.safetensors'];
    const others = [
      quick('classify', 'a.png', ...named),
      quick('summary', ...named),
      quick('weights', 'inspect', 'runs/train-3', ...named.slice(2)),
      quick('export', 'runs/train-3', '--out', 'moved.safetensors', ...named.slice(2)),
    ];
    for (const { code, stderr } of await Promise.all(others)) expect([code, stderr]).toEqual([0, []]);
    const features = ['features', 'a.png', '--until', 'block3_pool', '--out', 'f.npy', ...named];
    expect((await quick(...features)).code).toBe(0);
  });

  it('is refused where it is another one', async () => {
    await writeNarrow(at('other.safetensors'), { top: false, seed: 6 });
    const { code, stderr } = await quick(
      'classify',
      'a.png',
      '--weights',
      'runs/train-3',
      '--base',
      'other.safetensors',
    );
    expect([code, stderr.length]).toEqual([4, 1]);
    expect(stderr[0]).toMatch(
      /^error: runs\/train-3\/best\.safetensors was trained on another base than other\.safetensors: on "\.\.\/\.\.\/base\.safetensors" with the fingerprint .*; --base FILE \(base\) names another$/,
    );
  });

  it('is not for what is no head', async () => {
    const { code, stderr } = await quick(
      'summary',
      '--weights',
      'other.safetensors',
      '--base',
      'other.safetensors',
    );
    expect([code, stderr]).toEqual([
      2,
      ['error: other.safetensors is no head: it has convolutions of its own, and --base (base) is for heads'],
    ]);
  });
});
