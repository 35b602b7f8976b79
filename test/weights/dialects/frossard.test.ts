import { describe, expect, it } from 'vitest';
import { openFile } from '../../../src/node/files.js';
import type { Archive } from '../../../src/weights/archive.js';
import { findNpz } from '../../../src/weights/dialects/npz.js';
import { openNpz } from '../../../src/weights/formats/npz.js';
import { settlePixels } from '../../../src/weights/pixels.js';
import type { Storage, StridedTensor } from '../../../src/weights/source.js';
import { wholeTensor } from '../../../src/weights/strided.js';
import { thrownBy } from '../files.js';

/** The golden file's tensors, some of them changed. */
async function archiveWith(change: (tensors: Map<string, StridedTensor>) => void): Promise<Archive> {
  const archive = await openNpz(await openFile('test/golden/npz/frossard.npz'));
  const tensors = new Map(archive.tensors);
  change(tensors);
  return { ...archive, tensors };
}

function ofShape(name: string, shape: readonly number[]): StridedTensor {
  const length = shape.reduce((product, size) => product * size, 1);
  const storage: Storage = { length, stored: 'F32', dtype: 'F32', read: async () => {} };
  return wholeTensor(name, shape, storage);
}

describe('Frossard’s names', () => {
  it.each<[string, (tensors: Map<string, StridedTensor>) => void, RegExp]>([
    ['a missing bias', (t) => t.delete('conv4_2_b'), /missing: "conv4_2_b"/],
    ['a missing part of the top', (t) => t.delete('fc7_W'), /missing: "fc7_W"/],
    [
      'a kernel of two dimensions',
      (t) => t.set('conv2_1_W', ofShape('conv2_1_W', [3, 3])),
      /"conv2_1_W": expected 4 dimensions/,
    ],
    [
      'a first dense layer that fits no square map',
      (t) => t.set('fc6_W', ofShape('fc6_W', [24, 12])),
      /"fc6_W": expected shape \(S \* S \* 8, O\) .*found \(24, 12\)/,
    ],
  ])('%s is an error', async (_, change, expected) => {
    const archive = await archiveWith(change);
    expect((await thrownBy(() => findNpz(archive))).message).toMatch(expected);
    await archive.close();
  });

  it('with other arrays beside them: these are left out, and said to be', async () => {
    const archive = await archiveWith((tensors) => tensors.set('step', ofShape('step', [1])));
    expect((await findNpz(archive)).notes).toContain('left out, beside the network: "step"');
    await archive.close();
  });

  it('the order of colours is turned in pieces of any size', async () => {
    const archive = await archiveWith(() => {});
    const found = await settlePixels(await findNpz(archive));
    const stored = archive.tensors.get('conv1_1_W')!;
    const { kernel } = found.convs[0]!;
    const original = new Float32Array(108);
    const turned = new Float32Array(108);
    await stored.storage.read(0, original);
    for (let at = 0; at < 108; at += 7) await kernel.storage.read(at, turned.subarray(at, at + 7));
    for (let output = 0; output < 4; output++) {
      for (let colour = 0; colour < 3; colour++) {
        for (let pixel = 0; pixel < 9; pixel++) {
          const from = (pixel * 3 + 2 - colour) * 4 + output;
          expect(turned[(output * 3 + colour) * 9 + pixel]).toBe(original[from]);
        }
      }
    }
    await archive.close();
  });
});
