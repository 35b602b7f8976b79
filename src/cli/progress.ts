// A progress bar on a terminal, plain lines anywhere else. Progress is no result: it goes to stderr.

import pc from 'picocolors';
import { byteText } from '../text.js';

/** What is needed of a stream: process.stderr, or a test's own. */
export interface ProgressStream {
  write(text: string): unknown;
  readonly isTTY?: boolean | undefined;
  readonly columns?: number | undefined;
}

export interface ProgressOptions {
  /** What is being done: "features". */
  readonly label: string;
  /** How much there is to do; 0 where nobody knows. */
  readonly total: number;
  /** What is counted, in the plural: "drawings"; "B" counts bytes and prints MB and MB/s, or kB. */
  readonly unit: string;
  /** Milliseconds before which nothing is shown: what takes less says nothing. Default: 0. */
  readonly silence?: number;
  /** Default: process.stderr. */
  readonly stream?: ProgressStream;
  /** Milliseconds from any beginning. Default: performance.now. */
  readonly now?: () => number;
}

export interface Progress {
  /**
   * So much is done in all; `total` where it has only now become known. `free` of it took no time, as what a cache had, and
   * tells nothing of the pace.
   */
  update(done: number, total?: number, free?: number): void;
  /**
   * Ends the bar and leaves one line, if there was any update: what was done and how long it took. Further calls do
   * nothing.
   */
  done(): void;
  /** Ends the bar of what failed, if it has not ended: its one line says how far it came. */
  stop(): void;
}

/** A bar is redrawn no more often than this. */
const REDRAW_MS = 100;

/** Without a terminal, a line is printed no more often than this. */
const LINE_MS = 5_000;

const BAR_CELLS = 24;

/** Updates within such a time came with one batch. */
const BURST_MS = 20;

/** The updates of one batch. */
interface Burst {
  /** When its first update came. */
  readonly at: number;
  /** How much that cost time is done, as of its last update. */
  costly: number;
  updates: number;
}

/** Starts the clock; nothing is printed before the first update. */
export function createProgress(options: ProgressOptions): Progress {
  const { label, unit, silence = 0, stream = process.stderr, now = () => performance.now() } = options;
  const live = isLive(stream);
  const colours = coloursFor(stream);
  const begin = now();
  let { total } = options;
  let count = 0;
  let costly = 0;
  let first: Burst | undefined;
  let latest: Burst | undefined;
  let previous: Burst | undefined;
  /** What came after the first update, which tells of earlier runs. */
  let gained = 0;
  let printedAt = live ? Number.NEGATIVE_INFINITY : begin;
  let ended = false;

  const amount = (): string => {
    if (unit === 'B') return bytesOf(count, total);
    return total > 0 ? `${count}/${total} ${unit}` : `${count} ${unit}`;
  };

  /**
   * What is done in a millisecond, taken from the first burst on: what came before it is mostly preparation. While a batch
   * tells of its pictures one by one, nobody knows how many are still to come with it: the batch before it counts then.
   */
  const rate = (): number => {
    const last = previous && previous.updates > 1 ? previous : latest;
    if (!first || !last || last.costly <= first.costly) return 0;
    return (last.costly - first.costly) / (last.at - first.at);
  };

  const speed = (perMs: number): string => (unit === 'B' && perMs > 0 ? `, ${byteText(perMs * 1000)}/s` : '');

  const timeLeft = (): string => {
    if (total <= 0 || count >= total || rate() === 0) return '';
    return `, ${duration((total - count) / rate())} left`;
  };

  const draw = (): void => {
    if (!live) {
      const share = total > 0 ? ` (${Math.floor((100 * count) / total)}%)` : '';
      stream.write(`${label} ${amount()}${share}${speed(rate())}${timeLeft()}\n`);
      return;
    }
    const text = `${amount()}${speed(rate())}${timeLeft()}`;
    // Some pseudo-terminals say that they are 0 columns wide.
    const columns = stream.columns || 80;
    const cells = Math.min(BAR_CELLS, columns - label.length - text.length - 3);
    if (total <= 0 || cells < 4) {
      stream.write(`\r\x1b[K${`${label} ${text}`.slice(0, columns - 1)}`);
      return;
    }
    const full = Math.round(cells * Math.min(1, count / total));
    const bar = `${colours.green('█'.repeat(full))}${'░'.repeat(cells - full)}`;
    stream.write(`\r\x1b[K${label} ${bar} ${text}`);
  };

  const close = (line: (took: number) => string): void => {
    if (ended) return;
    ended = true;
    if (first && now() - begin >= silence)
      stream.write(`${live ? '\r\x1b[K' : ''}${label} ${line(now() - begin)}\n`);
  };

  return {
    update(done, newTotal = total, free = 0) {
      if (ended) return;
      const isAnew = done < count;
      if (first && !isAnew) gained += done - count;
      // What goes back has begun anew. The first that costs time begins with preparations, which tell nothing of the pace;
      // and what comes at the same moment came with it, as a batch does.
      const isFirst = !first || (free > 0 && costly === 0);
      count = done;
      costly = done - free;
      if (first && latest && !isFirst && !isAnew && now() - latest.at < BURST_MS) {
        latest.costly = costly;
        latest.updates++;
      } else {
        const isStart = !first || isFirst || isAnew;
        previous = isStart ? undefined : latest;
        latest = { at: now(), costly, updates: 1 };
        if (isStart) first = latest;
      }
      total = newTotal;
      if (now() - begin < silence || now() - printedAt < (live ? REDRAW_MS : LINE_MS)) return;
      printedAt = now();
      draw();
    },
    done() {
      const what = count === total && unit !== 'B' ? `${count} ${unit}` : amount();
      close((took) => `${what} in ${duration(took)}${speed(took > 0 ? gained / took : 0)}`);
    },
    stop() {
      close((took) => `stopped at ${amount()} after ${duration(took)}`);
    },
  };
}

/** Colours where they will be seen: on a terminal, unless NO_COLOR is set (no-color.org); FORCE_COLOR insists. */
export function coloursFor(stream: ProgressStream): ReturnType<typeof pc.createColors> {
  const { NO_COLOR, FORCE_COLOR } = process.env;
  return pc.createColors(!NO_COLOR && (Boolean(FORCE_COLOR) || isLive(stream)));
}

function isLive(stream: ProgressStream): boolean {
  return stream.isTTY === true && process.env.TERM !== 'dumb';
}

/** Milliseconds as people say them: "0.4 s", "12 s", "3 min 5 s", "2 h 10 min". */
export function duration(milliseconds: number): string {
  const seconds = milliseconds / 1000;
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}

/** "3.0/553.0 MB"; in kB where all of it is less than a MB. */
function bytesOf(count: number, total: number): string {
  const isSmall = Math.max(count, total) < 1e6;
  const number = (bytes: number) => (bytes / (isSmall ? 1e3 : 1e6)).toFixed(1);
  return `${number(count)}${total > 0 ? `/${number(total)}` : ''} ${isSmall ? 'kB' : 'MB'}`;
}

// A bar for work on files of weights, where there is time to read it.

/** Less than this is done before a bar could be read. */
const BYTES_WORTH_A_BAR = 100e6;

export type ReportBytes = (progress: { readonly loaded: number; readonly total: number }) => void;

/** Shows a bar on a terminal while `work` reports that it handles a large file. */
export async function withBar<T>(
  label: string,
  { stderr }: { readonly stderr: ProgressStream },
  work: (report: ReportBytes) => Promise<T>,
): Promise<T> {
  const bar = createProgress({ label, total: 0, unit: 'B', stream: stderr });
  try {
    const result = await work(({ loaded, total }) => {
      if (stderr.isTTY && total >= BYTES_WORTH_A_BAR) bar.update(loaded, total);
    });
    bar.done();
    return result;
  } finally {
    bar.stop();
  }
}

// Says on stderr what a benchmark is doing: on a terminal in one line that changes, elsewhere not at all.

export interface Steps {
  readonly show: (step: string) => void;
  readonly end: () => void;
}

export function createSteps({ stderr }: { readonly stderr: ProgressStream }): Steps {
  if (!stderr.isTTY) return { show: () => {}, end: () => {} };
  return {
    show(step) {
      stderr.write(`\r\x1b[K${step.slice(0, (stderr.columns || 80) - 1)}`);
    },
    end() {
      stderr.write('\r\x1b[K');
    },
  };
}
