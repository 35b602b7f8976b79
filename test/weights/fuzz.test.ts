// Whatever happens to a file's bytes, of whatever format, it is refused in one line or can be read to its end.

import { cpSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { describe, expect, it, test } from 'vitest';
import { watchAllocations } from './allocations.js';
import { temporaryFolder } from './files.js';
import { fuzz, type Mutate } from './fuzz.js';
import { mutatedGraph } from './protobuf_mutants.js';
import { mutatedEntry } from './zip_writer.js';

const FULL = Boolean(process.env.FULL);
const MUTANTS = FULL ? 20_000 : 2000;

interface Subject {
  readonly name: string;
  /** Below test/golden. */
  readonly files: readonly string[];
  /** Of all mutants. */
  readonly share: number;
  /** Knows the format, and so reaches deeper. */
  readonly ways?: (folder: string) => readonly Mutate[];
  /** Must be called as they are: they lie with files that they refer to. */
  readonly beside?: boolean;
}

const inZip = (folder: string) => [mutatedEntry(folder)];

const SUBJECTS: readonly Subject[] = [
  {
    name: 'PyTorch (zip)',
    files: ['pytorch/zip.pth', 'pytorch/checkpoint.pth', 'pytorch/channels_last.pth', 'pytorch/f16.pth'],
    share: 0.25,
    ways: inZip,
  },
  {
    name: 'PyTorch (legacy)',
    files: ['pytorch/legacy.pth', 'pytorch/python2.pth', 'pytorch/one_storage_legacy.pth'],
    share: 0.2,
  },
  { name: 'safetensors', files: ['pytorch/timm.safetensors', 'pytorch/prefixed.safetensors'], share: 0.1 },
  {
    name: 'NumPy',
    files: ['npz/frossard.npz', 'npz/frossard_deflated.npz', 'npz/frossard_order.npz', 'npz/torchvision.npz'],
    share: 0.1,
    ways: inZip,
  },
  {
    name: 'ONNX',
    files: ['onnx/torch.onnx', 'onnx/tf2onnx.onnx', 'onnx/zoo.onnx', 'onnx/float_data.onnx'],
    share: 0.2,
    ways: () => [mutatedGraph],
  },
  { name: 'TensorFlow.js', files: ['tfjs/uint8/model.json'], share: 0.05, beside: true },
  { name: 'TensorFlow.js, shards', files: ['tfjs/float32/model.json'], share: 0.05, beside: true },
  {
    name: 'PyTorch in other arrangements',
    files: [
      'whole.pth',
      'script.pt',
      'checkpoint.pth',
      'norm_base.pth',
      'norm_front.pth',
      'oxford.pth',
      'sibling.pth',
    ].map((file) => `arrangements/torch_${file}`),
    share: FULL ? 0.25 : 0.06,
    ways: inZip,
  },
  {
    name: 'ONNX with normalisation',
    files: ['front', 'flat', 'map'].map((kind) => `arrangements/torch_norm_${kind}.onnx`),
    share: FULL ? 0.25 : 0.05,
    ways: () => [mutatedGraph],
  },
  {
    name: 'Keras with normalisation',
    files: ['arrangements/keras_norm_dense.keras', 'arrangements/keras_norm_flat.keras'],
    share: FULL ? 0.03 : 0.01,
    ways: inZip,
  },
  // HDF5 is read by a thread of its own, which takes its time to start.
  {
    name: 'Keras HDF5',
    files: ['keras/keras2_full.h5', 'keras/keras2_gzip.h5', 'keras/keras3_nested.h5', 'keras/keras2_flat.h5'],
    share: FULL ? 0.04 : 0.015,
  },
  {
    name: 'Keras zip',
    files: ['keras/keras3_full.keras', 'keras/keras3_nested.keras'],
    share: FULL ? 0.03 : 0.02,
    ways: inZip,
  },
];

describe.each(SUBJECTS)('$name', ({ files, share, ways, beside }) => {
  const folder = temporaryFolder();

  it('mutants', async () => {
    const originals = files.map((file) => join('test/golden', file));
    if (beside) for (const path of originals) cpSync(dirname(path), folder, { recursive: true });
    const mutants = Math.round(MUTANTS * share);
    const name = beside ? basename(originals[0]!) : 'mutant';
    const outcomes = await fuzz(folder, originals, { mutants, seed: 2026, name, ways: ways?.(folder) });
    // Both ways were taken, so the mutations reach behind the first check.
    expect(Math.min(outcomes.refused, outcomes.read), JSON.stringify(outcomes)).toBeGreaterThan(0);
    expect(outcomes.refused + outcomes.read + outcomes.notVgg16).toBe(mutants);
  }, 1_200_000);
});

test('allocations are seen, whether they are used or not', async () => {
  const { largest } = await watchAllocations(async () => {
    new Uint8Array(1e6);
    new Float32Array(1e6);
    Buffer.alloc(2e6);
  });
  expect(largest).toBe(4e6);
});
