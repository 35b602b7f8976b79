// A file is known by its content, and what is no weights file is told what it is.

import { copyFileSync, cpSync, mkdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, it, test } from 'vitest';
import { WeightsError } from '../../src/errors.js';
import { openFile } from '../../src/node/files.js';
import { openWeights } from '../../src/node/weights/open.js';
import { writeSafetensors } from '../../src/node/weights/safetensors.js';
import { detectFormat } from '../../src/weights/detect.js';
import { describeVgg16 } from '../../src/weights/vgg16.js';
import { temporaryFolder, thrownBy, write } from './files.js';
import { zipBytes } from './zip_writer.js';

const GOLDEN = 'test/golden';
const folder = temporaryFolder();

test.each([
  ['safetensors', 'pytorch/timm.safetensors'],
  ['pytorch-zip', 'pytorch/zip.pth'],
  ['pytorch-legacy', 'pytorch/legacy.pth'],
  ['pytorch-legacy', 'pytorch/python2.pth'],
  ['keras-h5', 'keras/keras2_full.h5'],
  ['keras-h5', 'keras/keras3_full.weights.h5'],
  ['keras-zip', 'keras/keras3_full.keras'],
  ['npz', 'npz/frossard.npz'],
  ['npz', 'npz/frossard_deflated.npz'],
  ['onnx', 'onnx/torch.onnx'],
  ['onnx', 'onnx/tf2onnx.onnx'],
  ['tfjs', 'tfjs/float32/model.json'],
])('%s: %s, whatever it is called', async (format, file) => {
  const path = join(folder, 'picture.jpg');
  copyFileSync(join(GOLDEN, file), path);
  expect(await detectFormat(await openFile(path))).toBe(format);
});

test.each([512, 1024, 4096])('HDF5 behind a block of %i bytes', async (block) => {
  const file = readFileSync(join(GOLDEN, 'keras/keras2_full.h5'));
  const bytes = Buffer.concat([Buffer.alloc(block, 'x'), file]);
  expect(await detectFormat(await openFile(write(folder, 'behind', bytes)))).toBe('keras-h5');
});

const KNOWN =
  'not a weights file of a known format: safetensors, PyTorch (.pth), Keras (.h5, .keras), NumPy (.npz), ONNX, ' +
  'TensorFlow.js (model.json) and Caffe (.caffemodel) are read';

const SAVE_KERAS = 'save the whole model as .keras (model.save("model.keras"))';

test.each<[string, string | Buffer, string]>([
  ['nothing', '', 'truncated: the file is empty'],
  ['five bytes', 'hello', 'truncated: 5 bytes are too few for a weights file'],
  ['some text', 'just some text\n', KNOWN],
  ['noise', Buffer.from('d0e1a2b3c4d5e6f7a8b9', 'hex'), KNOWN],
  [
    'a Git LFS pointer',
    'version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 553433881\n',
    'a Git LFS pointer to a weights file: fetch it with `git lfs pull`',
  ],
  ['a web page', '\n  <!DOCTYPE html><html>', 'a web page, not a weights file: the download failed'],
  [
    'an error of a store',
    '\ufeff<?xml version="1.0"?><Error>',
    'a web page, not a weights file: the download failed',
  ],
  [
    'gzip',
    Buffer.from('1f8b0800000000000003', 'hex'),
    'compressed with gzip: unpack it first (gunzip, or tar -xzf)',
  ],
  [
    'a tar archive',
    Buffer.concat([Buffer.alloc(257, 'x'), Buffer.from('ustar\0'), Buffer.alloc(300)]),
    'a tar archive: unpack it; where a PyTorch before 0.1.10 wrote it, load it there and save it with a newer one',
  ],
  [
    'another pickle',
    Buffer.from('\x80\x04\x95\0\0\0\0\0\0\0\0}.', 'latin1'),
    'a Python pickle that torch.save() did not write: save the state_dict() with it',
  ],
  [
    'another zip archive',
    zipBytes([{ name: 'word/document.xml', bytes: Buffer.from('<w/>') }]),
    'a zip archive of none of PyTorch, Keras and NumPy: it holds "word/document.xml"',
  ],
  [
    'a data.pkl in no folder, which PyTorch does not take for its own either',
    zipBytes([{ name: 'data.pkl', bytes: Buffer.from('N.') }]),
    'a zip archive of none of PyTorch, Keras and NumPy: it holds "data.pkl"',
  ],
  [
    'an empty zip archive',
    zipBytes([]),
    'a zip archive of none of PyTorch, Keras and NumPy: it holds nothing',
  ],
  [
    'a TensorFlow SavedModel',
    Buffer.from('080112fa010a0512034d7920', 'hex'),
    `the graph of a TensorFlow SavedModel, which is not read: load it in Keras and ${SAVE_KERAS}`,
  ],
  [
    'a frozen graph of TensorFlow',
    Buffer.from('\x0a\x2b\x0a\x05image\x12\x0bPlaceholder', 'latin1'),
    `a frozen graph of TensorFlow, which is not read: ${SAVE_KERAS}`,
  ],
  [
    'a TensorFlow Lite model',
    Buffer.from('\x1c\0\0\0TFL3\x14\0', 'latin1'),
    `a TensorFlow Lite model (.tflite), which is not read: ${SAVE_KERAS}`,
  ],
  [
    "a model in onnxruntime's format",
    Buffer.from('\x1c\0\0\0ORTM\x14\0', 'latin1'),
    "a model in onnxruntime's own format (.ort), which is not read: give the .onnx file that it was made of",
  ],
  [
    'the index of a TensorFlow checkpoint',
    Buffer.from('\0\0\x06\x08aaaaaaaa\x57\xfb\x80\x8b\x24\x75\x47\xdb', 'latin1'),
    `part of a TensorFlow checkpoint: load it into the Keras model that wrote it (model.load_weights), and ${SAVE_KERAS}`,
  ],
  [
    'an array of NumPy',
    Buffer.from("\x93NUMPY\x01\0v\0{'descr': '<f4', }", 'latin1'),
    'a single NumPy array (.npy), not a network: save all of its arrays as .npz, in the names of PyTorch',
  ],
  [
    'the description of a Keras model',
    '{"class_name": "Functional", "config": {}}',
    `the description of a Keras model, without its weights: ${SAVE_KERAS}`,
  ],
  [
    'a configuration of the Hugging Face hub',
    '{"architecture": "vgg16", "num_classes": 4}',
    'the configuration of a model, without its weights: give its folder, or the file beside it, model.safetensors',
  ],
  [
    'other JSON',
    '{"name": "something"}',
    'a JSON file, but not a model of TensorFlow.js: it has no weightsManifest',
  ],
  [
    'half a zip archive',
    'PK\x03\x04\x14\0\0\0\x08\0',
    'damaged zip archive: truncated, or never finished: it has no directory at its end',
  ],
])('%s', async (_, bytes, message) => {
  const path = write(folder, 'other', bytes);
  const error = await thrownBy(() => openWeights(path));
  expect(error).toEqual(new WeightsError(`${path}: ${message}`));
});

test('folders and names of other tools are told what they are', async () => {
  const faultOf = async (path: string) => (await thrownBy(() => openWeights(path))).message;
  for (const [name, within] of [
    ['saved', 'saved_model.pb'],
    ['checkpoints', 'checkpoint'],
  ] as const) {
    mkdirSync(join(folder, name));
    write(join(folder, name), within, '{}');
  }
  expect(await faultOf(join(folder, 'saved'))).toMatch(/saved: a TensorFlow SavedModel, which is not read/);
  expect(await faultOf(join(folder, 'checkpoints'))).toMatch(/checkpoints: a TensorFlow checkpoint/);
  write(folder, 'cp.ckpt.index', 'x');
  expect(await faultOf(join(folder, 'cp.ckpt'))).toMatch(/the prefix of a TensorFlow checkpoint's files/);
});

describe('a folder of the Hugging Face hub', () => {
  const LABELS = Array.from({ length: 10 }, (_, i) => `thing ${i}`);

  /** A folder with a network of ten classes and a config.json. */
  function hub(name: string, config: unknown): string {
    const path = join(folder, name);
    mkdirSync(path);
    copyFileSync(join(GOLDEN, 'pytorch/timm.safetensors'), join(path, 'model.safetensors'));
    if (config !== undefined)
      write(path, 'config.json', typeof config === 'string' ? config : JSON.stringify(config));
    return path;
  }

  async function opened(path: string) {
    const source = await openWeights(path);
    await source.close();
    const { preprocess, classes } = describeVgg16(source);
    return { path: source.path, preprocess, classes, isGuessed: source.preprocessNote !== undefined };
  }

  it('stands for its model', async () => {
    const path = hub('hub', undefined);
    const { classes, isGuessed } = await opened(path);
    expect([classes, isGuessed]).toEqual([undefined, true]);
    expect((await opened(path)).path).toBe(join(path, 'model.safetensors'));
  });

  it.each<[string, unknown, readonly string[] | undefined, string, boolean]>([
    [
      'transformers',
      { id2label: Object.fromEntries(LABELS.map((label, i) => [i, label])) },
      LABELS,
      'torchvision',
      true,
    ],
    [
      'timm',
      { label_names: LABELS, pretrained_cfg: { mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] } },
      LABELS,
      'signed',
      false,
    ],
    ['plain', { pretrained_cfg: { mean: [0, 0, 0], std: [1, 1, 1] } }, undefined, 'unit', false],
    [
      'imagenet',
      { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] },
      undefined,
      'torchvision',
      false,
    ],
    [
      'others',
      { label_names: ['one'], mean: [0.1, 0.2, 0.3], std: [1, 1, 1] },
      undefined,
      'rgb - 25.5,51,76.5 / 255',
      false,
    ],
    [
      'unnamed',
      { id2label: Object.fromEntries(LABELS.map((_, i) => [i, `LABEL_${i}`])) },
      undefined,
      'torchvision',
      true,
    ],
    ['broken', '{"id2label": {', undefined, 'torchvision', true],
  ])('%s says what its config.json says', async (name, config, classes, preprocess, isGuessed) => {
    const found = await opened(hub(name, config));
    expect(found).toMatchObject({ classes, preprocess, isGuessed });
  });

  it('may be an older one', async () => {
    const path = join(folder, 'older');
    mkdirSync(path);
    copyFileSync(join(GOLDEN, 'pytorch/zip.pth'), join(path, 'pytorch_model.bin'));
    expect((await opened(path)).path).toBe(join(path, 'pytorch_model.bin'));
  });

  it('may have its weights in several files, by the folder, the index or any of them', async () => {
    const whole = await openWeights(join(GOLDEN, 'pytorch/timm.safetensors'));
    const names = [...whole.tensors.keys()];
    const path = join(folder, 'shards');
    mkdirSync(path);
    const shardOf = (name: string) => `model-0000${1 + (names.indexOf(name) % 2)}-of-00002.safetensors`;
    for (const shard of new Set(names.map(shardOf))) {
      const tensors = names
        .filter((name) => shardOf(name) === shard)
        .map((name) => {
          const { dtype, shape, byteLength } = whole.tensors.get(name)!;
          async function* data() {
            const bytes = new Uint8Array(byteLength);
            await whole.read(name, 0, bytes);
            yield bytes;
          }
          return { name, dtype, shape, data: data() };
        });
      await writeSafetensors(join(path, shard), tensors, { format: 'pt' });
    }
    const index = 'model.safetensors.index.json';
    write(
      path,
      index,
      JSON.stringify({ weight_map: Object.fromEntries(names.map((name) => [name, shardOf(name)])) }),
    );
    for (const one of ['', index, shardOf(names[0]!), shardOf(names[1]!)]) {
      const source = await openWeights(join(path, one));
      expect([...source.tensors.keys()]).toEqual(names);
      for (const name of names) {
        const [own, wanted] = [source, whole].map(() => new Uint8Array(whole.tensors.get(name)!.byteLength));
        await source.read(name, 0, own!);
        await whole.read(name, 0, wanted!);
        expect(Buffer.compare(own!, wanted!)).toBe(0);
      }
      await source.close();
    }
    await whole.close();
  });

  it.each<[string, Record<string, string>, string, RegExp]>([
    [
      'no-index',
      {},
      'model-00001-of-00002.safetensors',
      /part 1 of 2 of .*their index, model\.safetensors\.index\.json, is not/,
    ],
    [
      'no-part',
      { 'model.safetensors.index.json': '{"weight_map": {"a": "gone.safetensors"}}' },
      '',
      /"gone\.safetensors", which holds a part of its weights, is not beside it/,
    ],
    [
      'outside',
      { 'model.safetensors.index.json': '{"weight_map": {"a": "../hub/model.safetensors"}}' },
      '',
      /hub\/model\.safetensors/,
    ],
    ['no-map', { 'model.safetensors.index.json': '{"weight_map": [1]}' }, '', /that names no files/],
  ])('%s: refused', async (name, files, one, message) => {
    const path = join(folder, name);
    mkdirSync(path);
    copyFileSync(join(GOLDEN, 'pytorch/timm.safetensors'), join(path, 'model-00001-of-00002.safetensors'));
    for (const [file, text] of Object.entries(files)) write(path, file, text);
    const error = await thrownBy(() => openWeights(join(path, one)));
    expect(error).toBeInstanceOf(WeightsError);
    expect(error.message).toMatch(message);
  });
});

test('a missing file, and a folder', async () => {
  expect((await thrownBy(() => openWeights(join(folder, 'missing')))).message).toMatch(
    /missing: no such file$/,
  );
  mkdirSync(join(folder, 'empty'));
  expect((await thrownBy(() => openWeights(join(folder, 'empty')))).message).toMatch(
    /empty: a folder without model\.json .*, best\.safetensors \(a run\), model\.safetensors .* or pytorch_model\.bin .*$/,
  );
});

test('the folder of a TensorFlow.js model is opened by its model.json', async () => {
  cpSync(join(GOLDEN, 'tfjs/float32'), join(folder, 'model'), { recursive: true });
  const source = await openWeights(join(folder, 'model'));
  expect(basename(source.path)).toBe('model.json');
  await source.close();
});

test('a file: URL', async () => {
  const source = await openWeights(pathToFileURL(join(GOLDEN, 'pytorch/zip.pth')));
  expect(source.tensors.size).toBe(32);
  await source.close();
});
