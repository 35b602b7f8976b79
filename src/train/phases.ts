// What comes before a base is trained with its head: the head alone, and where it is wished for, the blocks one more at a time.

import { counted, percent, short } from '../text.js';
import { headAlone, type ResolvedOptions, withBlock } from './defaults.js';
import type { EpochRow } from './epoch_row.js';
import { isParameter, memoryKeeper, runEpochs } from './epochs.js';
import { UNFREEZE, type Unfreeze } from './options.js';
import { createTrainer, type Session, type Tables } from './session.js';
import { judgementOf, Standing } from './standing.js';
import type { Trainer } from './trainer.js';

/** What is around a training: where its pictures come from, and what is kept. */
export interface Shell {
  /** Gives `use` the tables of all parts, and closes them. */
  withTables<Result>(session: Session, use: (tables: Tables) => Promise<Result>): Promise<Result>;
  /** The session with a learning rate that is a number. */
  rated(session: Session, tables: Tables): Promise<Session>;
  /** Replaces a new head's random numbers, where there are better ones. */
  initialise(session: Session, trainer: Trainer): Promise<void>;
  /** Told of the best head alone, while the trainer holds it. */
  onHead(session: Session, trainer: Trainer, best: EpochRow): Promise<void>;
}

/** What the last phase begins with. */
export interface Beginning {
  /** Of the best epoch, by their names in a trainer. */
  readonly parameters: ReadonlyMap<string, Float32Array>;
  readonly standardisation: Tables['standardisation'];
  /** As asked, with a learning rate that is a number. */
  readonly session: Session;
  /** How good the head was alone. */
  readonly alone: EpochRow;
}

interface Phase {
  readonly unfreeze: Unfreeze;
  readonly text: string;
  readonly options: ResolvedOptions;
}

/** The head alone; the blocks above the lowest, one more each time, where that is wished for; what the training is for. */
function phasesOf(options: ResolvedOptions): Phase[] {
  const { unfreeze, gradual, headEpochs, features } = options;
  const most = (count: number) => `${counted(count, 'epoch')} at most`;
  const blocks = UNFREEZE.slice(1, UNFREEZE.indexOf(unfreeze)).filter(
    // Not those above what the head reads.
    (block) => gradual && block <= features.replace('_pool', ''),
  );
  return [
    { unfreeze: 'none', text: `the head alone, ${most(headEpochs)}`, options: headAlone(options) },
    ...blocks.map((block): Phase => {
      const some = withBlock(options, block);
      return { unfreeze: block, text: `${block} is trained with it, ${most(some.epochs)}`, options: some };
    }),
    {
      unfreeze,
      text: `${unfreeze === 'all' ? 'all convolutions are' : `${unfreeze} is`} trained with it`,
      options,
    },
  ];
}

/** All phases but the last, which is announced. @throws as `runEpochs`, `createTrainer` and the shell */
export async function trainPhases(asked: Session, shell: Shell): Promise<Beginning> {
  let trained: Trained | undefined;
  let alone: EpochRow | undefined;
  for (const { unfreeze, text, options } of phasesOf(asked.options)) {
    const unfrozen = unfreeze === 'none' ? undefined : unfreeze;
    asked.onEvent({
      type: 'phase',
      unfrozen,
      text: trained ? `${scoreText(trained.best)}; now ${text}` : text,
    });
    if (unfreeze === asked.options.unfreeze) break;
    const lr = trained?.lr ?? options.lr;
    trained = await trainPhase({ ...asked, options: { ...options, lr } }, shell, trained);
    alone ??= trained.best;
  }
  const { parameters, standardisation, lr } = trained!;
  return {
    ...{ parameters, standardisation, alone: alone! },
    session: { ...asked, options: { ...asked.options, lr } },
  };
}

function scoreText({ val_accuracy, val_loss }: EpochRow): string {
  return `${percent(val_accuracy)} right, loss ${short(val_loss)}`;
}

interface Trained extends Pick<Beginning, 'parameters' | 'standardisation'> {
  readonly best: EpochRow;
  readonly lr: number;
}

async function trainPhase(asked: Session, shell: Shell, before: Trained | undefined): Promise<Trained> {
  // What is to be tested with is looked at once, at the very end.
  const phase = { ...asked, dataset: { ...asked.dataset, test: [] } };
  return shell.withTables(phase, async (found) => {
    const tables = before ? { ...found, standardisation: before.standardisation } : found;
    const session = await shell.rated(phase, tables);
    const trainer = await createTrainer(session, tables);
    try {
      if (before) for (const [name, values] of before.parameters) await trainer.write(name, values);
      else await shell.initialise(session, trainer);
      const { rules, options, dataset } = session;
      const standing = new Standing(judgementOf(rules, options, dataset.val.length));
      const keeper = memoryKeeper(trainer);
      await runEpochs({ session, tables, trainer, history: [], standing }, keeper);
      await keeper.restoreBest();
      const best = standing.best!;
      if (!before) await shell.onHead(session, trainer, best);
      const parameters = new Map<string, Float32Array>();
      for (const { name } of trainer.state.filter(isParameter))
        parameters.set(name, await trainer.read(name));
      return { parameters, standardisation: tables.standardisation, best, lr: options.lr as number };
    } finally {
      trainer.dispose();
    }
  });
}
