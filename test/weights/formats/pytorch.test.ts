// Files that PyTorch wrote: the same tensors to the bit, and the same answers.

import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { openWeights } from '../../../src/node/weights/open.js';
import { describeVgg16 } from '../../../src/weights/vgg16.js';
import { logitsOf, relativeError } from '../../support/golden_weights.js';
import { useGpu } from '../../support/gpu.js';

const FOLDER = 'test/golden/pytorch';

interface Golden {
  readonly logits: readonly number[];
  readonly pool: 'flatten' | 'avg';
  readonly tensors: Readonly<Record<string, { readonly shape: readonly number[]; readonly sha256: string }>>;
}

const GOLDEN = JSON.parse(readFileSync(`${FOLDER}/golden.json`, 'utf8')) as Readonly<Record<string, Golden>>;

/** Sums of some hundred products in 32 bits; PyTorch adds in another order. */
const TOLERANCE = 1e-5;

const SOFTMAX_NOTE = expect.stringContaining('softmax is assumed');
const PREPROCESS_NOTE =
  'the file does not say how pixels are prepared; going by its names, torchvision (RGB, scaled by mean and deviation) ' +
  'is assumed; if that is wrong: --preprocess caffe, unit, signed, raw or a recipe in numbers';

const gpu = useGpu();

describe.each(Object.entries(GOLDEN))('%s', (file, golden) => {
  const path = `${FOLDER}/${file}`;

  it('has every tensor, bit for bit, in any pieces', async () => {
    const source = await openWeights(path);
    try {
      // Plain safetensors keep their names and shapes; describeVgg16 maps them.
      const isAsItIs = file === 'timm.safetensors';
      const { convs, dense, pool } = describeVgg16(source);
      const entries = [...convs, ...dense].flatMap(({ kernel, bias }) => [kernel, bias]);
      expect(pool).toBe(golden.pool);
      expect(entries.length).toBe(Object.keys(golden.tensors).length);
      for (const [i, [name, { shape, sha256 }]] of Object.entries(golden.tensors).entries()) {
        const entry = entries[i]!;
        if (!isAsItIs) expect([entry.name, entry.shape]).toEqual([name, shape]);
        const bytes = new Uint8Array(entry.byteLength);
        const piece = 1 + ((i * 37) % 200);
        for (let at = 0; at < bytes.length; at += piece) {
          await source.read(entry.name, at, bytes.subarray(at, at + piece));
        }
        expect([name, createHash('sha256').update(bytes).digest('hex').slice(0, 16)]).toEqual([name, sha256]);
      }
    } finally {
      await source.close();
    }
  });

  it('gives the same logits', async () => {
    expect(relativeError(await logitsOf(path, gpu()), golden.logits)).toBeLessThan(TOLERANCE);
  });
});

describe('what is said of a file', () => {
  const opened = async (file: string) => {
    const source = await openWeights(`${FOLDER}/${file}`);
    await source.close();
    return source;
  };

  it('its format, where its names begin, and what was left out', async () => {
    const { format, notes } = await opened('checkpoint.pth');
    expect(format).toBe('PyTorch (zip)');
    expect(notes).toEqual([
      `the network's names begin with "state_dict.module."`,
      'left out, beside the network: "optimizer.state.0.momentum_buffer", "optimizer.state.1.momentum_buffer", ' +
        '"optimizer.state.2.momentum_buffer" and 29 more',
      SOFTMAX_NOTE,
      PREPROCESS_NOTE,
    ]);
    expect((await opened('legacy.pth')).format).toBe('PyTorch (legacy)');
    expect((await opened('own_head.pth')).notes[0]).toBe(
      'ReLU between the dense layers is taken for granted',
    );
    expect((await opened('averaged.pth')).notes[1]).toBe(
      '"net.classifier.weight" reads one number per channel: averaged',
    );
  });

  it('of each tensor, what it is called in the file, its shape there and how its numbers are kept', async () => {
    const { origins } = await opened('f64.pth');
    expect(origins.get('classifier.0.weight')).toEqual({
      name: 'classifier.0.weight',
      shape: [12, 32],
      stored: 'F64',
    });
    expect((await opened('timm.pth')).origins.get('classifier.0.weight')).toEqual({
      name: 'pre_logits.fc1.weight',
      shape: [12, 8, 2, 2],
      stored: 'F32',
    });
    expect((await opened('own_head.pth')).origins.get('classifier.9.weight')?.name).toBe(
      'classifier.6.3.weight',
    );
  });

  it('in its metadata: preprocess, pool and source', async () => {
    expect((await opened('averaged.pth')).metadata).toEqual({
      preprocess: 'torchvision',
      pool: 'avg',
      activation: 'softmax',
      source: 'averaged.pth (PyTorch (zip))',
    });
  });

  it('and what the caller knows better', async () => {
    const source = await openWeights(`${FOLDER}/zip.pth`, { preprocess: 'caffe' });
    await source.close();
    expect(describeVgg16(source).preprocess).toBe('caffe');
    expect(source.notes).toEqual([SOFTMAX_NOTE]);
  });

  it('that the order of named dense layers, and ReLU between them, are taken for granted', async () => {
    for (const file of ['named_head.pth', 'named_head.safetensors']) {
      const { notes, origins } = await opened(file);
      expect(notes).toEqual([
        'ReLU between the dense layers is taken for granted',
        SOFTMAX_NOTE,
        PREPROCESS_NOTE,
      ]);
      expect(origins.get('classifier.6.weight')?.name).toBe('classifier.classes.weight');
    }
  });

  it('and how pixels are prepared, though its names are those of timm’s own network: its numbers are not', async () => {
    expect((await opened('timm.pth')).notes).toEqual([SOFTMAX_NOTE, PREPROCESS_NOTE]);
    expect((await opened('timm.safetensors')).notes).toEqual([SOFTMAX_NOTE, PREPROCESS_NOTE]);
  });
});
