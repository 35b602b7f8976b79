// vgg16 weights convert, as its users run it: on files that other libraries have written.

import { copyFile, mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { openSafetensors } from '../../src/node/weights/safetensors.js';
import { blocks, NULL, spawned, useFolder, vgg16, writeNarrow } from './support.js';

const at = useFolder();
const PYTORCH = resolve('test', 'golden', 'pytorch');

const convert = (...args: string[]) => vgg16(['weights', 'convert', ...args], { cwd: at() });

beforeAll(async () => {
  await copyFile(join(PYTORCH, 'zip.pth'), at('net.pth'));
});

async function metadataOf(name: string): Promise<Readonly<Record<string, string>>> {
  const source = await openSafetensors(at(name));
  await source.close();
  return source.metadata;
}

describe('a .pth', () => {
  it('becomes a safetensors file beside it, and one line says what it is', async () => {
    const { code, stdout, stderr } = await convert('net.pth');
    expect([code, stderr]).toEqual([
      0,
      [
        expect.stringContaining(
          'note: the file does not say what makes probabilities of its outputs: softmax',
        ),
        'note: the file does not say how pixels are prepared; going by its names, torchvision (RGB, scaled by mean and ' +
          'deviation) is assumed; if that is wrong: --preprocess caffe, unit, signed, raw or a recipe in numbers',
      ],
    ]);
    expect(stdout).toMatch(
      /^net\.safetensors: VGG16 from PyTorch.*, 16 layers, [\d,]+ parameters, F32, [\d.]+ kB, torchvision preprocessing, 10 classes\n$/,
    );
    expect((await metadataOf('net.safetensors')).source).toMatch(/^net\.pth \(PyTorch/);
  });

  it('and what it became are one network', async () => {
    await convert('net.pth', '-o', 'one.safetensors');
    const args = ['weights', 'diff', 'net.pth', 'one.safetensors'];
    const { code, stdout } = await vgg16(args, { cwd: at() });
    expect([code, stdout.trimEnd().split('\n').at(-1)]).toEqual([
      0,
      'the same network: all 32 tensors are equal, bit for bit',
    ]);
  });

  it('and what it became give the same answers', async () => {
    await convert('net.pth', '-o', 'answers.safetensors');
    await blocks(1, 80, 70).png().toFile(at('a.png'));
    const classify = async (weights: string) => {
      const { stdout } = await vgg16(['classify', 'a.png', '--weights', weights, '--json'], { cwd: at() });
      return stdout;
    };
    const answers = await classify('net.pth');
    expect(JSON.parse(answers)[0].predictions).toHaveLength(5);
    expect(await classify('answers.safetensors')).toBe(answers);
  });

  it('--verbose lists every tensor as it was and as it is', async () => {
    const { code, stdout } = await convert(
      'net.pth',
      '-o',
      'verbose.safetensors',
      '--verbose',
      '--dtype',
      'f16',
    );
    const lines = stdout.trimEnd().split('\n');
    expect([code, lines.length]).toEqual([0, 33]);
    expect(lines[0]).toMatch(
      /^features\.0\.weight +\(4, 3, 3, 3\) +F32 +-> +features\.0\.weight +\(4, 3, 3, 3\) +F16$/,
    );
    expect(lines.at(-2)).toMatch(/classifier\.6\.bias +\(10,\) +F16$/);
    expect(lines.at(-1)).toMatch(/, F16, /);
  });
});

describe('what the user knows', () => {
  it('goes into the metadata', async () => {
    await writeFile(at('names.txt'), 'ant\nbee\r\nfly\n');
    await writeNarrow(at('three.safetensors'), { classes: 3 });
    const { code, stderr } = await convert(
      ...['three.safetensors', '--out', 'known.safetensors', '--classes', 'names.txt'],
      ...['--preprocess', 'caffe', '--source', 'trained in the attic', '--licence', 'MIT'],
    );
    expect([code, stderr]).toEqual([0, []]);
    expect(await metadataOf('known.safetensors')).toMatchObject({
      classes: '["ant","bee","fly"]',
      preprocess: 'caffe (BGR, minus 103.939 116.779 123.68)',
      source: 'trained in the attic',
      license: 'MIT',
    });
  });

  it('may be a JSON list', async () => {
    await writeFile(at('names.json'), ' ["ant",\n "bee", "fly, the"]');
    await writeNarrow(at('listed.safetensors'), { classes: 3 });
    await convert('listed.safetensors', '-o', 'json.safetensors', '--classes', 'names.json');
    expect((await metadataOf('json.safetensors')).classes).toBe('["ant","bee","fly, the"]');
  });

  it.each([
    ['by number', '{"1": "bee", "0": "ant", "2": "fly, the"}'],
    ['as Keras has it', ' {"0": ["n1", "ant"],\n "1": ["n2", "bee"], "2": ["n3", "fly, the"]}'],
    ['behind a byte order mark', '\uFEFFant\nbee\nfly, the\n'],
    ['in JSON behind a byte order mark', '\uFEFF["ant", "bee", "fly, the"]'],
  ])('may be names %s', async (_, text) => {
    await writeFile(at('forms.json'), text);
    await writeNarrow(at('forms.safetensors'), { classes: 3 });
    const { code } = await convert(
      'forms.safetensors',
      '-o',
      'f.safetensors',
      '--force',
      '--classes',
      'forms.json',
    );
    expect([code, (await metadataOf('f.safetensors')).classes]).toEqual([0, '["ant","bee","fly, the"]']);
  });

  it.each([
    ['.', undefined, '--classes .: it is a folder, not a file'],
    ['latin1.txt', Buffer.from([0x61, 0xe9, 0x0a, 0x62]), '--classes latin1.txt: not a text in UTF-8'],
    ['bad object.json', '{"0": "ant"', '--classes bad object.json: begins with {, and is no JSON object'],
    [
      'gap.json',
      '{"0": "ant", "2": "bee"}',
      '--classes gap.json: has 2 keys, and none is "1"; a JSON object names the outputs by "0", "1", ...',
    ],
    [
      'indices.json',
      '{"ant": 0, "bee": 1, "fly": 2}',
      '--classes indices.json: has 3 keys, and none is "0"; a JSON object names the outputs by "0", "1", ...',
    ],
    ['twice.json', '{"0": "ant", "1": "bee", "1": "fly"}', '--classes twice.json: has the key "1" twice'],
    ['number.json', '{"0": "ant", "1": 7, "2": "fly"}', '--classes number.json: name 2 is empty or no text'],
    ['triple.json', '{"0": ["a", "b", "c"]}', '--classes triple.json: name 1 is empty or no text'],
    [
      'one.json',
      '{"0": "ant"}',
      '1 class was named, but listed2.safetensors has a classifier with 3 outputs',
    ],
    ['absent.txt', undefined, '--classes absent.txt: no such file'],
    [
      'two.txt',
      'ant\nbee\n',
      '2 classes were named, but listed2.safetensors has a classifier with 3 outputs',
    ],
    ['gap.txt', 'ant\n\nfly\n', '--classes gap.txt: name 2 is empty or no text'],
    ['bad.json', '["ant", "bee"', '--classes bad.json: begins with [, and is no JSON list'],
    ['numbers.json', '["ant", 2, "fly"]', '--classes numbers.json: name 2 is empty or no text'],
  ])('is refused where it makes no sense: %s', async (file, text, line) => {
    await writeNarrow(at('listed2.safetensors'), { classes: 3 });
    if (text !== undefined) await writeFile(at(file), text);
    const { code, stdout, stderr } = await convert('listed2.safetensors', '-o', 'no', '--classes', file);
    expect([code, stdout, stderr]).toEqual([2, '', [`error: ${line}`]]);
  });
});

describe('the output', () => {
  it('is replaced only with --force', async () => {
    await writeFile(at('kept.safetensors'), 'precious');
    const refused = await convert('net.pth', '-o', 'kept.safetensors');
    expect([refused.code, refused.stdout]).toEqual([8, '']);
    expect(refused.stderr).toEqual([
      'error: cannot write kept.safetensors: it is there already; --force (overwrite) replaces it',
    ]);
    expect(await readFile(at('kept.safetensors'), 'utf8')).toBe('precious');
    const forced = await convert('net.pth', '-o', 'kept.safetensors', '--force');
    expect(forced.code).toBe(0);
    expect((await stat(at('kept.safetensors'))).size).toBeGreaterThan(1000);
  });

  it('is never the input', async () => {
    await writeNarrow(at('self.safetensors'));
    const { code, stderr } = await convert('self.safetensors', '--force');
    expect([code, stderr]).toEqual([
      2,
      ['error: self.safetensors would be converted onto itself; name another file to write'],
    ]);
  });

  it('that cannot be written is an error, and leaves nothing behind', async () => {
    await mkdir(at('full'));
    const nowhere = await convert('net.pth', '-o', 'nowhere/net.safetensors');
    expect([nowhere.code, nowhere.stderr]).toEqual([
      8,
      ['error: cannot write nowhere/net.safetensors: its folder does not exist'],
    ]);
    if (process.platform === 'win32') return;
    const args = ['weights', 'convert', 'net.pth', '-o', join('full', 'net.safetensors')];
    const full = await spawned(args, { cwd: at(), fileBlocks: 8 });
    expect([full.code, full.stdout]).toEqual([8, '']);
    expect(full.stderr).toHaveLength(1);
    expect(await readdir(at('full'))).toEqual([]);
  });
});

describe('a file that cannot be used', () => {
  it.each([
    ['missing.pth', undefined, 'missing.pth: no such file'],
    ['empty.pth', '', /^error: empty\.pth: /],
    ['text.h5', 'It says .h5, and is text.', /^error: text\.h5: /],
    ['page.pth', '<!DOCTYPE html><title>404</title>', /^error: page\.pth: a web page, not a weights file/],
  ])('%s: one line, exit code 4', async (name, text, line) => {
    if (text !== undefined) await writeFile(at(name), text);
    const { code, stdout, stderr } = await convert(name, '-o', 'never.safetensors');
    expect([code, stdout, stderr.length]).toEqual([4, '', 1]);
    if (typeof line === 'string') expect(stderr[0]).toBe(`error: ${line}`);
    else expect(stderr[0]).toMatch(line);
    expect(await readdir(at())).not.toContain('never.safetensors');
  });

  it('a .pth that would run code runs none', async () => {
    const { code, stdout, stderr } = await convert(join(PYTORCH, 'evil.pth'), '-o', 'never.safetensors');
    expect([code, stdout, stderr.length]).toEqual([4, '', 1]);
    expect(stderr[0]).toContain('evil.pth: ');
  });

  it('a .pth cut off anywhere', async () => {
    const whole = await readFile(at('net.pth'));
    for (const length of [3, 100, whole.length >> 1, whole.length - 1]) {
      await writeFile(at('cut.pth'), whole.subarray(0, length));
      const { code, stderr } = await convert('cut.pth', '-o', 'never.safetensors');
      expect([length, code, stderr.length]).toEqual([length, 4, 1]);
      expect(stderr[0]).toMatch(/^error: cut\.pth: /);
    }
  });
});

it.each([
  ['keras/keras2_official.h5', 'Keras HDF5', 'caffe'],
  ['keras/keras3_full.keras', 'Keras 3', 'caffe'],
  ['npz/frossard.npz', 'NumPy', 'caffe'],
  ['onnx/torch.onnx', 'ONNX', 'torchvision'],
  ['tfjs/float32', 'TensorFlow.js', 'caffe'],
])('%s: what it becomes is the same network', async (file, format, preprocess) => {
  const input = resolve('test', 'golden', file);
  const { code, stdout } = await convert(input, '-o', 'other.safetensors', '--force');
  expect(code).toBe(0);
  expect(stdout).toContain(`VGG16 from ${format}`);
  expect(stdout).toContain(`${preprocess} preprocessing, 10 classes`);
  const found = await vgg16(['weights', 'diff', input, 'other.safetensors'], { cwd: at() });
  expect([found.code, found.stdout.trimEnd().split('\n').at(-1)]).toEqual([
    0,
    'the same network: all 32 tensors are equal, bit for bit',
  ]);
});

it('every command takes the formats that convert takes', async () => {
  const { code, stdout } = await vgg16(['summary', '--weights', at('net.pth'), '--json'], NULL);
  expect(code).toBe(0);
  expect(JSON.parse(stdout).weights).toMatchObject({
    dtypes: ['F32'],
    preprocess: 'torchvision',
    classes: 10,
  });
});
