// A base that is trained with its head: what comes of it, whole, left and taken up again, and what is refused.

import { copyFile, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { TrainingError, UsageError } from '../../../src/errors.js';
import { featuresReusing } from '../../../src/node/features/reuse.js';
import { evaluateModel } from '../../../src/node/training/evaluate.js';
import { type TrainOptions, trainHead } from '../../../src/node/training/new_run.js';
import { pretrain, resumePretraining } from '../../../src/node/training/pretrain.js';
import { resumeRun } from '../../../src/node/training/resumed_run.js';
import { VGG16 } from '../../../src/node/vgg16.js';
import { convertWeights } from '../../../src/node/weights/convert.js';
import { openHeadFile } from '../../../src/node/weights/safetensors.js';
import type { TrainEvent } from '../../../src/train/events.js';
import { eight, pictures, QUICK, SIZE } from './pictures.js';
import { useNetwork } from './support.js';

const { model, path } = useNetwork();

const FINE: TrainOptions = {
  ...QUICK,
  ...{ unfreeze: 'block4', headEpochs: 4, epochs: 3, lr: 0.02, lrBase: 0.002, lrDecay: 2 },
};

const files = (folder: string, names: readonly string[]) =>
  Promise.all(names.map(async (name) => (await readFile(join(folder, name))).toString('base64')));

/** Rows of results.csv without their times. */
const rows = async (folder: string) => {
  const lines = (await readFile(join(folder, 'results.csv'), 'utf8')).split('\n');
  return lines.map((line) => line.split(',').slice(0, -2).join());
};

/** Ends training at an event. */
function leaving(when: (event: TrainEvent) => boolean): Pick<TrainOptions, 'onEvent' | 'signal'> {
  const stop = new AbortController();
  const onEvent = (event: TrainEvent) => {
    if (when(event)) stop.abort(new Error('left'));
  };
  return { onEvent, signal: stop.signal };
}

describe('fine-tuning', () => {
  it('trains the head alone, then blocks with it, and answers from its file as it did in training', async () => {
    const events: TrainEvent[] = [];
    const out = path('fine');
    const data = pictures();
    const result = await trainHead(model(), data, { ...FINE, out, onEvent: (event) => events.push(event) });
    const phases = events.flatMap((event) => (event.type === 'phase' ? [event.unfrozen] : []));
    expect(phases).toEqual([undefined, 'block4']);
    const epochs = events.flatMap((event) => (event.type === 'epoch' ? [event.row.epoch] : []));
    expect(epochs).toEqual([1, 2, 3, 4, 1, 2, 3]);
    expect(result.headAlone!.val_accuracy).toBeGreaterThan(0.3);
    expect(result.history).toHaveLength(3);

    const file = await openHeadFile(join(out, 'best.safetensors'));
    expect(file.unfrozen).toBe('block4');
    const own = file.tensors.map(({ name }) => name).filter((name) => name.endsWith('weight'));
    const convs = [17, 19, 21, 24, 26, 28].map((number) => `features.${number}.weight`);
    expect(own).toEqual([...convs, 'classifier.0.weight']);
    await file.close();

    using tuned = await VGG16.load({ weights: join(out, 'best.safetensors'), gpu: model().gpu });
    expect(tuned.isFineTuned).toBe(true);
    const evaluation = await evaluateModel(tuned, data.val, { classes: data.classes });
    expect(evaluation.accuracy).toBe(result.evaluation.accuracy);
    expect(evaluation.loss).toBeCloseTo(result.evaluation.loss, 5);

    // Its convolutions are others than the base's, but for the blocks that stayed frozen.
    const picture = data.val[0]!.picture;
    const [frozen, trained] = ['block3_pool', 'block4_pool'] as const;
    const differs = async (layer: typeof frozen | typeof trained) => {
      const [a, b] = await Promise.all([tuned, model()].map((one) => one.features(picture, layer, FRAMING)));
      return a!.data.some((value, i) => value !== b!.data[i]!);
    };
    expect(await differs(frozen)).toBe(false);
    expect(await differs(trained)).toBe(true);

    // One file of it all answers the same, and is a base that can be trained on.
    const whole = path('whole.safetensors');
    await convertWeights(join(out, 'best.safetensors'), whole, { dtype: 'f32' });
    using one = await VGG16.load({ weights: whole, gpu: model().gpu });
    expect(await one.classify(picture)).toEqual(await tuned.classify(picture));
    await expect(trainHead(tuned, data, QUICK)).rejects.toThrow(
      'is a fine-tuned network, no base: `vgg16 export` makes one file of it',
    );
    await trainHead(one, data, { ...QUICK, epochs: 1 });
  });

  const FRAMING = { framing: { resize: SIZE, crop: SIZE } } as const;

  it('does not take features of its base from the cache for its own', async () => {
    const [out, cacheFolder] = [path('reused'), path('cache of features')];
    const data = pictures({ train: 9, val: 3 });
    await trainHead(model(), data, { ...FINE, cache: true, cacheFolder, epochs: 1, out });
    using tuned = await VGG16.load({ weights: join(out, 'best.safetensors'), gpu: model().gpu });
    const answers = async (classifier: VGG16) => {
      const input = data.val.map(({ picture }) => picture);
      const options = { pool: 'avg', framing: { resize: 37, crop: SIZE } } as const;
      const reuse = { cacheFolder, onNote: () => {} };
      const found: number[][] = [];
      for await (const { features } of featuresReusing(classifier, input, 'block5_pool', options, reuse)) {
        found.push([...features.data]);
      }
      return found;
    };
    const [own, ofBase] = [await answers(tuned), await answers(model())];
    expect(own).not.toEqual(ofBase);
    const [direct] = await tuned.features([data.val[0]!.picture], 'block5_pool', {
      pool: 'avg',
      framing: { resize: 37, crop: SIZE },
    });
    expect(own[0]).toEqual([...direct!.data]);
  });

  it.each([
    { optimiser: 'adamw', pool: 'avg' },
    { optimiser: 'sgd', pool: 'flatten', augment: ['flip', 'crop'], unfreeze: 'block5', clipNorm: 1 },
    { optimiser: 'adamw', pool: 'avg', unfreeze: 'all', augment: ['flip', 'shift'] },
  ] as const)('gives the same bytes, whole and taken up again after an epoch: %o', async (options) => {
    const given = { ...FINE, ...options };
    const name = JSON.stringify(options).replace(/\W+/g, '-');
    const [whole, left] = [path(`whole ${name}`), path(`left ${name}`)];
    await trainHead(model(), pictures(), { ...given, out: whole });
    let tuned = false;
    const when = (event: TrainEvent) => {
      if (event.type === 'phase') tuned = event.unfrozen !== undefined;
      return tuned && event.type === 'epoch' && event.row.epoch === 1;
    };
    await expect(trainHead(model(), pictures(), { ...given, ...leaving(when), out: left })).rejects.toThrow(
      'left',
    );
    const resumed = await resumeRun(left, { model: model(), dataset: pictures() });
    expect(resumed.headAlone).toBeDefined();
    expect(await rows(left)).toEqual(await rows(whole));
    const all = ['best.safetensors', 'last.safetensors', 'head.safetensors'];
    expect(await files(left, all)).toEqual(await files(whole, all));
  });

  it('lets the head go on at a tenth of its rate', async () => {
    const losses: Record<'alone' | 'joint', number[]> = { alone: [], joint: [] };
    let phase: keyof typeof losses = 'alone';
    await trainHead(model(), pictures(), {
      ...QUICK,
      ...{ unfreeze: 'block5', headEpochs: 4, epochs: 4, patience: 0, batch: 32, schedule: 'constant' },
      ...{ optimiser: 'sgd', momentum: 0, weightDecay: 0, lr: 0.05, lrBase: 1e-9 },
      onEvent: (event) => {
        if (event.type === 'phase' && event.unfrozen !== undefined) phase = 'joint';
        if (event.type === 'epoch') losses[phase].push(event.row.loss);
      },
    });
    // One step an epoch, each of which takes the rate times the gradient's square off the loss.
    const falls = (list: readonly number[]) => list.slice(1).map((loss, i) => list[i]! - loss);
    const [before, after] = [falls(losses.alone).at(-1)!, falls(losses.joint)[0]!];
    expect(before).toBeGreaterThan(0);
    expect(after / before).toBeGreaterThan(0.05);
    expect(after / before).toBeLessThan(0.15);
  });

  it('unfreezes block by block, and gives the same bytes twice', async () => {
    const given = { ...FINE, unfreeze: 'block3', gradual: true, epochs: 4 } as const;
    const phases: (string | undefined)[] = [];
    const epochs: number[] = [];
    const onEvent = (event: TrainEvent) => {
      if (event.type === 'phase') phases.push(event.unfrozen);
      if (event.type === 'epoch') epochs.push(event.row.epoch);
    };
    const [one, other] = [path('gradual'), path('gradual again')];
    await trainHead(model(), pictures(), { ...given, onEvent, out: one });
    expect(phases).toEqual([undefined, 'block5', 'block4', 'block3']);
    expect(epochs).toEqual([1, 2, 3, 4, 1, 1, 1, 2, 3, 4]);
    await trainHead(model(), pictures(), { ...given, out: other });
    const all = ['best.safetensors', 'last.safetensors', 'head.safetensors'];
    expect(await files(one, all)).toEqual(await files(other, all));
  });

  it('begins anew what was left before its first epoch', async () => {
    const [whole, left] = [path('begun whole'), path('begun')];
    await trainHead(model(), pictures(), { ...FINE, out: whole });
    const early = leaving((event) => event.type === 'epoch' && event.row.epoch === 2);
    await expect(trainHead(model(), pictures(), { ...FINE, ...early, out: left })).rejects.toThrow('left');
    await resumeRun(left, { model: model(), dataset: pictures() });
    expect(await files(left, ['best.safetensors'])).toEqual(await files(whole, ['best.safetensors']));
  });

  it('learns eight pictures by heart that tell nothing, with all layers trained', async () => {
    const result = await trainHead(model(), eight(), {
      ...{ ...QUICK, unfreeze: 'all', headEpochs: 0, epochs: 60, patience: 0, standardise: 'none' },
      ...{ optimiser: 'adamw', lr: 5e-3, lrBase: 5e-3, weightDecay: 0 },
    });
    expect(result.history.at(-1)!.loss).toBeLessThan(0.01);
  });

  it('keeps to a budget of memory, and says what would be enough', async () => {
    const options = { ...FINE, unfreeze: 'all', epochs: 1, headEpochs: 1 } as const;
    await trainHead(model(), pictures(), { ...options, memory: 4e6 });
    await expect(trainHead(model(), pictures(), { ...options, memory: 1000 })).rejects.toThrow(
      /^a step of one picture at a time takes [\d.]+ MiB on the GPU, more than the 0\.0 MiB that it may; allow more memory/,
    );
  });

  it('stops where it diverges, naming step and layer, and keeps what it had', async () => {
    const out = path('diverged');
    const error = await trainHead(model(), pictures(), {
      ...{ ...FINE, out, optimiser: 'sgd', lrBase: 1000, epochs: 5 },
    }).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(TrainingError);
    expect((error as Error).message).toMatch(
      /^(the loss is not finite any more in epoch \d, step \d: block[45]_conv\d holds numbers that are none|the validation loss after epoch \d is not finite); .*try a lower --lr-base than 1000$/,
    );
    expect((await readFile(join(out, 'head.safetensors'))).length).toBeGreaterThan(100);
  });

  it.each([
    [
      { unfreeze: 'block6' },
      /^unfreeze is "block6"; it must be none, block5, block4, block3, block2 or all$/,
    ],
    [{ gradual: true }, "gradual is for unfreeze; it means nothing with unfreeze: 'none'"],
    [{ lrBase: 1e-4 }, 'lrBase is for unfreeze; it means nothing where the base stays as it is'],
    [{ memory: 2e9 }, 'memory is for unfreeze; it means nothing where the base stays as it is'],
    [
      { unfreeze: 'block5', features: 'block4_pool' },
      "unfreeze: 'block5' trains nothing that features: 'block4_pool' has below it",
    ],
    [{ unfreeze: 'block5', lrBase: -1 }, 'lrBase is -1; it must be a number, above 0 and at most 1000'],
    [{ augment: ['shift', 'crop'] }, 'names two ways to cut a part out of a picture; one will do'],
  ])('refuses %o', async (options, message) => {
    const given = { ...QUICK, ...options } as TrainOptions;
    await expect(trainHead(model(), pictures(), given)).rejects.toThrow(message);
    await expect(trainHead(model(), pictures(), given)).rejects.toBeInstanceOf(UsageError);
  });
});

describe('a head file with convolutions of its own', () => {
  it('is refused where one is missing, or has another shape than the base', async () => {
    const out = path('damaged');
    await trainHead(model(), pictures(), { ...FINE, unfreeze: 'block5', epochs: 1, headEpochs: 1, out });
    const best = await readFile(join(out, 'best.safetensors'));
    const renamed = path('renamed.safetensors');
    await copyFile(join(out, 'best.safetensors'), renamed);
    const { writeFile } = await import('node:fs/promises');
    await writeFile(
      renamed,
      Buffer.from(best.toString('latin1').replace('"unfrozen":"block5"', '"unfrozen":"block4"'), 'latin1'),
    );
    await expect(VGG16.load({ weights: renamed, base: path('base.safetensors') })).rejects.toThrow(
      'block4 was trained with this head, but "features.17.weight" is not in it',
    );
    await rm(renamed);
  });
});

describe('pretrain', () => {
  const options = { width: 0.0625, epochs: 3, batch: 16, size: SIZE, lr: 3e-3 };

  it('trains a network from random numbers, whose file is a base', async () => {
    const { gpu } = model();
    const result = await pretrain(pictures({ train: 30, val: 9 }), {
      ...{ ...options, epochs: 5, gpu, out: path('scratch') },
    });
    expect(result.history.at(-1)!.loss).toBeLessThan(result.history[0]!.loss);
    using base = await VGG16.load({ weights: result.weights, gpu });
    expect(base.labels.map(({ label }) => label)).toEqual(['red', 'green', 'blue']);
    expect([...base.widths.convs.values()]).toEqual([4, 4, 8, 8, 16, 16, 16, 32, 32, 32, 32, 32, 32]);
    const evaluation = await evaluateModel(base, pictures().val, { classes: pictures().classes });
    expect(evaluation.count).toBe(9);
    const head = await trainHead(base, pictures(), QUICK);
    expect(head.best.val_loss).toBeLessThan(1.2);
  });

  it('goes on to the same bytes where it was left', async () => {
    const { gpu } = model();
    const data = pictures();
    const [whole, left] = [path('scratch whole'), path('scratch left')];
    await pretrain(data, { ...options, gpu, out: whole });
    const when = (event: TrainEvent) => event.type === 'epoch' && event.row.epoch === 2;
    await expect(pretrain(data, { ...options, gpu, out: left, ...leaving(when) })).rejects.toThrow('left');
    using base = await VGG16.load({ weights: join(left, 'init.safetensors'), gpu });
    await resumePretraining(left, { model: base, dataset: data });
    expect(await rows(left)).toEqual(await rows(whole));
    // The base's path is in the head's file.
    expect(await files(left, ['whole.safetensors'])).toEqual(await files(whole, ['whole.safetensors']));
  });
});

/** Collects garbage, which would hide what stays. */
function collect(): void {
  setFlagsFromString('--expose-gc');
  runInNewContext('gc')();
}

describe.skipIf(!process.env.FULL)('1,000 steps of all layers (FULL=1)', () => {
  it('leave buffers as they were, and memory flat', async () => {
    const stepsOfEpoch = Math.ceil(21 / QUICK.batch);
    const epochs = Math.ceil(1000 / stepsOfEpoch);
    const buffers = new Set<number>();
    const memory: number[] = [];
    const onEvent = (event: TrainEvent) => {
      if (event.type !== 'epoch') return;
      buffers.add(model().gpu.liveBytes);
      collect();
      memory.push(process.memoryUsage().rss);
    };
    await trainHead(model(), pictures(), {
      ...{ ...FINE, unfreeze: 'all', headEpochs: 0, epochs, patience: 0, lr: 1e-4, lrBase: 1e-4, onEvent },
    });
    expect(memory).toHaveLength(epochs);
    expect(buffers.size).toBe(1);
    // Between a quarter of the way, when all is warm, and the end.
    const grown = memory.at(-1)! - memory[Math.floor(epochs / 4)]!;
    expect(grown).toBeLessThan(16 * 2 ** 20);
  });
});
