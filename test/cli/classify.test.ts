// vgg16 classify, as its users run it.

import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { parse } from 'csv-parse/sync';
import pc from 'picocolors';
import { beforeAll, describe, expect, it } from 'vitest';
import { resultText } from '../../src/cli/classify.js';
import type { Prediction } from '../../src/model/predictions.js';
import { VGG16 } from '../../src/node/vgg16.js';
import { blocks, NULL, useFolder, vgg16, writeNarrow } from './support.js';

const at = useFolder();
let weights: readonly string[];

interface Classified {
  readonly file: string;
  readonly predictions: readonly Prediction[];
}

beforeAll(async () => {
  weights = ['--weights', await writeNarrow(at('narrow.safetensors'))];
  await mkdir(at('photos', 'deeper', '.hidden'), { recursive: true });
  await Promise.all([
    blocks(1).png().toFile(at('photos', 'b.PNG')),
    blocks(2).jpeg().toFile(at('photos', 'a.jpg')),
    blocks(3, 50, 70)
      .webp()
      .toFile(at('photos', 'deeper', 'c d.webp')),
    blocks(4)
      .png()
      .toFile(at('photos', 'deeper', '日本 ü.png')),
    blocks(5)
      .png()
      .toFile(at('photos', 'deeper', '.hidden', 'e.png')),
    blocks(6).png().toFile(at('new\nline.png')),
    writeFile(at('photos', 'notes.txt'), 'no picture'),
  ]);
});

describe('--json', () => {
  it('prints the array that is promised, with the numbers that the library gives, and nothing else', async () => {
    const names = ['photos/a.jpg', 'photos/b.PNG', 'photos/deeper/c d.webp'];
    const ran = await vgg16(['classify', ...names, ...weights, '--json', '--batch', '2'], { cwd: at() });
    const expected = await byTheLibrary(names.map((name) => at(name)));
    expect(ran.stderr).toEqual([]);
    expect(ran.code).toBe(0);
    const results = JSON.parse(ran.stdout) as Classified[];
    expect(results).toEqual(
      names.map((file, i) => ({ file, activation: 'softmax', predictions: expected[i] })),
    );
    for (const result of results) {
      expect(Object.keys(result)).toEqual(['file', 'activation', 'predictions']);
      expect(result.predictions).toHaveLength(5);
      for (const prediction of result.predictions) {
        expect(Object.keys(prediction)).toEqual(['index', 'wnid', 'label', 'score']);
      }
    }
    expect(new Set(results.map(({ predictions }) => predictions[0]!.score)).size).toBe(3);
  });

  async function byTheLibrary(files: readonly string[], dtype?: 'f16'): Promise<Prediction[][]> {
    const model = await VGG16.load({ weights: weights[1], dtype });
    try {
      return await model.classify(files, { batch: 2 });
    } finally {
      model.dispose();
    }
  }

  it('--dtype f16 gives the numbers that the library gives with it, and others than f32', async () => {
    const args = ['classify', 'photos/a.jpg', ...weights, '--json', '--dtype'];
    const half = await vgg16([...args, 'f16'], { cwd: at() });
    const single = await vgg16([...args, 'f32'], { cwd: at() });
    const expected = await byTheLibrary([at('photos/a.jpg')], 'f16');
    expect([half.code, half.stderr, single.code]).toEqual([0, [], 0]);
    expect((JSON.parse(half.stdout) as Classified[])[0]!.predictions).toEqual(expected[0]);
    expect(half.stdout).not.toBe(single.stdout);
  });

  it('takes folders with their subfolders in order, each picture once, and no other files', async () => {
    const args = ['classify', 'photos/b.PNG', './photos/../photos', 'photos/a.jpg', ...weights, '--json'];
    const { code, stdout, stderr } = await vgg16(args, { cwd: at(), ...NULL });
    expect([code, stderr]).toEqual([0, []]);
    expect((JSON.parse(stdout) as Classified[]).map(({ file }) => file)).toEqual([
      'photos/b.PNG',
      'photos/a.jpg',
      'photos/deeper/c d.webp',
      'photos/deeper/日本 ü.png',
    ]);
  });

  it('takes globs, and names of any characters', async () => {
    const args = ['classify', 'photos/**/*.{png,PNG}', '*line.png', ...weights, '--json', '--top', '99'];
    const { code, stdout } = await vgg16(args, { cwd: at(), ...NULL });
    const results = JSON.parse(stdout) as Classified[];
    expect(code).toBe(0);
    expect(results.map(({ file }) => file)).toEqual([
      'photos/b.PNG',
      'photos/deeper/日本 ü.png',
      'new\nline.png',
    ]);
    expect(results.map(({ predictions }) => predictions.length)).toEqual([10, 10, 10]);
  });
});

describe('for people', () => {
  it('each picture has a block, its classes are aligned, a name is always on one line', () => {
    const wide = { wnid: 'n01484850', label: 'great white shark', index: 2, score: 0.98765 };
    const none = { wnid: null, label: 'fly\u001b[31m', index: 1, score: 0.00001 };
    const colours = pc.createColors(false);
    expect(
      resultText(
        { file: 'a\nb.jpg', predictions: [wide, { ...wide, label: 'hen', score: 0.01 }] },
        'softmax',
        colours,
      ),
    ).toBe(`a\\nb.jpg
  1  98.77%  great white shark  (n01484850)
  2   1.00%  hen                (n01484850)`);
    expect(
      resultText({ file: 'c.jpg', predictions: [none] }, 'sigmoid', colours),
    ).toBe(`c.jpg (each class by itself)
  1  0.00%  fly\\u001b[31m`);
  });

  it('--top says how many, the names of the classes come out of the file', async () => {
    const path = at('words.safetensors');
    await writeNarrow(path, { classes: 3, metadata: { classes: '["ant", "bee", "fly"]' } });
    const args = ['classify', 'photos/a.jpg', 'new\nline.png', '--weights', path, '--top', '2'];
    const { code, stdout, stderr } = await vgg16(args, { cwd: at(), ...NULL });
    expect([code, stderr]).toEqual([0, []]);
    const lines = stdout.split('\n');
    expect(lines.filter((line) => !line.startsWith('  '))).toEqual([
      'photos/a.jpg',
      '',
      'new\\nline.png',
      '',
    ]);
    const classes = lines.filter((line) => line.startsWith('  '));
    expect(classes).toHaveLength(4);
    for (const line of classes) expect(line).toMatch(/^ {2}[12] +\S+% {2}(ant|bee|fly)$/);
  });
});

describe('a picture that cannot be used', () => {
  it('is said in one line, and the others are classified', async () => {
    const args = ['classify', 'photos/a.jpg', 'photos/notes.txt', 'photos/b.PNG', ...weights, '--json'];
    const { code, stdout, stderr } = await vgg16(args, { cwd: at(), ...NULL });
    expect(code).toBe(3);
    expect(stderr).toEqual([
      'skipped: photos/notes.txt is not a picture that can be decoded (JPEG, PNG, WebP, GIF, TIFF and AVIF): ' +
        'it is text that begins "no picture"',
    ]);
    const results = JSON.parse(stdout) as Classified[];
    expect(results.map(({ file }) => file)).toEqual(['photos/a.jpg', 'photos/b.PNG']);
  });

  it('is named in a note where hardly anything is seen of it, and classified', async () => {
    await blocks(7, 300, 3).png().toFile(at('line.png'));
    const args = ['classify', 'line.png', 'photos/a.jpg', ...weights, '--json'];
    const { code, stdout, stderr } = await vgg16(args, { cwd: at(), ...NULL });
    expect([code, JSON.parse(stdout)]).toMatchObject([0, [{ file: 'line.png' }, { file: 'photos/a.jpg' }]]);
    expect(stderr).toEqual([
      'note: line.png: it has an extreme shape, 300 x 3 px: the square in its middle that the network sees is 1/100 of it',
    ]);
  });

  it('leaves an empty array where there is no other', async () => {
    const { code, stdout, stderr } = await vgg16(['classify', 'nowhere.jpg', ...weights, '--json'], NULL);
    expect([code, stdout, stderr]).toEqual([3, '[]\n', ['skipped: nowhere.jpg does not exist']]);
  });
});

it('weights without a classifier: one line, before any adapter or picture is looked for', async () => {
  const notop = await writeNarrow(at('notop.safetensors'), { top: false });
  for (const name of [notop, 'embedded']) {
    const args = ['classify', 'nowhere.jpg', '--weights', name];
    const { code, stdout, stderr } = await vgg16(args, { cwd: at(), env: { VGG16_ADAPTER: 'nosuch' } });
    expect([code, stdout, stderr.length]).toEqual([4, '', 1]);
    expect(stderr[0]).toContain(`${name} has no classifier`);
    expect(stderr[0]).toContain('leave --weights out');
  }
});

describe('--csv and --jsonl', () => {
  const names = ['photos/a.jpg', 'photos/deeper/c d.webp', 'new\nline.png'];

  it('have the numbers of --json, a row or a line for each picture', async () => {
    const run = (...args: string[]) =>
      vgg16(['classify', ...names, ...weights, '--top', '2', ...args], { cwd: at() });
    const results = JSON.parse((await run('--json')).stdout) as Classified[];
    const lines = await run('--jsonl');
    expect([lines.code, lines.stderr]).toEqual([0, []]);
    expect(
      lines.stdout
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line)),
    ).toEqual(results);
    const table = await run('--csv', 'labels.csv');
    expect([table.code, table.stdout, table.stderr]).toEqual([0, 'labels.csv: 3 pictures\n', []]);
    const text = await readFile(at('labels.csv'), 'utf8');
    expect(text.split('\n')[0]).toBe('file,label,score,label_2,score_2');
    const rows = parse(text, { columns: true }) as Record<string, string>[];
    expect(rows).toEqual(
      results.map(({ file, predictions: [first, second] }) => ({
        ...{ file, label: first!.label, score: first!.score.toPrecision(6) },
        ...{ label_2: second!.label, score_2: second!.score.toPrecision(6) },
      })),
    );
  });

  it('replace a file where they are told to, and leave nothing where they fail', async () => {
    const run = (...args: string[]) =>
      vgg16(['classify', 'photos/a.jpg', ...weights, ...args], { cwd: at() });
    await writeFile(at('mine.csv'), 'mine');
    expect(await run('--csv', 'mine.csv')).toEqual({
      code: 8,
      stdout: '',
      stderr: ['error: cannot write mine.csv: it is there already; --force replaces it'],
    });
    expect(await readFile(at('mine.csv'), 'utf8')).toBe('mine');
    expect((await run('--csv', 'mine.csv', '--force')).code).toBe(0);
    expect(await readFile(at('mine.csv'), 'utf8')).toMatch(/^file,label,score/);
    expect((await run('--csv', 'missing/mine.csv')).code).toBe(8);
    expect((await run('--csv', 'other.csv', '--json')).code).toBe(2);
    expect((await readdir(at())).filter((name) => /tmp|other/.test(name))).toEqual([]);
  });
});
