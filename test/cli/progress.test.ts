import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { coloursFor, createProgress, duration } from '../../src/cli/progress.js';

/** A stream and a clock that a test moves by hand. */
function desk(isTTY: boolean, columns?: number) {
  let time = 0;
  const written: string[] = [];
  return {
    written,
    pass: (ms: number) => {
      time += ms;
    },
    options: {
      stream: { isTTY, columns, write: (text: string) => written.push(text) },
      now: () => time,
    },
  };
}

beforeEach(() => {
  vi.stubEnv('NO_COLOR', '1');
  vi.stubEnv('TERM', 'xterm');
});
afterEach(() => vi.unstubAllEnvs());

describe('without a terminal', () => {
  it('prints whole lines, seldom, and no control characters', () => {
    const { written, pass, options } = desk(false);
    const progress = createProgress({ label: 'features', total: 100, unit: 'drawings', ...options });
    for (let done = 4; done <= 100; done += 4) {
      pass(1000);
      progress.update(done);
    }
    progress.done();
    expect(written).toEqual([
      'features 20/100 drawings (20%), 20 s left\n',
      'features 40/100 drawings (40%), 15 s left\n',
      'features 60/100 drawings (60%), 10 s left\n',
      'features 80/100 drawings (80%), 5.0 s left\n',
      'features 100/100 drawings (100%)\n',
      'features 100 drawings in 25 s\n',
    ]);
  });

  it('takes the pace from whole batches, though each tells of its pictures one by one', () => {
    const { written, pass, options } = desk(false);
    const progress = createProgress({ label: 'features', total: 76, unit: 'pictures', ...options });
    for (let done = 1; done <= 57; done++) {
      if (done % 19 === 1) pass(10_000);
      progress.update(done);
    }
    expect(written).toEqual([
      'features 1/76 pictures (1%)\n',
      'features 20/76 pictures (26%)\n',
      'features 39/76 pictures (51%), 19 s left\n',
    ]);
  });

  it('prints one line for a short task', () => {
    const { written, pass, options } = desk(false);
    const progress = createProgress({ label: 'weights', total: 29_438_976, unit: 'B', ...options });
    pass(400);
    progress.update(29_438_976);
    progress.done();
    expect(written).toEqual(['weights 29.4/29.4 MB in 0.4 s\n']);
  });

  it('a dumb terminal gets lines too', () => {
    vi.stubEnv('TERM', 'dumb');
    const { written, pass, options } = desk(true);
    const progress = createProgress({ label: 'x', total: 2, unit: 'y', ...options });
    pass(6000);
    progress.update(1);
    expect(written).toEqual(['x 1/2 y (50%)\n']);
  });
});

describe('on a terminal', () => {
  it('redraws one line, no more often than ten times a second', () => {
    const { written, pass, options } = desk(true, 80);
    const progress = createProgress({ label: 'features', total: 8, unit: 'drawings', ...options });
    progress.update(2);
    pass(50);
    progress.update(3);
    pass(950);
    progress.update(4);
    progress.done();
    expect(written).toEqual([
      '\r\x1b[Kfeatures ██████░░░░░░░░░░░░░░░░░░ 2/8 drawings',
      '\r\x1b[Kfeatures ████████████░░░░░░░░░░░░ 4/8 drawings, 2.0 s left',
      '\r\x1b[Kfeatures 4/8 drawings in 1.0 s\n',
    ]);
  });

  it('never wraps: a narrow terminal gets a shorter bar, a very narrow one none', () => {
    for (const [columns, cells] of [
      [40, 17],
      [26, 0],
      [15, 0],
    ] as const) {
      const { written, options } = desk(true, columns);
      createProgress({ label: 'features', total: 8, unit: 'drawings', ...options }).update(4);
      const shown = written.join('').replace('\r\x1b[K', '');
      expect(shown.length).toBeLessThan(columns);
      expect([...shown].filter((c) => c === '█' || c === '░')).toHaveLength(cells);
    }
  });

  it('takes a terminal of 0 columns, as some pseudo-terminals say they are, for an ordinary one', () => {
    const { written, options } = desk(true, 0);
    createProgress({ label: 'features', total: 8, unit: 'drawings', ...options }).update(4);
    expect(written).toEqual(['\r\x1b[Kfeatures ████████████░░░░░░░░░░░░ 4/8 drawings']);
  });

  it('shows no bar and no time left while the total is unknown, and both once it is known', () => {
    const { written, pass, options } = desk(true);
    const progress = createProgress({ label: 'download', total: 0, unit: 'B', ...options });
    progress.update(1e6);
    pass(1000);
    progress.update(2e6, 4e6);
    expect(written[0]).toBe('\r\x1b[Kdownload 1.0 MB');
    expect(written[1]).toContain('░ 2.0/4.0 MB, 1.00 MB/s, 2.0 s left');
  });

  it('tells the speed of bytes, and what it was on the whole', () => {
    const { written, pass, options } = desk(true, 80);
    const progress = createProgress({ label: 'fetch', total: 553e6, unit: 'B', ...options });
    pass(2000);
    progress.update(53e6);
    pass(10_000);
    progress.update(153e6);
    pass(40_000);
    progress.update(553e6);
    progress.done();
    expect(written).toEqual([
      '\r\x1b[Kfetch ██░░░░░░░░░░░░░░░░░░░░░░ 53.0/553.0 MB',
      '\r\x1b[Kfetch ███████░░░░░░░░░░░░░░░░░ 153.0/553.0 MB, 10.0 MB/s, 40 s left',
      '\r\x1b[Kfetch ████████████████████████ 553.0/553.0 MB, 10.0 MB/s',
      '\r\x1b[Kfetch 553.0/553.0 MB in 52 s, 9.62 MB/s\n',
    ]);
  });

  it('takes the speed anew where a download begins anew', () => {
    const { written, pass, options } = desk(true, 80);
    const progress = createProgress({ label: 'fetch', total: 10e6, unit: 'B', ...options });
    progress.update(8e6);
    pass(1000);
    progress.update(1e6);
    pass(1000);
    progress.update(4e6);
    expect(written.at(-1)).toContain(' 4.0/10.0 MB, 3.00 MB/s, 2.0 s left');
  });

  it('counts as speed what came in all of the time, also before a download began anew', () => {
    const { written, pass, options } = desk(false);
    const progress = createProgress({ label: 'fetch', total: 10e6, unit: 'B', ...options });
    progress.update(8e6);
    pass(1000);
    progress.update(9e6);
    pass(1000);
    progress.update(0);
    pass(2000);
    progress.update(10e6);
    progress.done();
    expect(written).toEqual(['fetch 10.0/10.0 MB in 4.0 s, 2.75 MB/s\n']);
  });

  it('tells of less than a MB in kB', () => {
    const { written, pass, options } = desk(false);
    const progress = createProgress({ label: 'fetch', total: 0, unit: 'B', ...options });
    progress.update(0);
    pass(2000);
    progress.update(90_000, 90_000);
    progress.done();
    expect(written).toEqual(['fetch 90.0/90.0 kB in 2.0 s, 45.0 kB/s\n']);
  });

  it('that is stopped says how far it came, and one that was done before says nothing more', () => {
    const { written, pass, options } = desk(true);
    const begun = () => {
      const progress = createProgress({ label: 'fetch', total: 553e6, unit: 'B', ...options });
      progress.update(3e6);
      written.length = 0;
      return progress;
    };
    const stopped = begun();
    pass(1000);
    stopped.stop();
    expect(written).toEqual(['\r\x1b[Kfetch stopped at 3.0/553.0 MB after 1.0 s\n']);
    const done = begun();
    done.done();
    written.length = 0;
    done.stop();
    expect(written).toEqual([]);
  });

  it('says nothing after its end', () => {
    const { written, options } = desk(true);
    const progress = createProgress({ label: 'x', total: 1, unit: 'y', ...options });
    progress.update(1);
    progress.done();
    const before = written.length;
    progress.update(1);
    progress.done();
    expect(written).toHaveLength(before);
  });
});

it('is silent for as long as it is told to, and of a short task for good', () => {
  for (const [ms, lines] of [
    [1900, 0],
    [2100, 1],
  ] as const) {
    const { written, pass, options } = desk(true, 80);
    const progress = createProgress({ label: 'x', total: 2, unit: 'y', silence: 2000, ...options });
    progress.update(1);
    pass(ms);
    expect(written).toEqual([]);
    progress.done();
    expect(written).toHaveLength(lines);
  }
});

it('says nothing about what never began', () => {
  const { written, options } = desk(false);
  createProgress({ label: 'x', total: 1, unit: 'y', ...options }).done();
  expect(written).toEqual([]);
});

describe('coloursFor', () => {
  const colourful = (isTTY: boolean) => coloursFor({ write: () => {}, isTTY }).isColorSupported;

  it('colours a terminal only', () => {
    vi.stubEnv('NO_COLOR', '');
    vi.stubEnv('FORCE_COLOR', '');
    expect([colourful(true), colourful(false)]).toEqual([true, false]);
  });

  it('obeys NO_COLOR before FORCE_COLOR', () => {
    vi.stubEnv('FORCE_COLOR', '1');
    expect(colourful(true)).toBe(false);
    vi.stubEnv('NO_COLOR', '');
    expect(colourful(false)).toBe(true);
  });
});

it('says durations as people do', () => {
  expect([400, 9_940, 9_960, 59_400, 59_600, 185_000, 7_800_000].map(duration)).toEqual([
    '0.4 s',
    '9.9 s',
    '10 s',
    '59 s',
    '1 min 0 s',
    '3 min 5 s',
    '2 h 10 min',
  ]);
});
