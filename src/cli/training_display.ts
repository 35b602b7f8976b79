// What training tells, shown to whoever waits for it: bars while something runs, a row for each epoch. All on stderr.

import type { TrainEvent } from '../train/events.js';
import { createEpochTable } from './epoch_table.js';
import { createProgress, type Progress } from './progress.js';
import { Skips } from './skips.js';
import type { Terminal } from './terminal.js';

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
  const table = createEpochTable(stream, now);
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
