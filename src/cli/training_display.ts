// What training tells, shown to whoever waits for it: bars while something runs, a row for each epoch. All on stderr.

import type { EpochRow } from '../train/epoch_row.js';
import type { StepEvent, TrainEvent } from '../train/events.js';
import { coloursFor, createProgress, duration, type Progress, type ProgressStream } from './progress.js';
import type { Terminal } from './terminal.js';
import { percent } from './training_text.js';

export interface TrainingDisplay {
  readonly onEvent: (event: TrainEvent) => void;
  /** Ends what is still drawn. @param succeeded  whether it ended as it should */
  end(succeeded: boolean): void;
}

export function createTrainingDisplay(
  terminal: Pick<Terminal, 'stderr' | 'note' | 'skipped'>,
  now: () => number = () => performance.now(),
): TrainingDisplay {
  const { stderr: stream } = terminal;
  let table = createEpochTable(stream, now);
  const skips = new Skips(terminal);
  let bar: { readonly label: string; readonly progress: Progress } | undefined;

  /** Pictures of the parts that are done that were in the cache, and those of the part that is not. */
  let found = { part: '', before: 0, now: 0 };

  const show = (label: string, unit: string, done: number, total: number, free = 0) => {
    if (bar?.label !== label) {
      endBar();
      bar = { label, progress: createProgress({ label, total, unit, stream, now }) };
    }
    // Nothing is known of the pace before something is done.
    if (done > 0) bar.progress.update(done, total, free);
    if (done === total) endBar();
  };

  const endBar = () => {
    bar?.progress.done();
    bar = undefined;
  };

  const end = (succeeded: boolean) => {
    if (!succeeded) bar?.progress.stop();
    endBar();
    table.end();
  };

  /** Below the epoch that it is about. */
  const note = (text: string) => {
    table.end();
    terminal.note(text);
  };

  const onEvent = (event: TrainEvent) => {
    switch (event.type) {
      case 'features': {
        const { part, cached, overall } = event;
        const before = part === found.part ? found.before : found.before + found.now;
        found = { part, before, now: cached };
        // One bar and one estimate for all parts: what is said of the first is not said of the whole.
        return show('features', 'pictures', overall.done, overall.total, before + cached);
      }
      case 'lr-find':
        return show('lr-find', 'steps', event.step, event.steps);
      case 'skipped':
        return skips.add(event.reason);
      case 'step':
        endBar();
        return table.step(event);
      case 'epoch':
        return table.epoch(event.row, event.epochs, event.isBest);
      case 'phase':
        endBar();
        note(event.text);
        table = createEpochTable(stream, now);
        return;
      case 'note':
        return note(event.text);
      case 'stopped':
        end(false);
        return terminal.note(event.text);
      case 'finished':
        if (event.early) note(`ended early: no epoch after ${event.best.epoch} was better`);
    }
  };
  return { onEvent, end };
}

// Training as a table on stderr: a row per epoch, or per so many where they are hundreds. Below it, on a terminal, a bar for
// the epoch under way; plain lines elsewhere.

export interface EpochTable {
  step(event: StepEvent): void;
  epoch(row: EpochRow, epochs: number, isBest: boolean): void;
  /** Shows the last row, and takes away the bar of an epoch that does not end. */
  end(): void;
}

const COLUMNS = ['epoch', 'loss', 'accuracy', 'val loss', 'val accuracy', 'lr', 'img/s'] as const;
const LEAST_CELL = 7;

/** So many epochs have a row each; of more, about half as many have one. results.csv has them all. */
const MOST_ROWS = 100;

/** A bar is redrawn no more often than this. */
const REDRAW_MS = 100;
/** Without a terminal, a line is printed no more often than this within an epoch. */
const LINE_MS = 10_000;
const BAR_CELLS = 16;
/** A shorter bar shows nothing. */
const LEAST_BAR_CELLS = 4;

/** @param now  milliseconds from any beginning */
export function createEpochTable(stream: ProgressStream, now: () => number): EpochTable {
  const { dim, bold, green } = coloursFor(stream);
  const isLive = stream.isTTY === true && process.env.TERM !== 'dumb';
  const clear = isLive ? '\r\x1b[K' : '';
  /**
   * Where the clock was started: at the first reading of the loss, for which the GPU has to be done with all that it was
   * given, and anew at the end of the first epoch. What comes before is mostly compilation, of training and of validation.
   * A resumed run has epochs behind it that took no time now.
   */
  let first: { readonly at: number; readonly done: number } | undefined;
  let hasHeading = false;
  let hasEpoch = false;
  let drawnAt = now();
  /** The last row, if it was not shown. */
  let unseen: (() => void) | undefined;

  const heading = (epochs: number) => {
    if (hasHeading) return;
    hasHeading = true;
    drawnAt = now();
    stream.write(`${dim(cells(COLUMNS, epochs))}\n`);
  };

  const timeLeft = (done: number): string => {
    if (!first || done <= first.done) return '';
    return `, ${duration(((now() - first.at) * (1 - done)) / (done - first.done))} left`;
  };

  const show = (row: EpochRow, epochs: number, isBest: boolean) => {
    unseen = undefined;
    heading(epochs);
    const losses = [lossText(row.loss), shareText(row.accuracy), lossText(row.val_loss)];
    const rates = [shareText(row.val_accuracy), row.lr.toExponential(1), rateText(row.images_per_s)];
    const line = cells([`${row.epoch}/${epochs}`, ...losses, ...rates], epochs);
    stream.write(`${clear}${isBest ? `${bold(line)}${green('  best')}` : line}\n`);
    drawnAt = now();
  };

  return {
    step({ epoch, epochs, step, steps, loss, accuracy, imagesPerSecond }) {
      heading(epochs);
      const done = (epoch - 1 + step / steps) / epochs;
      if (loss !== undefined) first ??= { at: now(), done };
      const left = timeLeft(done);
      if (now() - drawnAt < (isLive ? REDRAW_MS : LINE_MS)) return;
      drawnAt = now();
      const row = cells([`${epoch}/${epochs}`, lossText(loss), shareText(accuracy)], epochs);
      const speed = `${rateText(imagesPerSecond)} img/s${left}`;
      if (!isLive) {
        stream.write(`${row}  step ${step}/${steps}  ${speed}\n`);
        return;
      }
      // Some pseudo-terminals say that they are 0 columns wide.
      const columns = (stream.columns || 80) - 1;
      const room = Math.min(BAR_CELLS, columns - row.length - speed.length - 4);
      if (room < LEAST_BAR_CELLS) stream.write(`${clear}${`${row}  ${speed}`.slice(0, columns)}`);
      else stream.write(`${clear}${row}  ${barOf(step / steps, room, green)}  ${speed}`);
    },

    epoch(row, epochs, isBest) {
      if (!hasEpoch) first = { at: now(), done: row.epoch / epochs };
      hasEpoch = true;
      unseen = () => show(row, epochs, isBest);
      const every = epochs <= MOST_ROWS ? 1 : Math.ceil(epochs / (MOST_ROWS / 2));
      if (row.epoch === 1 || row.epoch % every === 0) unseen();
    },

    end() {
      unseen?.();
      if (hasHeading) stream.write(clear);
    },
  };
}

/** Each at least as wide as its heading, so that rows that come one by one stand below each other. */
function cells(texts: readonly string[], epochs: number): string {
  const widths = COLUMNS.map((name) => Math.max(LEAST_CELL, name.length));
  widths[0] = Math.max(LEAST_CELL, `${epochs}/${epochs}`.length);
  return texts.map((text, i) => text.padStart(widths[i]!)).join('  ');
}

/** Losses that make sense have four decimals. */
function lossText(loss: number | undefined): string {
  if (loss === undefined || !Number.isFinite(loss)) return '-';
  return loss < 1000 ? loss.toFixed(4) : loss.toExponential(1);
}

function shareText(share: number | undefined): string {
  return share === undefined ? '-' : percent(share);
}

/** Three digits. */
function rateText(rate: number): string {
  return Number.isFinite(rate) ? Number(rate.toPrecision(3)).toLocaleString('en') : '-';
}

function barOf(done: number, cells: number, colour: (text: string) => string): string {
  const full = Math.round(cells * done);
  return colour('█'.repeat(full)) + '░'.repeat(cells - full);
}

// Pictures that are left out: the first few by name, for the same fault may have thousands.

/** So many are named. */
const NAMED = 5;

export class Skips {
  #count = 0;

  constructor(private readonly terminal: Pick<Terminal, 'skipped' | 'note'>) {}

  /** @param reason  a line that names the picture */
  add(reason: string): void {
    this.#count++;
    if (this.#count <= NAMED) this.terminal.skipped(reason);
    if (this.#count === NAMED + 1)
      this.terminal.note('more are left out and not named here; `vgg16 data check` names them all');
  }
}
