// What is kept of a head while it is trained: the best so far, and with a run folder whatever a resumed run needs.

import type { EpochRow } from '../../train/epoch_row.js';
import type { HeadTrainer } from '../../train/head/head_trainer.js';
import { writeHead } from '../../weights/head_file.js';
import { hashOfOptions } from '../runs/args.js';
import { runFile } from '../runs/folder.js';
import { appendResult } from '../runs/results.js';
import { writeCheckpoint } from './checkpoint.js';
import { describeHead, loadHead, scoreOf, tensorsOf, unitsOf } from './saved_head.js';
import type { Session } from './session.js';

export interface Keeper {
  /** After each epoch. @param history  with this epoch, the last */
  keep(history: readonly EpochRow[], isBest: boolean): Promise<void>;
  /** Gives the best head to the trainer. */
  restoreBest(): Promise<void>;
}

/** Keeps the best head in memory. */
export function memoryKeeper(trainer: HeadTrainer): Keeper {
  const parameters = trainer.state.filter(({ name }) => /\.(kernel|bias)$/.test(name));
  const best = new Map<string, Float32Array>();
  return {
    async keep(_, isBest) {
      if (!isBest) return;
      for (const { name } of parameters) best.set(name, await trainer.read(name));
    },
    async restoreBest() {
      for (const [name, values] of best) await trainer.write(name, values);
    },
  };
}

/**
 * Keeps all in a run folder. What is there can be used and gone on from at any moment: the checkpoint, written last,
 * says how much of the rest counts.
 *
 * @param data  `digestOf` what is trained on
 */
export async function folderKeeper(
  session: Session,
  trainer: HeadTrainer,
  folder: string,
  data: string,
): Promise<Keeper> {
  const { options, rules, onEvent } = session;
  const description = await describeHead(session, unitsOf(trainer));
  const best = runFile(folder, 'best');
  const last = runFile(folder, 'last');
  const head = () => ({ ...description, tensors: tensorsOf(session, trainer) });
  return {
    async keep(history, isBest) {
      const row = history.at(-1)!;
      if (isBest) {
        await writeHead(best, { ...head(), metadata: scoreOf(row) });
        onEvent({ type: 'saved', what: 'best', path: best });
      }
      await appendResult(runFile(folder, 'results'), row);
      await writeCheckpoint(last, head(), trainer, {
        epoch: row.epoch,
        step: trainer.stepsDone,
        options: hashOfOptions(options, rules),
        data,
      });
      onEvent({ type: 'saved', what: 'last', path: last });
    },
    restoreBest: () => loadHead(session, trainer, best),
  };
}
