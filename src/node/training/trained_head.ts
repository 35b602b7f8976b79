// A trained head as its owner has it in hand.

import { createReadStream } from 'node:fs';
import type { EpochRow } from '../../train/epoch_row.js';
import type { HeadTrainer } from '../../train/head/head_trainer.js';
import { type HeadTensor, writeHead } from '../../weights/head_file.js';
import { writeAtomically } from '../atomic_file.js';
import { describeHead, scoreOf, tensorsOf, unitsOf } from './saved_head.js';
import type { Session } from './session.js';

export interface TrainedHead {
  /** Writes the head as a file that `VGG16.load` and `openWeights` take. @throws OutputError */
  save(path: string): Promise<void>;
}

/** The head that a trainer holds, taken out of it. @param best  the epoch that it is of */
export async function takeHead(session: Session, trainer: HeadTrainer, best: EpochRow): Promise<TrainedHead> {
  const description = await describeHead(session, unitsOf(trainer));
  const taken: HeadTensor[] = [];
  for await (const tensor of tensorsOf(session, trainer)) taken.push(tensor);
  return {
    save: (path) => writeHead(path, { ...description, tensors: each(taken), metadata: scoreOf(best) }),
  };
}

async function* each<T>(items: readonly T[]): AsyncGenerator<T> {
  yield* items;
}

/** The head in a file. */
export function headInFile(file: string): TrainedHead {
  return {
    save: (path) =>
      writeAtomically(path, async (append) => {
        for await (const chunk of createReadStream(file)) await append(chunk);
      }),
  };
}
