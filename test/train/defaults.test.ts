// What training does where nothing is said, on sets of pictures that are small or very unequal.

import { describe, expect, it } from 'vitest';
import { type TrainOptions, trainHead } from '../../src/node/training/new_run.js';
import { seededRandom } from '../../src/random.js';
import type { Dataset, Sample } from '../../src/train/dataset.js';
import { datasetOf } from '../../src/train/dataset.js';
import { LENGTH, PATIENCE, withDefaults } from '../../src/train/defaults.js';
import { SIZE } from '../node/training/pictures.js';
import { useNetwork } from '../node/training/support.js';

/** Its first block is wide enough to tell colours apart. */
const { model } = useNetwork({ widths: [32, 4, 4, 4, 4] });

/** All that is said; the first block costs little, and colours are enough to tell these classes apart. */
const QUICK = { size: SIZE, features: 'block1_pool', cache: false } as const satisfies TrainOptions;

/** Pictures of one colour each; every class has its own, from which a picture is up to `spread` away. */
function coloured(counts: readonly number[], seed: number, spread: number): Sample[] {
  const random = seededRandom(seed);
  return counts.flatMap((count, label) => {
    const own = seededRandom(1000 + label);
    const tones = [0, 1, 2].map(() => 60 + 135 * own.uniform());
    return Array.from({ length: count }, (_, i) => {
      const colour = tones.map((tone) => tone + spread * (2 * random.uniform() - 1));
      const data = Uint8Array.from({ length: 3 * SIZE * SIZE }, (_, at) => colour[at % 3]!);
      return { name: `${seed}-${label}-${i}`, picture: { width: SIZE, height: SIZE, data }, label };
    });
  });
}

function setOf(
  train: readonly number[],
  val: readonly number[],
  { spread = 30, names = train.map((_, i) => `class ${i}`) } = {},
): Dataset {
  return datasetOf(names, { train: coloured(train, 1, spread), val: coloured(val, 2, spread) });
}

describe('a set of 250 pictures of one class and 5 of the other', () => {
  it('is never answered worse than by always naming the larger class', async () => {
    const { history, evaluation } = await trainHead(model(), setOf([200, 4], [50, 1]), QUICK);
    expect(evaluation.accuracy).toBeGreaterThanOrEqual(50 / 51);
    // Not even before it has learnt anything.
    expect(history[0]!.accuracy).toBeCloseTo(200 / 204, 2);
  });

  it('begins even where its classes are to count the same', async () => {
    const options = { ...QUICK, classWeights: 'balanced', epochs: 1, lr: 1e-9 } as const;
    const { evaluation } = await trainHead(model(), setOf([200, 4], [50, 1]), options);
    expect(evaluation.loss).toBeCloseTo(Math.log(2), 0);
  });
});

/** Of 200 classes, SwiftShader takes half a minute. */
const CLASSES = process.env.FULL ? 200 : 60;

describe(`${CLASSES} classes of two pictures`, () => {
  it('are told apart far better than by chance', async () => {
    const { history, options, evaluation } = await trainHead(
      model(),
      setOf(Array(CLASSES).fill(1), Array(CLASSES).fill(1), { spread: 4 }),
      QUICK,
    );
    const steps = Math.ceil(CLASSES / options.batch);
    expect(history.length * steps).toBeGreaterThanOrEqual(LENGTH.steps);
    expect(evaluation.accuracy).toBeGreaterThan(10 / CLASSES);
  });
});

describe('8 pictures to validate with', () => {
  it('do not choose a head that has learnt nothing', async () => {
    const { history, best } = await trainHead(model(), setOf([26, 10], [6, 2], { spread: 60 }), QUICK);
    expect(best.epoch).toBeGreaterThan(1);
    expect(best.val_loss).toBeLessThan(history[0]!.val_loss);
    expect(best.val_loss).toBe(Math.min(...history.map(({ val_loss }) => val_loss)));
  });
});

describe('the length of a training', () => {
  it('is at least so many steps, whatever the number of pictures and the batch', () => {
    for (const [pictures, batch] of [
      [1, 32],
      [31, 32],
      [244, 32],
      [244, 8],
      [100_000, 32],
    ] as const) {
      const { epochs } = withDefaults({ batch }, pictures);
      expect(epochs).toBeGreaterThanOrEqual(LENGTH.epochs);
      const steps = Math.ceil(pictures / batch);
      expect(epochs * steps).toBeGreaterThanOrEqual(LENGTH.steps);
      if (epochs > LENGTH.epochs) expect((epochs - 1) * steps).toBeLessThan(LENGTH.steps);
    }
    expect(withDefaults({ epochs: 3 }, 10)).toMatchObject({ epochs: 3, patience: PATIENCE.least });
  });

  it('is cut where a third of it brings nothing', () => {
    expect(withDefaults({ epochs: 90 }).patience).toBe(30);
    expect(withDefaults({ epochs: 90, patience: 0 }).patience).toBe(0);
  });
});
