// What is shown while a head is trained: on a terminal, and where there is none.

import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Terminal } from '../../src/cli/terminal.js';
import { createTrainingDisplay } from '../../src/cli/training_display.js';
import { evaluationText } from '../../src/cli/training_text.js';
import type { EpochRow } from '../../src/train/epoch_row.js';
import type { StepEvent, TrainEvent } from '../../src/train/events.js';
import { createEvaluation } from '../../src/train/metrics.js';

/** A display on a stream of its own, with a clock that a test moves by hand. */
function desk({ isTTY = false, columns = 80 } = {}) {
  let time = 0;
  const written: string[] = [];
  const printed: string[] = [];
  const stream = (into: string[]) => ({ isTTY, columns, write: (text: string) => into.push(text) });
  const terminal = new Terminal(stream(printed), stream(written), new AbortController().signal);
  const display = createTrainingDisplay(terminal, () => time);
  return {
    ...display,
    written,
    printed,
    text: () => written.join(''),
    pass: (ms: number) => {
      time += ms;
    },
  };
}

const STEP: StepEvent = {
  ...{ type: 'step', epoch: 1, epochs: 2, step: 1, steps: 4, lr: 1e-3 },
  ...{ imagesPerSecond: 1234.5, loss: 0.6, accuracy: 0.5 },
};
const FEATURES = { type: 'features', part: 'train', cached: 0 } as const;
const ROW: EpochRow = {
  ...{ epoch: 1, loss: 0.5, accuracy: 0.75, val_loss: 0.25, val_accuracy: 1 },
  ...{ lr: 8.5e-4, images_per_s: 2100, seconds: 1 },
};
const epochEvent = (row: Partial<EpochRow> = {}, isBest = true): TrainEvent => ({
  ...{ type: 'epoch', row: { ...ROW, ...row }, epochs: 2, isBest },
});

beforeEach(() => {
  vi.stubEnv('NO_COLOR', '1');
  vi.stubEnv('TERM', 'xterm');
});
afterEach(() => vi.unstubAllEnvs());

describe('without a terminal', () => {
  it('a note stands below the epoch that it is about, shown or not', () => {
    const { onEvent, end, text } = desk();
    for (let epoch = 1; epoch <= 107; epoch++) {
      const row = { ...ROW, epoch };
      onEvent({ type: 'epoch', row, epochs: 250, isBest: false });
    }
    onEvent({ type: 'note', text: 'the loss rose' });
    end(true);
    const lines = text().trimEnd().split('\n');
    expect(lines.at(-2)).toMatch(/^ *107\/250 /);
    expect(lines.at(-1)).toBe('note: the loss rose');
  });

  it('whole lines tell of features, epochs, and long epochs', () => {
    const { onEvent, end, pass, written } = desk();
    for (const done of [0, 1, 2]) {
      pass(1000);
      onEvent({ ...FEATURES, done, total: 2, overall: { done, total: 3 } });
    }
    pass(1000);
    onEvent({ ...FEATURES, part: 'val', done: 1, total: 1, overall: { done: 3, total: 3 } });
    onEvent(STEP);
    pass(9_000);
    onEvent({ ...STEP, step: 2 });
    pass(2_000);
    onEvent({ ...STEP, step: 3 });
    onEvent(epochEvent());
    onEvent(epochEvent({ epoch: 2 }, false));
    end(true);
    expect(written.filter((text) => text !== '')).toEqual([
      'features 3 pictures in 3.0 s\n',
      '  epoch     loss  accuracy  val loss  val accuracy       lr    img/s\n',
      '    1/2   0.6000     50.0%  step 3/4  1,230 img/s, 28 s left\n',
      '    1/2   0.5000     75.0%    0.2500        100.0%   8.5e-4    2,100  best\n',
      '    2/2   0.5000     75.0%    0.2500        100.0%   8.5e-4    2,100\n',
    ]);
  });

  it('has no control characters, not even where the terminal is a dumb one', () => {
    vi.stubEnv('TERM', 'dumb');
    const { onEvent, end, text } = desk({ isTTY: true });
    onEvent(STEP);
    onEvent(epochEvent());
    end(false);
    for (const control of ['\r', '\x1b']) expect(text()).not.toContain(control);
  });
});

describe('on a terminal', () => {
  it('a bar below the table has loss, accuracy, speed and time left, and gives way to its row', () => {
    const { onEvent, pass, written, printed } = desk({ isTTY: true });
    onEvent(STEP);
    pass(1000);
    onEvent({ ...STEP, step: 2 });
    expect(written.at(-1)).toBe(
      '\r\x1b[K    1/2   0.6000     50.0%  ████████░░░░░░░░  1,230 img/s, 6.0 s left',
    );
    onEvent(epochEvent());
    expect(written.at(-1)).toBe(
      '\r\x1b[K    1/2   0.5000     75.0%    0.2500        100.0%   8.5e-4    2,100  best\n',
    );
    expect(printed).toEqual([]);
  });

  it('is drawn no more often than ten times a second, and never wraps', () => {
    for (const columns of [80, 60, 45, 20, 0]) {
      const { onEvent, pass, written } = desk({ isTTY: true, columns });
      for (let step = 1; step <= 4; step++) {
        onEvent({ ...STEP, step });
        pass(60);
      }
      expect(written).toHaveLength(2);
      const line = written[1]!.replace('\r\x1b[K', '');
      expect(line.length, String(columns)).toBeLessThan(columns || 80);
    }
  });

  it('of hundreds of epochs shows some, and the last of all', () => {
    const { onEvent, end, text } = desk();
    for (let epoch = 1; epoch <= 237; epoch++) {
      onEvent({ type: 'epoch', row: { ...ROW, epoch }, epochs: 500, isBest: false });
    }
    end(true);
    const shown = text()
      .match(/^ *\d+(?=\/500)/gm)!
      .map(Number);
    expect(shown.slice(0, 4)).toEqual([1, 10, 20, 30]);
    expect(shown.at(-1)).toBe(237);
    expect(shown).toHaveLength(25);
  });

  it('counts the time left from where a resumed run went on', () => {
    const { onEvent, pass, text } = desk({ isTTY: true });
    onEvent({ ...STEP, epoch: 91, epochs: 100 });
    pass(1000);
    onEvent({ ...STEP, epoch: 92, epochs: 100 });
    expect(text()).toMatch(/ 92\/100 .* img\/s, 8\.7 s left$/);
  });

  it('colours the best, unless NO_COLOR says otherwise', () => {
    vi.stubEnv('NO_COLOR', '');
    vi.stubEnv('FORCE_COLOR', '');
    const { onEvent, text } = desk({ isTTY: true });
    onEvent(epochEvent());
    expect(text()).toContain('\x1b[32m  best');
    vi.stubEnv('NO_COLOR', '1');
    const plain = desk({ isTTY: true });
    plain.onEvent(epochEvent());
    expect(plain.text()).not.toContain('\x1b[32m');
    expect(plain.text()).toContain('  best\n');
  });

  it('is cleared when training ends within an epoch', () => {
    const { onEvent, pass, end, written } = desk({ isTTY: true });
    onEvent(STEP);
    pass(200);
    onEvent({ ...STEP, step: 2 });
    end(false);
    expect(written.at(-1)).toBe('\r\x1b[K');
  });
});

describe('the time left', () => {
  const leftIn = (text: string | undefined) => /, ([^,]*) left/.exec(text ?? '')?.[1];

  it('of features is that of all parts, without the time of the first pass and of what the cache has', () => {
    const { onEvent, pass, written } = desk();
    const told = (part: 'train' | 'val', cached: number, done: number) =>
      onEvent({
        ...FEATURES,
        part,
        cached,
        done,
        total: 100,
        overall: { done: part === 'val' ? 100 + done : done, total: 200 },
      });
    // 20 from the cache at once, then a minute of compilation with the first batch, then a picture a second.
    for (let done = 1; done <= 20; done++) told('train', done, done);
    pass(60_000);
    told('train', 20, 21);
    for (let done = 22; done <= 100; done++) {
      pass(1000);
      told('train', 20, done);
    }
    expect(written.slice(1, 4).map(leftIn)).toEqual(['2 min 54 s', '2 min 49 s', '2 min 44 s']);
    const before = written.length;
    for (let done = 1; done <= 100; done++) {
      pass(1000);
      told('val', 0, done);
    }
    expect(written[before]).toMatch(/^features 10\d\/200 pictures \(5\d%\), 1 min 3\d s left\n$/);
    expect(written.filter((line) => / in /.test(line))).toEqual(['features 200 pictures in 3 min 59 s\n']);
  });

  it('of epochs leaves out what compiles: the steps before the first reading, and the first validation', () => {
    const { onEvent, pass, text } = desk();
    const step = (epoch: number, number: number, loss: number | undefined) =>
      onEvent({ ...STEP, epoch, epochs: 20, step: number, steps: 11, loss });
    pass(15_000);
    for (let number = 1; number <= 10; number++) {
      step(1, number, undefined);
      pass(5_000);
    }
    expect(text()).toContain('step 5/11');
    expect(text()).not.toContain('left');
    step(1, 11, 0.5);
    pass(20_000);
    onEvent({ ...epochEvent(), epochs: 20 } as TrainEvent);
    // An epoch takes 22 s from here on: 19 more are 7 minutes.
    for (let number = 1; number <= 11; number++) {
      pass(2_000);
      step(2, number, 0.5);
    }
    expect(
      leftIn(
        text()
          .split('\n')
          .findLast((line) => line.includes('left')),
      ),
    ).toBe('6 min 38 s');
  });
});

describe('dark corners', () => {
  it('speeds of nothing and losses that are none are shown as such', () => {
    const { onEvent, pass, text } = desk();
    pass(10_000);
    onEvent({ ...STEP, loss: undefined, accuracy: undefined, imagesPerSecond: 0 });
    pass(10_000);
    onEvent({ ...STEP, step: 2, loss: undefined, accuracy: undefined, imagesPerSecond: 0 });
    onEvent(
      epochEvent({ val_loss: Number.NaN, val_accuracy: Number.NaN, images_per_s: Number.POSITIVE_INFINITY }),
    );
    onEvent(epochEvent({ epoch: 2, loss: 123456, val_loss: 1e30, images_per_s: 0.0123 }, false));
    expect(text().split('\n').slice(1)).toEqual([
      '    1/2        -         -  step 2/4  0 img/s',
      '    1/2   0.5000     75.0%         -             -   8.5e-4        -  best',
      '    2/2   1.2e+5     75.0%   1.0e+30        100.0%   8.5e-4    0.012',
      '',
    ]);
  });

  it('epochs of one step have a time left, and many epochs stay below each other', () => {
    const { onEvent, pass, text } = desk();
    for (const epoch of [1, 2]) {
      onEvent({ ...STEP, epoch, epochs: 10_000, steps: 1 });
      pass(10_000);
    }
    onEvent({ ...STEP, epoch: 3, epochs: 10_000, steps: 1 });
    const [heading, ...rows] = text().trimEnd().split('\n');
    expect(rows.at(-1)).toMatch(/ step 1\/1 {2}1,230 img\/s, 27 h 46 min left$/);
    expect(rows[0]!.indexOf('0.6000') + '0.6000'.length).toBe(heading!.indexOf('loss') + 'loss'.length);
  });

  it('thousands of broken pictures: five are named', () => {
    const { onEvent, written } = desk();
    for (let i = 0; i < 5000; i++) {
      onEvent({ type: 'skipped', part: 'train', name: `${i}.jpg`, reason: `${i}.jpg is empty (0 bytes)` });
    }
    expect(written).toEqual([
      ...[0, 1, 2, 3, 4].map((i) => `skipped: ${i}.jpg is empty (0 bytes)\n`),
      'note: more are left out and not named here; `vgg16 data check` names them all\n',
    ]);
  });

  it('features that are not finished say how far they came, before it is said how to go on', () => {
    const { onEvent, end, pass, written } = desk({ isTTY: true });
    onEvent({ ...FEATURES, done: 1, total: 9, overall: { done: 1, total: 11 } });
    pass(1000);
    onEvent({ type: 'stopped', epoch: 0, folder: 'r', text: 'how to go on' });
    end(false);
    expect(written.slice(1)).toEqual([
      '\r\x1b[Kfeatures stopped at 1/11 pictures after 1.0 s\n',
      '\r\x1b[Knote: how to go on\n',
    ]);
  });

  it('a search for a rate that ends before its last step is no failure', () => {
    const { onEvent, end, written } = desk();
    onEvent({ type: 'lr-find', step: 70, steps: 100, lr: 1, loss: 9 });
    end(true);
    expect(written).toEqual(['lr-find 70/100 steps in 0.0 s\n']);
  });

  it('an early end is told', () => {
    const { onEvent, text } = desk();
    onEvent({ type: 'finished', early: true, best: ROW, folder: undefined });
    expect(text()).toBe('note: ended early: no epoch after 1 was better\n');
  });
});

describe('an evaluation', () => {
  const colours = new Terminal({ write: () => {} }, { write: () => {} }, new AbortController().signal)
    .colours;
  const evaluationOf = (classes: readonly string[], hits: (label: number) => number) => {
    const evaluation = createEvaluation(classes);
    for (const label of classes.keys()) {
      const row = new Float32Array(classes.length);
      row[hits(label)] = 1;
      evaluation.add({ name: `${label}`, label }, row);
    }
    return evaluation.result();
  };

  it('has a line a class, and what is taken for what', () => {
    const text = evaluationText(
      '2 pictures of val',
      evaluationOf(['ant', 'bee'], () => 0),
      colours,
    );
    expect(text.split('\n')).toEqual([
      expect.stringMatching(/^Accuracy 50\.0%, loss \d+\.\d{4} on 2 pictures of val$/),
      '95% interval 9.5% to 90.5%; always answering ant would be right for 50.0%',
      '',
      '  class  pictures  precision  recall     F1',
      '  bee           1       0.0%    0.0%   0.0%',
      '  ant           1      50.0%  100.0%  66.7%',
      '',
      'Confusions: bee taken for ant (1)',
    ]);
  });

  it('of many classes has those that do worst, and the five likeliest', () => {
    const classes = Array.from({ length: 100 }, (_, i) => `class ${i}`);
    const text = evaluationText(
      'all',
      evaluationOf(classes, (label) => (label === 99 ? 98 : label)),
      colours,
    );
    expect(text).toMatch(/^Accuracy 99\.0%, top 5 [\d.]+%, /);
    const lines = text.split('\n');
    // The hardest first, equally hard ones as one counts.
    const listed = lines.slice(4, 9).map((line) => line.split(/ {2,}/)[1]);
    expect(listed).toEqual(['class 99', 'class 98', 'class 0', 'class 1', 'class 2']);
    expect(lines).toContain('  the 30 of 100 classes that do worst');
  });
});
