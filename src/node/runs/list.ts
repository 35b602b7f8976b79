// Runs that are on disk, as far as their small files tell of them.

import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { UsageError } from '../../errors.js';
import { type EpochRow, parseResults } from '../../train/epoch_row.js';
import { judgementOf, Standing } from '../../train/standing.js';
import { type RunArguments, readArguments } from './args.js';
import { runFile } from './folder.js';
import { type RunState, stateOf } from './state.js';

export interface Run {
  readonly folder: string;
  readonly args: RunArguments;
  readonly history: readonly EpochRow[];
  /** Undefined before the first epoch. */
  readonly best: EpochRow | undefined;
  /** `finished`: all epochs were trained, or patience ended it. */
  readonly state: RunState | 'finished' | 'unfinished';
  /** When it was last written to. */
  readonly changed: Date;
}

/** @throws UsageError for a folder that is no run's, or a damaged one */
export async function readRun(folder: string): Promise<Run> {
  const args = await readArguments(runFile(folder, 'args'));
  const results = runFile(folder, 'results');
  let text: string;
  let changed: Date;
  try {
    text = await readFile(results, 'utf8');
    changed = (await stat(results)).mtime;
  } catch (error) {
    throw new UsageError(`${results} cannot be read: ${(error as Error).message}`, { cause: error });
  }
  const history = parseResults(text, results);
  const standing = new Standing(judgementOf(args.rules, args.options, args.pictures?.val), history);
  const isFinished = history.length >= args.options.epochs || standing.endsEarly;
  const state = (await stateOf(folder)) ?? (isFinished ? 'finished' : 'unfinished');
  return { folder, args, history, best: standing.best, state, changed };
}

/**
 * The runs in a folder, in the order of their numbers.
 *
 * @param onDamaged  told of each folder that has a run's arguments and cannot be read
 * @throws UsageError where there is no such folder
 */
export async function listRuns(parent: string, onDamaged: (error: UsageError) => void): Promise<Run[]> {
  let entries: string[];
  try {
    entries = await readdir(parent);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const why = code === 'ENOENT' ? 'there is no such folder' : message;
    throw new UsageError(`${parent}: ${why}; \`vgg16 train\` makes runs`, { cause: error });
  }
  const names = entries.sort((a, b) => a.localeCompare(b, 'en', { numeric: true }));
  const runs: Run[] = [];
  for (const name of names) {
    const folder = join(parent, name);
    if (!(await exists(runFile(folder, 'args')))) continue;
    try {
      runs.push(await readRun(folder));
    } catch (error) {
      if (!(error instanceof UsageError)) throw error;
      onDamaged(error);
    }
  }
  return runs;
}

function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
