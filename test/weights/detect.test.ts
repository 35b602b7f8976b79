// A file is known by its content, and what is no weights file is told what it is.

import { copyFileSync, cpSync, mkdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, test } from 'vitest';
import { WeightsError } from '../../src/errors.js';
import { detectFormat } from '../../src/weights/detect.js';
import { openWeights } from '../../src/weights/open.js';
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
  expect(await detectFormat(path)).toBe(format);
});

test.each([512, 1024, 4096])('HDF5 behind a block of %i bytes', async (block) => {
  const file = readFileSync(join(GOLDEN, 'keras/keras2_full.h5'));
  const bytes = Buffer.concat([Buffer.alloc(block, 'x'), file]);
  expect(await detectFormat(write(folder, 'behind', bytes))).toBe('keras-h5');
});

const KNOWN =
  'not a weights file of a known format: safetensors, PyTorch (.pth), Keras (.h5, .keras), NumPy (.npz), ONNX and ' +
  'TensorFlow.js (model.json) are read';

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
  ['a TensorFlow SavedModel', Buffer.from('080112fa010a0512034d7920', 'hex'), KNOWN],
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

test('a missing file, and a folder', async () => {
  expect((await thrownBy(() => openWeights(join(folder, 'missing')))).message).toMatch(
    /missing: no such file$/,
  );
  mkdirSync(join(folder, 'empty'));
  expect((await thrownBy(() => openWeights(join(folder, 'empty')))).message).toMatch(
    /empty: a folder without model\.json .* or best\.safetensors \(a run\)$/,
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
