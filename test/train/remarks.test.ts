import { describe, expect, it } from 'vitest';
import { resolveOptions } from '../../src/train/checks.js';
import type { EpochRow } from '../../src/train/epoch_row.js';
import { createEvaluation } from '../../src/train/metrics.js';
import type { ChosenOptions } from '../../src/train/options.js';
import { choiceText, type Ended, remarksOn } from '../../src/train/remarks.js';
import { rateAt } from '../../src/train/schedule.js';
import { Standing } from '../../src/train/standing.js';

const JUDGEMENT = { best: 'loss', pictures: 100, patience: 0, rising: 0 } as const;

/** An evaluation in which pictures of each class were taken for these: `[truth][predicted]`, counts. */
function evaluationOf(confusion: readonly (readonly number[])[]) {
  const evaluation = createEvaluation(confusion.map((_, i) => `class ${i}`));
  for (const [label, row] of confusion.entries()) {
    for (const [predicted, count] of row.entries()) {
      for (let i = 0; i < count; i++) {
        evaluation.add(
          { name: `${label}`, label },
          confusion.map((_, c) => (c === predicted ? 0.9 : 0.1)),
        );
      }
    }
  }
  return evaluation.result();
}

const FAIR = evaluationOf([
  [40, 10],
  [10, 40],
]);

/** A run with these losses, and what is said of it. */
function ended(
  losses: readonly (readonly [train: number, val: number])[],
  {
    accuracy = 0.85,
    evaluation = FAIR,
    early = false,
    ...options
  }: ChosenOptions & { accuracy?: number; evaluation?: Ended['evaluation']; early?: boolean } = {},
): Ended {
  const all = resolveOptions({ ...options, epochs: losses.length });
  const history = losses.map(
    ([loss, val_loss], i): EpochRow => ({
      ...{ epoch: i + 1, loss, val_loss, accuracy, val_accuracy: 0.8, images_per_s: 1, seconds: 1 },
      lr: rateAt({ name: all.schedule, lr: 0.001, warmup: 0, steps: losses.length }, i),
    }),
  );
  return { options: all, history, best: new Standing(JUDGEMENT, history).best!, early, evaluation };
}

const kinds = (run: Ended) => remarksOn(run).map(({ kind }) => kind);
const flat = Array(20).fill([0.5, 0.5]);
/** As slow learning goes: the loss falls with the sum of the rates, and stands still as the rate comes to nothing. */
const slow = Array.from({ length: 20 }, (_, i) => {
  const progress = (i + 1) / 20 + Math.sin((Math.PI * (i + 1)) / 20) / Math.PI;
  return [0.7 - 0.15 * progress, 0.7 - 0.12 * progress] as const;
});

describe('a run of which nothing is to be said', () => {
  it('has no remarks', () => {
    expect(remarksOn(ended(flat))).toEqual([]);
  });
});

describe('a run that is no better than a guess', () => {
  it('is told so, with the share of the commonest class', () => {
    const below = ended(flat, {
      evaluation: evaluationOf([
        [40, 10],
        [1, 0],
      ]),
    });
    expect(remarksOn(below)[0]).toMatchObject({
      kind: 'guess',
      text: expect.stringMatching(
        /^it is right less often \(78\.4%\) than always answering "class 0" would be \(98\.0%\); /,
      ),
    });
    const same = ended(flat, {
      evaluation: evaluationOf([
        [50, 0],
        [1, 0],
      ]),
    });
    expect(remarksOn(same)[0]!.text).toMatch(/^it is right no more often \(98\.0%\) than/);
    expect(
      kinds(
        ended(flat, {
          evaluation: evaluationOf([
            [50, 0],
            [0, 1],
          ]),
        }),
      ),
    ).toEqual([]);
  });

  it('is held against chance where classes count the same', () => {
    const classWeights = 'balanced';
    expect(
      kinds(
        ended(flat, {
          classWeights,
          evaluation: evaluationOf([
            [40, 10],
            [0, 1],
          ]),
        }),
      ),
    ).toEqual([]);
    expect(
      kinds(
        ended(flat, {
          classWeights,
          evaluation: evaluationOf([
            [50, 0],
            [1, 0],
          ]),
        }),
      ),
    ).toEqual(['guess']);
  });

  it('cannot be told where there is one class to validate with', () => {
    expect(
      kinds(
        ended(flat, {
          evaluation: evaluationOf([
            [50, 0],
            [0, 0],
          ]),
        }),
      ),
    ).toEqual([]);
  });
});

describe('a run that was too short', () => {
  it.each(['cosine', 'constant', 'one-cycle'] as const)(
    'is told so, and how many epochs may do: %s',
    (schedule) => {
      const falling =
        schedule === 'cosine'
          ? slow
          : Array.from({ length: 20 }, (_, i) => [0.7 - 0.01 * i, 0.7 - 0.008 * i] as const);
      expect(remarksOn(ended(falling, { schedule }))).toEqual([
        {
          kind: 'short',
          text: 'the validation loss was still falling when training ended: --epochs 60 may do better',
        },
      ]);
    },
  );

  it('is not one that ended early, has all right, or whose loss stands still', () => {
    expect(kinds(ended(slow, { early: true }))).toEqual([]);
    expect(
      kinds(
        ended(slow, {
          evaluation: evaluationOf([
            [9, 0],
            [0, 9],
          ]),
        }),
      ),
    ).toEqual([]);
    const done = Array.from({ length: 20 }, (_, i) => [0.5, 0.3 + 0.4 * 0.6 ** i] as const);
    expect(kinds(ended(done))).toEqual([]);
    expect(kinds(ended([[0.7, 0.7]]))).toEqual([]);
  });
});

describe('a run that runs away from validation', () => {
  it('is told so where the validation loss rises again', () => {
    const away = Array.from({ length: 20 }, (_, i) => [0.7 / (i + 1), 0.5 + 0.002 * (i - 5) ** 2] as const);
    expect(remarksOn(ended(away))[0]).toMatchObject({
      kind: 'overfit',
      text: expect.stringMatching(
        /^after epoch 6 the validation loss rose from 0\.5 to 0\.892 while .*--augment flip,crop/,
      ),
    });
    expect(remarksOn(ended(away, { augment: ['flip'] }))[0]!.text).not.toContain('--augment');
    // Where the training loss rises as well, it is not the pictures that are learnt by heart.
    expect(kinds(ended(away.map(([, val]) => [val, val])))).toEqual([]);
  });

  it('is told so where it is right far more often in training', () => {
    expect(remarksOn(ended(flat, { accuracy: 0.99 }))[0]!.text).toMatch(
      /^it knows .*: 99\.0% of them right in epoch 1, of the validation pictures 80\.0%; /,
    );
    expect(kinds(ended(flat, { accuracy: 0.94 }))).toEqual([]);
    // Of 8 pictures, that may be chance.
    expect(
      kinds(
        ended(flat, {
          accuracy: 0.99,
          evaluation: evaluationOf([
            [4, 1],
            [1, 2],
          ]),
        }),
      ),
    ).toEqual([]);
  });
});

describe('the choice of the best epoch', () => {
  it('is explained', () => {
    const { history } = ended(flat);
    expect(choiceText(JUDGEMENT, history)).toMatch(
      /^the lowest validation loss of the epochs whose accuracy is within 8\.0% of the highest/,
    );
    expect(choiceText({ ...JUDGEMENT, pictures: undefined }, history)).toBe('the lowest validation loss');
    expect(choiceText({ ...JUDGEMENT, best: 'accuracy' }, history)).toMatch(
      /^the most validation pictures right/,
    );
  });
});
