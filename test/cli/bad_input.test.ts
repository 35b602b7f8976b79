// What people really pass: each case ends with its documented exit code and one line that names the file.

import { mkdir, open, readFile, truncate, writeFile } from 'node:fs/promises';
import { beforeAll, describe, expect, it } from 'vitest';
import { blocks, NULL, useFolder, vgg16, writeNarrow } from './support.js';

const at = useFolder();
let weights: readonly string[];

beforeAll(async () => {
  weights = ['--weights', await writeNarrow(at('narrow.safetensors'))];
  const jpeg = await blocks(1, 200, 150).jpeg().toBuffer();
  await Promise.all([
    writeFile(at('good.jpg'), jpeg),
    writeFile(at('truncated.jpg'), jpeg.subarray(0, jpeg.length >> 1)),
    writeFile(at('text.jpg'), 'It says .jpg, and is text.'),
    writeFile(at('empty.jpg'), ''),
    blocks(2, 1, 1).png().toFile(at('one pixel.png')),
    blocks(3, 20_000, 30).png().toFile(at('wide.png')),
    mkdir(at('nothing in it')),
  ]);
});

describe('pictures', () => {
  /** What is said of each. */
  const FAULTS: readonly (readonly [name: string, line: string | RegExp])[] = [
    ['missing.jpg', 'skipped: missing.jpg does not exist'],
    [
      'text.jpg',
      'skipped: text.jpg is not a picture that can be decoded (JPEG, PNG, WebP, GIF, TIFF and AVIF): ' +
        'it is text that begins "It says .jpg, and is text."',
    ],
    [
      'truncated.jpg',
      /^skipped: truncated\.jpg is damaged or incomplete: this JPEG cannot be decoded \(.+\)$/,
    ],
    ['empty.jpg', 'skipped: empty.jpg is empty (0 bytes)'],
    ['nothing in it', /^skipped: nothing in it: this folder has no picture \(looked for \.jpg .*\.avif\)$/],
    ['*.tiff', /^skipped: \*\.tiff: no picture matches \(looked for \.jpg .*\.avif\)$/],
    ['', 'skipped: the picture with an empty path does not exist'],
    ['https://example.org/cat.jpg', /^skipped: https:\/\/example\.org\/cat\.jpg /],
  ];

  it('all at once: each has its line, the good one is classified', async () => {
    const names = FAULTS.map(([name]) => name);
    const args = ['classify', ...names, 'good.jpg', ...weights, '--json'];
    const { code, stdout, stderr } = await vgg16(args, { cwd: at(), ...NULL });
    expect(code).toBe(3);
    expect((JSON.parse(stdout) as { file: string }[]).map(({ file }) => file)).toEqual(['good.jpg']);
    expect(stderr).toHaveLength(FAULTS.length);
    for (const [, line] of FAULTS) {
      expect(stderr).toContainEqual(typeof line === 'string' ? line : expect.stringMatching(line));
    }
  });

  it('one alone: its line and nothing else', async () => {
    const { code, stdout, stderr } = await vgg16(['classify', 'nothing in it', ...weights], { cwd: at() });
    expect([code, stdout, stderr.length]).toEqual([3, '', 1]);
  });

  it('of one pixel, and of 20,000 pixels in width, are pictures like others, with a note', async () => {
    const args = ['classify', 'one pixel.png', 'wide.png', ...weights, '--json'];
    const { code, stdout, stderr } = await vgg16(args, { cwd: at(), ...NULL });
    // Whichever is decoded first.
    const note = expect.stringMatching(
      /^note: (one pixel|wide)\.png: it has .*; 1 more picture is very small or very long$/,
    );
    expect([code, stderr]).toEqual([0, [note]]);
    expect(JSON.parse(stdout)).toHaveLength(2);
  });

  it('that are not cropped must have a size that the layer and the adapter can do', async () => {
    const args = ['features', 'one pixel.png', 'wide.png', '--until', 'block1_conv1', ...weights];
    const framing = ['--resize', '800', '--crop', 'none', '--out', 'never.npy'];
    const { code, stderr } = await vgg16([...args, ...framing], { cwd: at(), ...NULL });
    expect(code).toBe(3);
    expect(stderr).toContain(
      'skipped: wide.png: 20000 x 30 px would become 533333 x 800 px, more than 268402689 pixels; use a crop',
    );
    const small = ['--resize', 'none', '--crop', 'none', '--out', 'never.npy'];
    const whole = await vgg16([...args, ...small], { cwd: at(), ...NULL });
    expect(whole.code).toBe(3);
    expect(whole.stderr.slice(0, 2).sort()).toEqual([
      'skipped: one pixel.png: pictures of 1 x 1 pixels are too small for VGG16: the least is 32 x 32',
      'skipped: wide.png: pictures of 20000 x 30 pixels are too small for VGG16: the least is 32 x 32',
    ]);
    const large = ['--resize', '120', '--crop', 'none', '--out', 'never.npy'];
    const wide = await vgg16([...args.filter((name) => name !== 'one pixel.png'), ...large], {
      cwd: at(),
      ...NULL,
    });
    expect(wide.code).toBe(3);
    expect(wide.stderr[0]).toBe(
      'skipped: wide.png: at 80000 x 120 px a layer needs 146 MiB, the adapter allows 128 MiB at once; ' +
        'use a crop or a smaller resize',
    );
  });

  it("that are not cropped must have the classifier's size", async () => {
    const args = ['classify', 'good.jpg', ...weights, '--resize', 'none', '--crop', 'none'];
    const { code, stderr } = await vgg16(args, { cwd: at(), ...NULL });
    expect([code, stderr]).toEqual([
      3,
      [
        'skipped: good.jpg: the classifier takes pictures of 32 x 32 pixels; layers up to block5_pool take any size',
      ],
    ]);
  });
});

describe('weights', () => {
  const classify = (name: string, env = {}) =>
    vgg16(['classify', 'good.jpg', '--weights', name], { cwd: at(), env });

  it('truncated anywhere: one line that names the file, before any adapter is looked for', async () => {
    const whole = await readFile(at('narrow.safetensors'));
    const header = 8 + Number(whole.readBigUInt64LE());
    const lengths = [0, 7, 8, 100, header - 1, header, header + 1, whole.length >> 1, whole.length - 1];
    for (const length of lengths) {
      await writeFile(at('cut.safetensors'), whole);
      await truncate(at('cut.safetensors'), length);
      const { code, stdout, stderr } = await classify('cut.safetensors', { VGG16_ADAPTER: 'nosuch' });
      expect([length, code, stdout, stderr.length]).toEqual([length, 4, '', 1]);
      expect(stderr[0]).toMatch(/^error: cut\.safetensors: (truncated: |not a safetensors file)/);
    }
  });

  it('with one NaN: the line names the tensor', async () => {
    await writeFile(at('nan.safetensors'), await readFile(at('narrow.safetensors')));
    const file = await open(at('nan.safetensors'), 'r+');
    const { size } = await file.stat();
    // The last tensor is fc3's bias: ten numbers.
    await file.write(Buffer.from(Float32Array.of(Number.NaN).buffer), 0, 4, size - 4);
    await file.close();
    const { code, stdout, stderr } = await classify('nan.safetensors', NULL.env);
    expect([code, stdout, stderr]).toEqual([
      4,
      '',
      [
        'error: nan.safetensors: tensor "classifier.6.bias": element 9 is NaN; ' +
          'the file is damaged, or its training diverged',
      ],
    ]);
  });

  it.each([
    ['missing.safetensors', 'error: missing.safetensors: no such file'],
    [
      'nothing in it',
      'error: nothing in it: a folder without model.json (a TensorFlow.js model), best.safetensors (a run), ' +
        'model.safetensors (a model of the Hugging Face hub), model.safetensors.index.json (one in several files) or ' +
        'pytorch_model.bin (an older one)',
    ],
    [
      'text.jpg',
      expect.stringMatching(/^error: text\.jpg: not a weights file of a known format: safetensors, /),
    ],
  ])('%s', async (name, line) => {
    const { code, stdout, stderr } = await classify(name);
    expect([code, stdout, stderr]).toEqual([4, '', [line]]);
  });
});

describe('arguments', () => {
  const NOWHERE = ['classify', 'nowhere.jpg'];
  const LAYER = ['features', 'nowhere.jpg', '--out', 'never.npy', '--until'];

  it.each<readonly [args: readonly string[], line: string | RegExp]>([
    [['clasify', 'a.jpg'], "error: unknown command 'clasify' (Did you mean classify?)"],
    [['classify'], "error: missing required argument 'pictures'"],
    [[...NOWHERE, '--nonsense'], /^error: unknown option '--nonsense'/],
    ...['0', '-1', '1.5', 'x', '', '1e9999'].map((text) => {
      const say = `argument '${text}' is invalid. It must be a whole number of at least 1.`;
      return [[...NOWHERE, '--top', text], `error: option '--top <n>' ${say}`] as const;
    }),
    [
      [...NOWHERE, '--dtype', 'f64'],
      "error: option '--dtype <type>' argument 'f64' is invalid. Allowed choices are f32, f16.",
    ],
    [[...NOWHERE, '--batch', '2x'], /^error: option '--batch <n>' argument '2x' is invalid\. /],
    [
      [...NOWHERE, '--size', '64', '--crop', '32'],
      /^error: option '--size <px>' cannot be used with option '--crop/,
    ],
    [
      [...NOWHERE, '--crop', '1x2x3'],
      /^error: option '--crop .* It must be a length or HEIGHTxWIDTH, in pixels\.$/,
    ],
    [
      [...NOWHERE, '--resize', '99999'],
      /^error: option '--resize .* It must be a whole number of pixels, 1 to 16383\.$/,
    ],
    [
      [...LAYER, 'block6_conv1'],
      /^error: there is no layer "block6_conv1" in these weights; their layers are block1_conv1 .* block5_pool$/,
    ],
    [[...LAYER, 'fc1'], /^error: there is no layer "fc1" in these weights; their layers are .* block5_pool$/],
    [[...LAYER, 'block1_pool', '--size', '31'], /^error: pictures of 31 x 31 pixels are too small/],
    [[...LAYER, 'block1_pool', '--crop', '300'], /^error: crop 300 x 300 is larger than the short side/],
    [[...LAYER, 'block1_pool', '--pool', 'max'], /^error: option '--pool <how>' argument 'max' is invalid\./],
    [
      ['features', 'nowhere.jpg', '--out', 'never.npy'],
      "error: required option '--until <layer>' not specified",
    ],
    [['summary', '--size', '0'], /^error: option '--size <px\|HxW>' argument '0' is invalid\./],
    [['doctor', 'please'], /^error: too many arguments for 'doctor'\./],
  ])('%j', async (args, line) => {
    const { code, stdout, stderr } = await vgg16(args, { env: { VGG16_ADAPTER: 'nosuch' } });
    expect([code, stdout, stderr.length]).toEqual([2, '', 1]);
    expect(stderr[0]).toEqual(typeof line === 'string' ? line : expect.stringMatching(line));
  });

  it("the classifier's size is the classifier's", async () => {
    const { code, stderr } = await vgg16([...NOWHERE, ...weights, '--size', '64']);
    expect([code, stderr]).toEqual([
      2,
      ['error: the classifier takes pictures of 32 x 32 pixels; layers up to block5_pool take any size'],
    ]);
  });
});
