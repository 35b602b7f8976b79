// What public calls are told is checked: an unknown option, a misspelt one and an impossible value are refused in one line.

import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  checkDataset,
  convertWeights,
  datasetOf,
  evaluateModel,
  fetchWeights,
  findDataset,
  findLearningRate,
  findSamples,
  frame,
  Gpu,
  openWeights,
  PAPER_WIDTHS,
  resumeRun,
  trainHead,
  tuneNetwork,
  UsageError,
  VGG16,
} from '../src/index.js';
import { checkOptions, flag, group, listOf, type OptionRules, oneOf, whole } from '../src/options.js';
import { useFolder, writeNarrow } from './cli/support.js';

interface Stay {
  readonly nights?: number | undefined;
  readonly meals?: 'none' | 'breakfast' | undefined;
  readonly guests?: readonly ('adult' | 'child')[] | undefined;
  readonly extras?: { readonly parking?: boolean } | undefined;
}

const STAY: OptionRules<Stay> = {
  nights: whole(1, 30),
  meals: oneOf('none', 'breakfast'),
  guests: listOf(oneOf('adult', 'child')),
  extras: group<NonNullable<Stay['extras']>>({ parking: flag }),
};

describe('checkOptions', () => {
  const check = (options: unknown, required: readonly (keyof Stay)[] = []) =>
    checkOptions('book()', options as Stay, STAY, required);

  it('takes what the rules allow; undefined is as good as absent', () => {
    check({});
    check(undefined);
    check({ nights: 2, meals: undefined, guests: ['adult'], extras: { parking: true }, towels: undefined });
  });

  it.each([
    [{ night: 2 }, 'book() has no option "night"; did you mean nights?'],
    [{ NIGHTS: 2 }, 'book() has no option "NIGHTS"; did you mean nights?'],
    [{ parking: true }, 'book() has no option "parking"; did you mean extras: { parking }?'],
    [{ towels: 2 }, 'book() has no option "towels"; its options are nights, meals, guests, extras'],
    [{ toString: 1 }, 'book() has no option "toString"; its options are nights, meals, guests, extras'],
    [{ extras: { parkin: true } }, 'extras has no option "parkin"; did you mean parking?'],
    [{ extras: [true] }, 'extras is [true]; it must be { parking }'],
    [{ nights: 0 }, 'nights is 0; it must be a whole number of at least 1 and at most 30'],
    [{ nights: '2' }, 'nights is "2"; it must be a whole number of at least 1 and at most 30'],
    [{ nights: null }, 'nights is null; it must be a whole number of at least 1 and at most 30'],
    [{ meals: 'dinner' }, 'meals is "dinner"; it must be none or breakfast'],
    [{ guests: ['dog'] }, 'guests is ["dog"]; it must be a list, each of it adult or child'],
    ['2 nights', 'book() takes its options as an object, not "2 nights"'],
    [null, 'book() takes its options as an object, not null'],
  ])('refuses %j', (options, message) => {
    expect(() => check(options)).toThrow(new UsageError(message));
  });

  it('names an option that is needed and absent', () => {
    expect(() => check({}, ['nights'])).toThrow(new UsageError('book() needs the option nights'));
  });

  it('lets no list of rules drift away from its type, which the compiler sees', () => {
    const { nights, meals, ...rest } = STAY;
    // @ts-expect-error: a rule is missing
    const lacking: OptionRules<Stay> = { nights, ...rest };
    // @ts-expect-error: there is no such option
    const more: OptionRules<Stay> = { ...STAY, towels: flag };
    // @ts-expect-error: a value of the type would be refused
    const narrower: OptionRules<Stay> = { ...STAY, meals: oneOf('none') };
    // @ts-expect-error: a value would be allowed that is none of the type's
    const wider: OptionRules<Stay> = { ...STAY, meals: oneOf('none', 'breakfast', 'dinner') };
    expect([lacking, more, narrower, wider]).toHaveLength(4);
  });
});

describe('options of the public calls', () => {
  const at = useFolder();
  let model: VGG16;

  beforeAll(async () => {
    const weights = at('narrow.safetensors');
    await writeNarrow(weights);
    model = await VGG16.load({ weights, adapter: 'null' });
  });
  afterAll(() => model.dispose());

  const dataset = () => ({ name: 'none', classes: ['a', 'b'], train: [], val: [], test: [], notes: [] });
  const nowhere = () => at('nowhere');
  const picture = { width: 40, height: 40, data: new Uint8Array(40 * 40 * 3) };

  /** Each call with an option that it does not have. */
  const calls: Readonly<Record<string, (options: never) => unknown>> = {
    'VGG16.load()': (options) => VGG16.load(options),
    'Gpu.open()': (options) => Gpu.open(options),
    'classify()': (options) => model.classify(picture, options),
    'classifyEach()': (options) => model.classifyEach([picture], options).next(),
    'features()': (options) => model.features(picture, 'block1_pool', options),
    'featuresEach()': (options) => model.featuresEach([picture], 'block1_pool', options).next(),
    'forward()': (options) => model.forward([picture], ['block1_pool'], options),
    'profile()': (options) => model.profile({ batch: 1, height: 40, width: 40 }, 'block1_pool', options),
    'a framing': async (options) => frame(picture, options),
    'trainHead()': (options) => trainHead(model, dataset(), options),
    'findLearningRate()': (options) => findLearningRate(model, dataset(), options),
    'resumeRun()': (options) => resumeRun(nowhere(), options),
    'evaluateModel()': (options) => evaluateModel(model, [], options),
    'findDataset()': (options) => findDataset(nowhere(), options),
    'findSamples()': (options) => findSamples(nowhere(), [], options),
    'checkDataset()': (options) => checkDataset(nowhere(), options).next(),
    'datasetOf()': async (options) => datasetOf([], { train: [], val: [] }, options),
    'tuneNetwork()': (options) => tuneNetwork(model.gpu, PAPER_WIDTHS, options),
    'openWeights()': (options) => openWeights(nowhere(), options),
    'convertWeights()': (options) => convertWeights(nowhere(), join(nowhere(), 'out.safetensors'), options),
    'fetchWeights()': (options) => fetchWeights('torchvision', options),
  };

  it.each(Object.keys(calls))('%s refuses one that it does not have', async (name) => {
    const told = { colour: 'red' } as never;
    await expect(calls[name]!(told)).rejects.toThrow(`${name} has no option "colour"; its options are `);
    await expect(calls[name]!('colour' as never)).rejects.toThrow(`${name} takes its options as an object`);
  });

  it.each([
    ['features()', { pool: 'max' }, 'pool is "max"; it must be avg'],
    [
      'features()',
      { resize: 32, crop: 32 },
      'features() has no option "resize"; did you mean framing: { resize }?',
    ],
    ['features()', { framing: { size: 32 } }, 'framing has no option "size"; did you mean resize?'],
    ['features()', { framing: { resize: 32 } }, 'framing needs the option crop'],
    [
      'features()',
      { size: 32, framing: { resize: 32, crop: 32 } },
      'size is short for a framing: leave one of the two out',
    ],
    ['features()', { size: 0 }, 'size is 0; it must be a whole number of at least 1'],
    ['features()', { signal: {} }, 'signal is {}; it must be an AbortSignal'],
    ['classify()', { topk: 3 }, 'classify() has no option "topk"; did you mean topK?'],
    ['classify()', { topK: -1 }, 'topK is -1; it must be a whole number of at least 1'],
    [
      'classify()',
      { onError: () => {} },
      'classify() has no option "onError"; its options are batch, size, framing, onProgress, signal, topK',
    ],
    ['VGG16.load()', { weight: 'x.h5' }, 'VGG16.load() has no option "weight"; did you mean weights?'],
    ['VGG16.load()', { rungs: { conv3x3: '09' } }, /^rungs|^conv3x3 is "09"; it must be 01_naive or /],
    ['VGG16.load()', { gpu: {} }, 'gpu is {}; it must be a Gpu, as Gpu.open() gives it'],
    ['trainHead()', { epoch: 5 }, 'trainHead() has no option "epoch"; did you mean epochs?'],
    ['trainHead()', { cache: 'no' }, 'cache is "no"; it must be true or false'],
    ['trainHead()', { hidden: 64 }, 'hidden is 64; it must be a list of whole numbers'],
    ['findLearningRate()', { out: 'runs' }, /^findLearningRate\(\) has no option "out"; /],
    ['resumeRun()', { options: { epoch: 5 } }, 'options has no option "epoch"; did you mean epochs?'],
    ['evaluateModel()', {}, 'evaluateModel() needs the option classes'],
    ['findDataset()', { valshare: 0.1 }, 'findDataset() has no option "valshare"; did you mean valShare?'],
    ['findDataset()', undefined, 'findDataset() needs the option seed'],
    ['convertWeights()', { overwrite: 'yes' }, 'overwrite is "yes"; it must be true or false'],
    [
      'openWeights()',
      { preprocess: 'tensorflow' },
      /^preprocess is "tensorflow"; it must be torchvision or caffe/,
    ],
    [
      'fetchWeights()',
      { patience: { tries: 3 } },
      /^patience has no option "tries"; its options are stallMs, /,
    ],
  ] as const)('%s refuses %j', async (name, options, message) => {
    await expect(calls[name]!(options as never)).rejects.toThrow(
      typeof message === 'string' ? new UsageError(message) : message,
    );
  });

  it('have size, which is short for a framing', async () => {
    const [of64, of224] = await Promise.all(
      [{ size: 64 }, {}].map((options) => model.features(picture, 'block1_pool', options)),
    );
    expect([of64!.shape, of224!.shape]).toEqual([
      [32, 32, 4],
      [16, 16, 4],
    ]);
  });
});
