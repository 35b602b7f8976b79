// What makes probabilities of a classifier's outputs, in files of every naming, and through convert, classify and eval.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { UsageError } from '../../src/errors.js';
import { evaluateModel } from '../../src/node/training/evaluate.js';
import { VGG16 } from '../../src/node/vgg16.js';
import { convertWeights } from '../../src/node/weights/convert.js';
import { openWeights } from '../../src/node/weights/open.js';
import { openSafetensors } from '../../src/node/weights/safetensors.js';
import { inspectWeights } from '../../src/weights/inspect.js';
import { noise } from '../support/expected.js';
import { goldenPicture } from '../support/golden_weights.js';
import { useGpu } from '../support/gpu.js';
import { writeRandomVgg16 } from '../support/random_vgg16.js';
import { temporaryFolder, thrownBy } from './files.js';

const gpu = useGpu();
const folder = temporaryFolder();
const picture = noise(64, 64, 1);

type Change = Partial<Parameters<typeof writeRandomVgg16>[1]>;

async function written(name: string, change: Change): Promise<string> {
  const narrow = { widths: [2, 2, 3, 3, 4], hidden: 5, classes: 3, featureSide: 2, seed: 5 } as const;
  const path = join(folder, name);
  await writeRandomVgg16(path, { ...narrow, ...change });
  return path;
}

/** The scores of all classes in their order, and the last dense layer's results. */
async function answers(options: Parameters<typeof VGG16.load>[0]) {
  const model = await VGG16.load({ gpu: gpu(), ...options });
  try {
    const predictions = await model.classify(picture, { framing: { resize: 'none', crop: 64 } });
    const logits = (await model.forward([picture], ['fc3'])).get('fc3')!;
    const scores = predictions.toSorted((a, b) => a.index - b.index).map(({ score }) => score);
    return {
      scores,
      logits: [...logits],
      labels: model.labels.map(({ label }) => label),
      notes: model.notes,
    };
  } finally {
    model.dispose();
  }
}

const sigmoid = (z: number) => 1 / (1 + Math.exp(-z));

describe('independent classes', () => {
  const options = { activation: 'sigmoid' } as const;

  it('have a probability each, which is said, converted, and read again', async () => {
    const path = await written('several.safetensors', {});
    const { scores, logits } = await answers({ weights: path, ...options });
    for (const [i, score] of scores.entries()) expect(score).toBeCloseTo(sigmoid(logits[i]!), 6);
    const converted = join(folder, 'converted.safetensors');
    const done = await convertWeights(path, converted, options);
    expect([done.activation, done.metadata.activation]).toEqual(['sigmoid', 'sigmoid']);
    const again = await answers({ weights: converted });
    expect(again.scores).toEqual(scores);
    expect(again.notes.filter((note) => note.includes('softmax'))).toEqual([]);
    const source = await openWeights(converted);
    expect((await inspectWeights(source)).activation).toBe('sigmoid');
    await source.close();
  });

  it('have no layer softmax, and no accuracy', async () => {
    const weights = await written('several.safetensors', {});
    const model = await VGG16.load({ weights, gpu: gpu(), ...options });
    try {
      expect((await thrownBy(() => model.forward([picture], ['softmax']))).message).toMatch(
        /there is no layer "softmax" in these weights/,
      );
      const samples = [{ name: 'a', picture, label: 0 }];
      const error = await thrownBy(() => evaluateModel(model, samples, { classes: ['class 0'] }));
      expect(error).toBeInstanceOf(UsageError);
      expect(error.message).toMatch(/its classes do not exclude each other \(sigmoid\)/);
    } finally {
      model.dispose();
    }
  });

  it('are no others than softmax and sigmoid', async () => {
    const weights = await written('several.safetensors', {});
    const activation = 'relu' as 'sigmoid';
    expect(await thrownBy(() => openWeights(weights, { activation }))).toBeInstanceOf(UsageError);
    const said = await written('said', { metadata: { preprocess: 'caffe', activation: 'tanh' } });
    expect((await thrownBy(() => VGG16.load({ weights: said, gpu: gpu() }))).message).toMatch(
      /metadata activation is "tanh", expected "softmax" or "sigmoid"$/,
    );
  });
});

describe('a single output is two classes', () => {
  it.each<[string, Change]>([
    ['in torchvision’s names', {}],
    ['in timm’s', { naming: 'timm' }],
    ['in a file of ours', { metadata: { preprocess: 'caffe', pool: 'flatten' } }],
  ])('%s', async (_, change) => {
    const weights = await written('one.safetensors', { ...change, classes: 1 });
    const { scores, logits, notes } = await answers({ weights });
    expect(logits[0]).toBe(0);
    expect(scores[1]).toBeCloseTo(sigmoid(logits[1]!), 6);
    expect(scores[0]! + scores[1]!).toBeCloseTo(1, 6);
    const isOurs = change.metadata !== undefined;
    expect(notes.filter((note) => note.startsWith('the single output is taken for'))).toHaveLength(1);
    expect(notes.some((note) => note.includes('--preprocess'))).toBe(!isOurs);
  });

  it.each([
    [['cat'], ['not cat', 'cat']],
    [
      ['dog', 'cat'],
      ['dog', 'cat'],
    ],
  ])('with the names %j', async (classes, expected) => {
    const metadata = { preprocess: 'caffe', classes: JSON.stringify(classes) };
    const weights = await written('named.safetensors', { classes: 1, metadata });
    expect((await answers({ weights })).labels).toEqual(expected);
  });

  it('which softmax would make 1 of', async () => {
    const weights = await written('one.safetensors', { classes: 1 });
    const error = await thrownBy(() => openWeights(weights, { activation: 'softmax' }));
    expect(error.message).toMatch(/softmax over a single output is 1 whatever the picture/);
    const source = await openSafetensors(weights);
    await source.close();
    expect(source.tensors.get('classifier.6.weight')!.shape[0]).toBe(1);
  });
});

describe('heads as libraries write them', () => {
  const GOLDEN = 'test/golden/ends';
  const outputs: Readonly<Record<string, readonly number[]>> = Object.assign(
    {},
    ...['keras2', 'keras3', 'torch'].map((kind) =>
      JSON.parse(readFileSync(`${GOLDEN}/${kind}.json`, 'utf8')),
    ),
  );
  const softmax = (z: readonly number[]) => {
    const powers = z.map(Math.exp);
    return powers.map((power) => power / powers.reduce((sum, one) => sum + one));
  };
  const ofLogit = ([z]: readonly number[]) => [sigmoid(-z!), sigmoid(z!)];
  const asTheyAre = (probabilities: readonly number[]) => probabilities;

  it.each([
    ['keras3_logit.keras', ofLogit, /^the single output is taken for the logit/],
    ['keras2_logit.h5', ofLogit, /^the single output is taken for the logit/],
    ['torch_logit.pth', ofLogit, /^the single output is taken for the logit/],
    ['torch_logit.onnx', ofLogit, /^the single output is taken for the logit/],
    ['keras3_independent.keras', asTheyAre, undefined],
    ['torch_independent.onnx', asTheyAre, undefined],
    ['torch_logsoftmax.onnx', (logs: readonly number[]) => logs.map(Math.exp), undefined],
    ['torch_wrapped.pth', softmax, /softmax is assumed/],
  ])('%s gives the same probabilities', async (file, probabilities, note) => {
    const model = await VGG16.load({ weights: join(GOLDEN, file), gpu: gpu() });
    try {
      const found = await model.classify(goldenPicture(), { framing: { resize: 'none', crop: 64 } });
      for (const [index, wanted] of probabilities(outputs[file]!).entries())
        expect(found.find((prediction) => prediction.index === index)!.score).toBeCloseTo(wanted, 5);
      const said = model.notes.filter((text) => /single output|softmax/.test(text));
      expect(said).toEqual(note ? [expect.stringMatching(note)] : []);
    } finally {
      model.dispose();
    }
  });

  it('keras3_independent.weights.h5 needs to be told', async () => {
    const weights = join(GOLDEN, 'keras3_independent.weights.h5');
    for (const activation of ['sigmoid', undefined] as const) {
      const model = await VGG16.load({ weights, gpu: gpu(), activation });
      const found = await model.classify(goldenPicture(), { framing: { resize: 'none', crop: 64 } });
      const [first] = outputs['keras3_independent.weights.h5']!;
      const { score } = found.find(({ index }) => index === 0)!;
      expect(Math.abs(score - first!) < 1e-5).toBe(activation === 'sigmoid');
      expect(model.notes.some((text) => text.includes('softmax is assumed'))).toBe(activation === undefined);
      model.dispose();
    }
  });

  it('keras2_maximum.h5 is averaged, and says what it may be', async () => {
    const source = await openWeights(join(GOLDEN, 'keras2_maximum.h5'));
    await source.close();
    const said = source.notes.join('\n');
    expect(said).toMatch(/what "squeeze" computes is not in the file/);
    expect(said).toMatch(/taken to be averaged .* if it is GlobalMaxPooling2D, save the whole model/);
  });

  it.each([
    [
      'keras3_average.weights.h5',
      /layer "average_pooling2d.*" is listed, .* save the whole model as \.keras/,
    ],
    ['keras3_leaky.weights.h5', /layer "leaky_re_lu.*" is listed, .* save the whole model as \.keras/],
    ['keras3_behind.weights.h5', /stands behind "predictions", .* a head behind a head is not supported/],
    [
      'torch_behind.pth',
      /"2\.weight" reads the 6 outputs of "0\.classifier\.3\.weight": a head behind a head/,
    ],
    ['torch_appended.pth', /"classifier\.4" follows "classifier\.3" without a ReLU between/],
  ])('%s is refused', async (file, line) => {
    const path = join(GOLDEN, file);
    const { message } = await thrownBy(async () => (await openWeights(path)).close());
    expect(message.startsWith(`${path}: `)).toBe(true);
    expect(message).toMatch(line);
  });
});
