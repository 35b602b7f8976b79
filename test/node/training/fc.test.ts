// Heads that begin with VGG16's own fc1 and fc2.

import { describe, expect, it } from 'vitest';
import { type TrainOptions, trainHead } from '../../../src/node/training/new_run.js';
import { openWeights } from '../../../src/node/weights/open.js';
import { resolveOptions } from '../../../src/train/checks.js';
import type { ChosenOptions } from '../../../src/train/options.js';
import { hasFcs } from '../../../src/train/session.js';
import { readFloats } from '../../../src/weights/floats.js';
import { eight, OVERFIT, pictures, QUICK } from './pictures.js';
import { useNetwork } from './support.js';

const { model, path } = useNetwork({ top: true, featureSide: 1, hidden: 12, classes: 5 });

describe('an fc head', () => {
  it('has the fc1 and fc2 of its base, and a new last layer', async () => {
    const options = { ...QUICK, head: 'fc', epochs: 1, lr: 1e-12, weightDecay: 0 } as const;
    const { head } = await trainHead(model(), pictures(), options);
    await head.save(path('fc.safetensors'));
    const [base, trained] = [
      await openWeights(path('base.safetensors')),
      await openWeights(path('fc.safetensors')),
    ];
    try {
      for (const layer of ['classifier.0', 'classifier.3']) {
        const [had, has] = [
          await readFloats(base, `${layer}.weight`),
          await readFloats(trained, `${layer}.weight`),
        ];
        expect(has).toHaveLength(had.length);
        expect(Math.max(...has.map((value, i) => Math.abs(value - had[i]!)))).toBeLessThan(1e-6);
      }
      expect(trained.tensors.get('classifier.6.weight')!.shape).toEqual([3, 12]);
    } finally {
      await base.close();
      await trained.close();
    }
  });

  it.each<TrainOptions>([
    { optimiser: 'adamw', lr: 0.03 },
    { optimiser: 'sgd', lr: 0.02, epochs: 300 },
  ])('overfits 8 pictures to a loss below 0.01: $optimiser', async (said) => {
    const options = { ...OVERFIT, ...said, head: 'fc', dropout: 0 } as const;
    const { history, evaluation } = await trainHead(model(), eight(), options);
    expect(history.at(-1)!.loss).toBeLessThan(0.01);
    expect(evaluation.accuracy).toBe(1);
  });

  it('has its own numbers where the base has none for these features', () => {
    const fits = (said: ChosenOptions) =>
      hasFcs({ model: model(), options: resolveOptions({ ...QUICK, head: 'fc', ...said }) });
    expect(fits({})).toBe(true);
    expect(fits({ features: 'block4_pool' })).toBe(false);
    expect(fits({ pool: 'avg' })).toBe(false);
    expect(fits({ size: 64 })).toBe(false);
  });
});
