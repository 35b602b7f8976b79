// Files that NumPy, PyTorch's exporter, onnx and tf2onnx wrote: the same tensors to the bit, and the same answers.

import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { openWeights } from '../../../src/node/weights/open.js';
import { decodeFloats } from '../../../src/weights/floats.js';
import { describeVgg16 } from '../../../src/weights/vgg16.js';
import { logitsOf, relativeError } from '../../support/golden_weights.js';
import { useGpu } from '../../support/gpu.js';

interface Golden {
  readonly outputs: readonly number[];
  readonly sha256?: string;
  readonly preprocess?: string;
  readonly pool?: string;
}

/** Sums of some hundred products in 32 bits; the libraries add in another order. */
const TOLERANCE = 1e-5;

/** onnxruntime works in half precision throughout where the model says so: 11 bits, over 16 layers. */
const TOLERANCE_F16 = 1e-3;

const gpu = useGpu();

describe.each(['npz', 'onnx'])('%s', (folder) => {
  const cases = JSON.parse(readFileSync(`test/golden/${folder}/cases.json`, 'utf8')) as Record<
    string,
    Golden
  >;

  describe.each(Object.entries(cases))('%s', (file, golden) => {
    const path = `test/golden/${folder}/${file}`;

    it('is the network that was written', async () => {
      const source = await openWeights(path);
      try {
        const { preprocess, pool, dense } = describeVgg16(source);
        if (golden.preprocess)
          expect({ preprocess, pool }).toEqual({ preprocess: golden.preprocess, pool: golden.pool });
        else expect(preprocess).toBe(file === 'torchvision.npz' ? 'torchvision' : 'caffe');
        expect(dense.length).toBe(file.includes('notop') ? 0 : file.includes('avg') ? 1 : 3);
        if (!golden.sha256) return;
        const hash = createHash('sha256');
        for (const { name, byteLength, dtype } of source.tensors.values()) {
          const bytes = new Uint8Array(byteLength);
          // Both halves backwards, because reading back is another matter where the file is deflated.
          const middle = Math.floor(byteLength / 2);
          await source.read(name, middle, bytes.subarray(middle));
          await source.read(name, 0, bytes.subarray(0, middle));
          hash.update(new Uint8Array(decodeFloats(bytes, dtype).buffer));
        }
        expect(hash.digest('hex')).toBe(golden.sha256);
      } finally {
        await source.close();
      }
    });

    if (file.includes('notop')) return;
    it('gives the same logits', async () => {
      const tolerance = file === 'float16.onnx' ? TOLERANCE_F16 : TOLERANCE;
      expect(relativeError(await logitsOf(path, gpu()), golden.outputs)).toBeLessThan(tolerance);
    });
  });
});
