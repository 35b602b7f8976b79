// Networks as ONNX models: what is written is the same network when it is read again, answers as before, and is understood by
// ONNX Runtime where that is installed.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { requireFrom } from '../../src/bench/peers/installed.js';
import { OutputError, UsageError } from '../../src/errors.js';
import { openFile } from '../../src/node/files.js';
import { VGG16 } from '../../src/node/vgg16.js';
import { convertWeights } from '../../src/node/weights/convert.js';
import { openWeights } from '../../src/node/weights/open.js';
import { torchText } from '../../src/node/weights/torch_text.js';
import type { Preprocess } from '../../src/weights/archive.js';
import { openOnnx } from '../../src/weights/formats/onnx.js';
import { describeVgg16 } from '../../src/weights/vgg16.js';
import { goldenPicture } from '../support/golden_weights.js';
import { useGpu } from '../support/gpu.js';
import { writeRandomVgg16 } from '../support/random_vgg16.js';
import { temporaryFolder, thrownBy } from './files.js';

const gpu = useGpu();
const folder = temporaryFolder();
const CLASSES = ['ant', 'bee', 'wasp'];

type Change = Partial<Parameters<typeof writeRandomVgg16>[1]>;

async function network(name: string, change: Change = {}): Promise<string> {
  const path = join(folder, `${name}.safetensors`);
  const narrow = { widths: [2, 2, 3, 3, 4], hidden: 5, classes: 3, featureSide: 2, seed: 5 } as const;
  const metadata = { preprocess: 'caffe', pool: 'flatten', classes: JSON.stringify(CLASSES), size: '64' };
  await writeRandomVgg16(path, { ...narrow, metadata, ...change });
  return path;
}

async function answers(weights: string) {
  const model = await VGG16.load({ weights, gpu: gpu() });
  try {
    const found = await model.classify(goldenPicture(), { framing: { resize: 'none', crop: 64 } });
    return { found, notes: model.notes };
  } finally {
    model.dispose();
  }
}

describe('an ONNX model', () => {
  it.each<Preprocess>(['torchvision', 'caffe', 'unit', 'signed'])(
    'prepares pixels itself: %s',
    async (preprocess) => {
      const path = await network(preprocess, {
        metadata: { preprocess, pool: 'flatten', classes: JSON.stringify(CLASSES) },
      });
      const output = join(folder, `${preprocess}.onnx`);
      await convertWeights(path, output);
      expect((await answers(output)).found).toEqual((await answers(path)).found);
      const source = await openWeights(output);
      await source.close();
      expect(describeVgg16(source)).toMatchObject({
        preprocess,
        classes: CLASSES,
        activation: 'softmax',
        size: 64,
      });
      expect(source.preprocessNote).toBeUndefined();
    },
  );

  it.each<[string, Change]>([
    ['averaged', { metadata: { preprocess: 'caffe', pool: 'avg', size: '96' }, featureSide: 1 }],
    ['of independent classes', { metadata: { preprocess: 'unit', pool: 'flatten', activation: 'sigmoid' } }],
  ])('with a head that is %s', async (_, change) => {
    const path = await network('head', change);
    const output = join(folder, 'head.onnx');
    await convertWeights(path, output, { overwrite: true });
    const [own, wanted] = [await answers(output), await answers(path)];
    expect(own).toEqual(wanted);
  });

  it('without a head gives the last feature map', async () => {
    const path = await network('base', { top: false, metadata: { preprocess: 'caffe' } });
    const output = join(folder, 'base.onnx');
    await convertWeights(path, output);
    const model = await openOnnx(await openFile(output));
    await model.close();
    expect([model.outputs, model.nodes.at(-1)!.op]).toEqual([['features'], 'MaxPool']);
    expect([...model.inputShapes.values()]).toEqual([[undefined, 3, undefined, undefined]]);
  });

  it('keeps f16 as it is, and says of itself what safetensors say', async () => {
    const path = await network('halves');
    const output = join(folder, 'halves.onnx');
    const done = await convertWeights(path, output, {
      dtype: 'f16',
      classes: ['a', 'b', 'c'],
      licence: 'CC0-1.0',
    });
    expect(done.dtype).toBe('F16');
    const model = await openOnnx(await openFile(output));
    await model.close();
    expect([...new Set([...model.tensors.values()].map(({ storage }) => storage.stored))].sort()).toEqual([
      'F16',
      'F32',
    ]);
    expect(model.metadata).toMatchObject({
      classes: '["a","b","c"]',
      names: '{"0":"a","1":"b","2":"c"}',
      license: 'CC0-1.0',
    });
    expect(Object.keys(model.metadata!)).not.toContain('format');
    const rounded = join(folder, 'halves-f16.safetensors');
    await convertWeights(path, rounded, { dtype: 'f16', classes: ['a', 'b', 'c'] });
    expect((await answers(output)).found).toEqual((await answers(rounded)).found);
  });

  it('is what the option says, or else the ending', async () => {
    const path = await network('named');
    const output = join(folder, 'named.bin');
    await convertWeights(path, output, { format: 'onnx' });
    expect(readFileSync(output).subarray(0, 30).toString('latin1')).toContain('vgg16-webgpu');
    expect(await thrownBy(() => convertWeights(path, output, { format: 'onnx' }))).toBeInstanceOf(
      OutputError,
    );
    const format = 'pb' as 'onnx';
    expect(await thrownBy(() => convertWeights(path, join(folder, 'x'), { format }))).toBeInstanceOf(
      UsageError,
    );
  });

  it('is answered by ONNX Runtime with the same probabilities', async (context) => {
    const require = requireFrom('onnxruntime-node');
    if (!require) return context.skip('onnxruntime-node is not installed');
    const { InferenceSession, Tensor } = require('onnxruntime-node');
    const path = await network('runtime');
    const output = join(folder, 'runtime.onnx');
    await convertWeights(path, output);
    const session = await InferenceSession.create(output);
    const { data } = goldenPicture();
    const image = Float32Array.from(
      { length: data.length },
      (_, at) => data[(at % 4096) * 3 + Math.floor(at / 4096)]!,
    );
    const { probabilities } = await session.run({ image: new Tensor('float32', image, [1, 3, 64, 64]) });
    const { found } = await answers(path);
    for (const { index, score } of found) expect(Number(probabilities!.data[index])).toBeCloseTo(score, 5);
  });
});

describe('the lines for PyTorch', () => {
  it('have the layers, the frame and the pixels of the network', async () => {
    const source = await openWeights(
      await network('python', { metadata: { preprocess: 'torchvision', pool: 'flatten' } }),
    );
    await source.close();
    const text = torchText(describeVgg16(source), 'my "net".safetensors');
    expect(text).toContain("make_layers([2, 2, 'M', 2, 2, 'M', 3, 3, 3, 'M', 3, 3, 3, 'M', 4, 4, 4, 'M'])");
    expect(text).toContain('nn.Sequential(nn.Linear(16, 5), nn.ReLU(), nn.Dropout(), nn.Linear(5, 5)');
    expect(text).toContain('load_file("my \\"net\\".safetensors")');
    expect(text).toContain('T.Resize(73), T.CenterCrop(64)');
    expect(text).toContain('x = (pixels - torch.tensor([123.675, 116.28, 103.53])');
    expect(text).toContain('.flatten(1)).softmax(1))');
  });
});
