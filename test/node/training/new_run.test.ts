// The loop, on a small network: what it learns, tells, keeps and frees.

import { describe, expect, it } from 'vitest';
import { TrainingError, UsageError } from '../../../src/errors.js';
import { evaluateModel } from '../../../src/node/training/evaluate.js';
import { findLearningRate } from '../../../src/node/training/lr_find.js';
import { type TrainOptions, trainHead } from '../../../src/node/training/new_run.js';
import type { TrainResult } from '../../../src/node/training/result.js';
import { VGG16 } from '../../../src/node/vgg16.js';
import { datasetOf } from '../../../src/train/dataset.js';
import type { TrainEvent } from '../../../src/train/events.js';
import { CLASSES, eight, OVERFIT, pictures, QUICK, samplesOf } from './pictures.js';
import { useNetwork } from './support.js';

const { model, path } = useNetwork();

const LEARNING = { ...QUICK, epochs: 12, lr: 0.03 } as const satisfies TrainOptions;

const MLP = { head: 'mlp', hidden: [16], dropout: 0, pool: 'flatten' } as const satisfies TrainOptions;
/** Each optimiser with each head; that of VGG16's own layers is tested in fc.test.ts, on a base that has them. */
const OVERFITTING: Readonly<Record<string, TrainOptions>> = {
  'linear, AdamW': { optimiser: 'adamw', lr: 0.1 },
  'linear, SGD': { optimiser: 'sgd', lr: 0.3 },
  'mlp, AdamW': { ...MLP, optimiser: 'adamw', lr: 0.03 },
  'mlp, SGD': { ...MLP, optimiser: 'sgd', lr: 0.1 },
};

/** What of a result does not hang on how long it took. */
function withoutTimes({ history, best, evaluation }: TrainResult) {
  const rows = [...history, best].map(({ images_per_s, seconds, ...row }) => row);
  return { rows, evaluation };
}

describe('trainHead', () => {
  it('learns to tell pictures apart, and says how well', async () => {
    const result = await trainHead(model(), pictures({ test: 6 }), LEARNING);
    expect(result.history).toHaveLength(12);
    expect(result.history.at(-1)!.loss).toBeLessThan(result.history[0]!.loss / 2);
    expect(result.best.val_accuracy).toBe(1);
    expect(result.evaluation).toMatchObject({ count: 9, accuracy: 1, classes: CLASSES });
    expect(result.evaluation.loss).toBeCloseTo(result.best.val_loss, 4);
    expect(result.test).toMatchObject({ count: 6, accuracy: 1 });
    expect(result).toMatchObject({ early: false, folder: undefined });
  });

  it.each(Object.entries(OVERFITTING))('overfits 8 pictures to a loss below 0.01: %s', async (_, options) => {
    const { history, evaluation } = await trainHead(model(), eight(), { ...OVERFIT, ...options });
    expect(history.at(-1)!.loss).toBeLessThan(0.01);
    expect(evaluation.accuracy).toBe(1);
  });

  it('computes the same bytes from the same seed, and others from another', async () => {
    const options = { ...QUICK, head: 'mlp', hidden: [8], dropout: 0.5, augment: ['flip', 'crop'] } as const;
    const run = (seed: number) => trainHead(model(), pictures(), { ...options, seed });
    const [one, again, other] = [await run(7), await run(7), await run(8)];
    expect(withoutTimes(again)).toEqual(withoutTimes(one));
    expect(withoutTimes(other)).not.toEqual(withoutTimes(one));
  });

  it('saves a head that classifies as it did itself', async () => {
    const options = { ...LEARNING, head: 'mlp', hidden: [8], pool: 'flatten' } as const;
    const dataset = pictures();
    const { head, evaluation, best } = await trainHead(model(), dataset, options);
    const file = path('head.safetensors');
    await head.save(file);
    const classifier = await VGG16.load({ weights: file, gpu: model().gpu });
    try {
      expect(classifier.labels.map(({ label }) => label)).toEqual([...CLASSES]);
      const loaded = await evaluateModel(classifier, dataset.val, { classes: CLASSES });
      expect(loaded.confusion).toEqual(evaluation.confusion);
      expect(loaded.loss).toBeCloseTo(evaluation.loss, 4);
      expect(best.val_accuracy).toBeCloseTo(evaluation.accuracy, 5);
      // Names decide, not positions; and what the file does not know is no class.
      const turned = dataset.val.map((sample) => ({ ...sample, label: 2 - sample.label }));
      const reversed = await evaluateModel(classifier, turned, { classes: [...CLASSES].reverse() });
      expect(reversed).toEqual(loaded);
      await expect(
        evaluateModel(classifier, dataset.val, { classes: ['red', 'pink', 'blue'] }),
      ).rejects.toThrow(/head\.safetensors does not know pink; its 3 classes are red, green, blue/);
    } finally {
      classifier.dispose();
    }
    const begun = await trainHead(model(), dataset, { ...options, epochs: 1, lr: 1e-9, initFrom: file });
    expect(begun.evaluation.loss).toBeCloseTo(evaluation.loss, 4);
  });

  it('begins with the hidden layers alone where the classes are others, and says so', async () => {
    const file = path('other.safetensors');
    const options = { ...QUICK, head: 'mlp', hidden: [8], epochs: 1 } as const;
    await (await trainHead(model(), pictures(), options)).head.save(file);
    const other = { ...pictures(), classes: ['a', 'b', 'c'] };
    const notes: string[] = [];
    const onEvent = (event: TrainEvent) => event.type === 'note' && notes.push(event.text);
    await trainHead(model(), other, { ...options, initFrom: file, onEvent });
    expect(notes.join()).toMatch(/tells other classes apart: the last layer begins anew/);
    await expect(trainHead(model(), other, { ...QUICK, initFrom: file })).rejects.toThrow(UsageError);
    await expect(trainHead(model(), other, { ...options, initFrom: file, hidden: [4] })).rejects.toThrow(
      /fc1/,
    );
  });

  it('tells every step and epoch in order', async () => {
    const events: TrainEvent[] = [];
    await trainHead(model(), pictures(), { ...QUICK, epochs: 2, onEvent: (event) => events.push(event) });
    const told = events.filter(({ type }) => type !== 'features').map(({ type }) => type);
    expect(told.join(' ')).toBe('step step step epoch step step step epoch note finished');
    const steps = events.filter((event) => event.type === 'step');
    expect(steps.map(({ epoch, step, steps }) => [epoch, step, steps])).toEqual(
      [1, 2].flatMap((epoch) => [1, 2, 3].map((step) => [epoch, step, 3])),
    );
    expect(steps[1]!.loss).toBeUndefined();
    expect(steps[2]!.loss).toBeGreaterThan(0);
    const features = events.filter((event) => event.type === 'features');
    expect(features.at(-1)).toMatchObject({ part: 'val', done: 9, total: 9, cached: 0 });
  });

  it('tells in one note per part of pictures of which hardly anything is seen', async () => {
    const { train, val } = pictures();
    const dot = (name: string) => ({
      name,
      picture: { width: 1, height: 1, data: new Uint8Array(3) },
      label: 0,
    });
    const dataset = datasetOf([...CLASSES], { train: [...train, dot('a'), dot('b')], val });
    const notes: string[] = [];
    const onEvent = (event: TrainEvent) => event.type === 'note' && notes.push(event.text);
    await trainHead(model(), dataset, { ...QUICK, epochs: 1, onEvent });
    expect(notes.filter((note) => note.includes('1 x 1'))).toEqual([
      "a: it has only 1 x 1 px, much smaller than the network's input, and is enlarged; 1 more picture is very small or very long",
    ]);
  });

  it('ends early when the validation loss falls no more', async () => {
    const options = { ...QUICK, epochs: 50, lr: 1e-12, patience: 3 } as const;
    const { history, early, best } = await trainHead(model(), pictures(), options);
    expect(early).toBe(true);
    expect(history.length).toBeLessThan(50);
    expect(history.length).toBeGreaterThanOrEqual(4);
    expect(history.length).toBe(best.epoch + 3);
    // A schedule that rises first is given the time to.
    const cycle = { ...options, schedule: 'one-cycle' } as const;
    const patient = await trainHead(model(), pictures(), cycle);
    expect(patient.history.length).toBeGreaterThanOrEqual(15 + 3);
  });

  it('stops where the loss is no number any more, and says at which step', async () => {
    const options = {
      ...QUICK,
      optimiser: 'sgd',
      schedule: 'constant',
      lr: 1000,
      weightDecay: 1000,
    } as const;
    const training = trainHead(model(), pictures(), { ...options, epochs: 60 });
    await expect(training).rejects.toThrow(TrainingError);
    await expect(training).rejects.toThrow(
      /^the (validation loss after epoch \d+ is not finite|loss is not finite any more in epoch \d+, step [1-3]); .*lower --lr than 1000$/,
    );
  });

  it('leaves no buffer behind, however it ends', async () => {
    const { gpu } = model();
    const options = { ...QUICK, epochs: 60, head: 'mlp', hidden: [8] } as const;
    await trainHead(model(), pictures(), { ...options, epochs: 1 });
    const [before, bytes] = [gpu.liveBuffers, gpu.liveBytes];
    const during = new Set<number>();
    await trainHead(model(), pictures(), {
      ...options,
      onEvent: (event) => event.type === 'epoch' && during.add(gpu.liveBuffers),
    });
    expect(during.size).toBe(1);
    const stop = new AbortController();
    const onEvent = (event: TrainEvent) => event.type === 'epoch' && stop.abort(new Error('enough'));
    await expect(
      trainHead(model(), pictures(), { ...options, onEvent, signal: stop.signal }),
    ).rejects.toThrow('enough');
    expect([gpu.liveBuffers, gpu.liveBytes]).toEqual([before, bytes]);
  });

  it('refuses data that nothing can be learnt from', async () => {
    const train = samplesOf(6, 1);
    const refuse = (dataset: Parameters<typeof trainHead>[1]) =>
      expect(trainHead(model(), dataset, QUICK)).rejects.toThrow(UsageError);
    await refuse({ ...pictures(), val: [] });
    await refuse({ ...pictures(), classes: ['one'] });
    await refuse({ ...pictures(), train: train.filter(({ label }) => label > 0) });
  });
});

describe('findLearningRate', () => {
  it('suggests a rate that learns, the same one each time', async () => {
    const find = () => findLearningRate(model(), pictures(), QUICK);
    const [{ suggestion, curve }, again] = [await find(), await find()];
    expect(again).toEqual({ suggestion, curve });
    expect(suggestion).toBeGreaterThan(1e-5);
    expect(suggestion).toBeLessThan(10);
    const { history } = await trainHead(model(), pictures(), { ...QUICK, lr: 'auto', epochs: 12 });
    expect(history.at(-1)!.loss).toBeLessThan(history[0]!.loss);
    expect(Math.max(...history.map(({ lr }) => lr))).toBeLessThanOrEqual(suggestion!);
  });
});
