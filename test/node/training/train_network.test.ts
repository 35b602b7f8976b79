// Training on pictures in memory, without files: the same numbers as with them.

import { describe, expect, it } from 'vitest';
import { UsageError } from '../../../src/errors.js';
import { trainHead } from '../../../src/node/training/new_run.js';
import type { TrainEvent } from '../../../src/train/events.js';
import { trainNetwork } from '../../../src/train/train_network.js';
import { pictures, QUICK } from './pictures.js';
import { useNetwork } from './support.js';

const { model } = useNetwork();
const { cache: _, ...OPTIONS } = QUICK;
const withoutTimes = (rows: readonly object[]) =>
  rows.map((row) => ({ ...row, images_per_s: 0, seconds: 0 }));

describe('trainNetwork', () => {
  it.each([
    { head: 'mlp', hidden: [6] },
    { unfreeze: 'block5', headEpochs: 3, lrBase: 1e-3 },
    { unfreeze: 'all', headEpochs: 2, lr: 'auto', lrBase: 1e-4, pool: 'flatten' },
  ] as const)('has the epochs of trainHead, with %o', async (options) => {
    const events: TrainEvent[] = [];
    const data = pictures({ test: 3 });
    const onEvent = (event: TrainEvent) => events.push(event);
    const ours = await trainNetwork(model(), data, { ...OPTIONS, ...options, onEvent });
    const theirs = await trainHead(model(), data, { ...QUICK, ...options });
    expect(withoutTimes(ours.history)).toEqual(withoutTimes(theirs.history));
    expect(ours.evaluation).toEqual(theirs.evaluation);
    expect(ours.headAlone?.val_loss).toBe(theirs.headAlone?.val_loss);
    expect(events.at(-1)).toMatchObject({ type: 'finished', folder: undefined });
    const names = ours.tensors.map(({ name }) => name);
    expect(names.filter((name) => name.startsWith('classifier.')).length).toBe('head' in options ? 4 : 2);
    const convs = 'unfreeze' in options ? (options.unfreeze === 'all' ? 26 : 6) : 0;
    expect(names.filter((name) => name.startsWith('features.')).length).toBe(convs);
  });

  it('varies pictures, and leaves nothing behind', async () => {
    const before = model().gpu.liveBuffers;
    const result = await trainNetwork(model(), pictures(), {
      ...{ ...OPTIONS, augment: ['flip', 'crop'], views: 2, epochs: 2 },
    });
    expect(result.history).toHaveLength(2);
    expect(model().gpu.liveBuffers).toBe(before);
  });

  it('refuses pictures that are no pixels', async () => {
    const data = pictures();
    const [first, ...others] = data.train;
    const train = [{ ...first!, picture: 'photo.jpg' }, ...others];
    const result = trainNetwork(model(), { ...data, train }, OPTIONS);
    await expect(result).rejects.toThrow('trainNetwork() takes pixels, { width, height, data }');
    await expect(result).rejects.toBeInstanceOf(UsageError);
  });
});
