import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { TrainingError, UsageError } from '../../src/errors.js';
import { confidenceInterval, createEvaluation, PROBABILITY_FLOOR } from '../../src/train/metrics.js';
import { randomStream } from '../../src/train/random.js';

interface Golden {
  readonly classes: string[];
  readonly labels: number[];
  readonly probabilities: number[][];
  readonly accuracy: number;
  readonly top5: number;
  readonly loss: number;
  readonly macroAccuracy: number;
  readonly confusion: number[][];
  readonly precision: number[];
  readonly recall: number[];
  readonly f1: number[];
  readonly count: number[];
}

const golden = JSON.parse(readFileSync('test/golden/metrics/golden.json', 'utf8')) as Golden;

/** An evaluation of pictures given as [name, label, probabilities]. */
function evaluate(classes: string[], pictures: readonly [string, number, number[]][], worst?: number) {
  const evaluation = createEvaluation(classes, worst === undefined ? {} : { worst });
  for (const [name, label, probabilities] of pictures) evaluation.add({ name, label }, probabilities);
  return evaluation.result();
}

const NAMES = ['a', 'b', 'c'];

describe('an evaluation', () => {
  it('agrees with scikit-learn, also on a class without pictures and one that is never predicted', () => {
    const result = evaluate(
      golden.classes,
      golden.labels.map((label, i) => [`${i}.jpg`, label, golden.probabilities[i]!]),
    );
    expect(result.confusion).toEqual(golden.confusion);
    expect(result.count).toBe(golden.labels.length);
    for (const key of ['accuracy', 'top5', 'loss', 'macroAccuracy'] as const) {
      expect(result[key], key).toBeCloseTo(golden[key], 12);
    }
    for (const key of ['precision', 'recall', 'f1', 'count'] as const) {
      for (const [c, scores] of result.perClass.entries()) {
        expect(scores[key], `${key} of ${scores.name}`).toBeCloseTo(golden[key][c]!, 12);
      }
    }
    expect(golden.count).toContain(0);
    expect(golden.confusion.map((row) => row[6]).every((n) => n === 0)).toBe(true);
  });

  it('is all of it JSON', () => {
    const result = evaluate(NAMES, [['x', 1, [1, 0, 0]]]);
    expect(JSON.parse(JSON.stringify(result))).toEqual(result);
  });

  it('keeps the worst mistakes of many, the same in whatever order the pictures come', () => {
    const stream = randomStream(1, 'shuffle', 'metrics');
    const pictures = Array.from({ length: 500 }, (_, i): [string, number, number[]] => {
      // Eighths make many ties.
      const p = stream.below(9) / 8;
      return [`${String(i).padStart(3, '0')}.jpg`, stream.below(2), [p, 1 - p]];
    });
    const result = evaluate(['a', 'b'], pictures, 7);
    const mistakes = pictures
      .map(([name, label, p]) => ({ name, label, p, predicted: p[1]! > p[0]! ? 1 : 0 }))
      .filter(({ label, predicted }) => label !== predicted)
      .sort((a, b) => a.p[a.label]! - b.p[b.label]! || (a.name < b.name ? -1 : 1));
    expect(mistakes.length).toBeGreaterThan(100);
    expect(result.worst.map(({ name }) => name)).toEqual(mistakes.slice(0, 7).map(({ name }) => name));
    expect(evaluate(['a', 'b'], stream.shuffled(pictures), 7).worst).toEqual(result.worst);
    expect(evaluate(['a', 'b'], pictures, 0).worst).toEqual([]);
  });

  it('says of a mistake what it was taken for, how surely, and what it cost', () => {
    const { worst } = evaluate(NAMES, [
      ['right', 0, [0.5, 0.3, 0.2]],
      ['wrong', 2, [0.1, 0.7, 0.2]],
    ]);
    expect(worst).toEqual([
      { name: 'wrong', label: 2, predicted: 1, probability: 0.7, loss: -Math.log(0.2) },
    ]);
  });

  it('lists confusions by their number, equals in the order of the classes', () => {
    const pictures = [
      [2, 0],
      [0, 1],
      [1, 0],
      [1, 0],
      [1, 1],
    ].map(([label, predicted]): [string, number, number[]] => [
      'x',
      label!,
      NAMES.map((_, c) => (c === predicted ? 1 : 0)),
    ]);
    expect(evaluate(NAMES, pictures).mostConfused).toEqual([
      { truth: 1, predicted: 0, count: 2 },
      { truth: 0, predicted: 1, count: 1 },
      { truth: 2, predicted: 0, count: 1 },
    ]);
  });

  it('predicts the first of equally likely classes, and ranks alike for the top five', () => {
    const six = ['a', 'b', 'c', 'd', 'e', 'f'];
    const flat = six.map(() => 1 / 6);
    expect(evaluate(six, [['x', 0, flat]])).toMatchObject({ accuracy: 1, top5: 1 });
    expect(evaluate(six, [['x', 4, flat]])).toMatchObject({ accuracy: 0, top5: 1 });
    expect(evaluate(six, [['x', 5, flat]])).toMatchObject({ accuracy: 0, top5: 0 });
  });

  it('has no top five of five classes or fewer, for it would be all of them', () => {
    const five = ['a', 'b', 'c', 'd', 'e'];
    expect(evaluate(five, [['x', 0, five.map(() => 0.2)]])).not.toHaveProperty('top5');
  });

  it('knows what an accuracy is to be held against', () => {
    const pictures = ([0, 1, 1, 1] as const).map((label): [string, number, number[]] => [
      'x',
      label,
      [0, 1, 0],
    ]);
    const { accuracy, interval, majority } = evaluate(NAMES, pictures);
    expect(accuracy).toBe(0.75);
    expect(interval).toEqual(confidenceInterval(0.75, 4));
    expect(majority).toEqual({ name: 'b', share: 0.75 });
  });

  it('has a loss that is finite where the own class was given nothing', () => {
    expect(evaluate(NAMES, [['x', 2, [1, 0, 0]]]).loss).toBe(-Math.log(PROBABILITY_FLOOR));
  });

  it('reads a row at once, so that the caller may fill its array again', () => {
    const evaluation = createEvaluation(NAMES);
    const row = new Float32Array([0, 1, 0]);
    evaluation.add({ name: 'x', label: 0 }, row);
    row.fill(0);
    expect(evaluation.result().worst[0]).toMatchObject({ predicted: 1, probability: 1 });
  });

  it('refuses what it cannot count', () => {
    const evaluation = createEvaluation(NAMES);
    expect(() => evaluation.result()).toThrow(new UsageError('nothing to evaluate: there is no picture'));
    expect(() => evaluation.add({ name: 'x.jpg', label: 3 }, [1, 0, 0])).toThrow(
      new UsageError('x.jpg: its label is 3; there are 3 classes'),
    );
    expect(() => evaluation.add({ name: 'x.jpg', label: 0 }, [1, 0, 0, 0])).toThrow(UsageError);
    expect(() => evaluation.add({ name: 'x.jpg', label: 0 }, [1, Number.NaN, 0])).toThrow(
      new TrainingError(
        'x.jpg: the probability of b is NaN, no number; the weights have diverged or are damaged',
      ),
    );
    evaluation.add({ name: 'y.jpg', label: 1 }, [0, 1, 0]);
    expect(evaluation.result()).toMatchObject({ count: 1, accuracy: 1, loss: 0 });
  });
});
