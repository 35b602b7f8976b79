// What is told when a run ends before it is finished: what is kept, and how to go on.

import { DeviceLostError, PictureError, TrainingError, UsageError, WeightsError } from '../../errors.js';
import type { Keeper } from '../../train/epochs.js';
import type { Session } from '../../train/session.js';
import { shellWord } from '../shell_word.js';

/** Knows what is kept of a run, and says it where the run ends before it is finished. */
export class Stop {
  constructor(
    private readonly session: Session,
    private readonly folder: string | undefined,
    /** The last epoch that is kept. */
    private epoch: number,
  ) {}

  /** A keeper that remembers here what it has kept. */
  watching(keeper: Keeper): Keeper {
    return {
      keep: async (history, isBest) => {
        await keeper.keep(history, isBest);
        this.epoch = history.length;
      },
      restoreBest: () => keeper.restoreBest(),
    };
  }

  /** Whether nothing was trained, and nothing will be before somebody changes what the run was begun with. */
  isFutile(error: unknown): boolean {
    return this.epoch === 0 && isOfInput(error);
  }

  /** The error with what is to be known; where it is another's, or an abort's reason, an event tells that. */
  explained(error: unknown): unknown {
    const { epoch, folder, session } = this;
    if (isOfInput(error)) return error;
    if (error instanceof TrainingError) {
      const { lr, lrBase, unfreeze } = session.options;
      const [option, rate] = unfreeze === 'none' || lr === lrBase ? ['--lr', lr] : ['--lr-base', lrBase];
      const hint = rate === 'auto' ? '' : `; try a lower ${option} than ${rate}`;
      return new TrainingError(`${error.message}; ${this.#kept()}${hint}`, { cause: error });
    }
    const text = `${this.#kept()}${this.#further()}`;
    if (error instanceof DeviceLostError)
      return new DeviceLostError(`${error.message}; ${text}`, { cause: error });
    session.onEvent({ type: 'stopped', epoch, folder, text });
    return error;
  }

  #kept(): string {
    const { epoch, folder } = this;
    if (folder === undefined) return 'without a run folder nothing is kept';
    if (epoch === 0) return `no epoch was finished in ${folder}`;
    return `${folder} holds epoch ${epoch} in last.safetensors and the best one in best.safetensors`;
  }

  #further(): string {
    return this.folder === undefined ? '' : `; vgg16 train --resume ${shellWord(this.folder)} goes on`;
  }
}

/** Errors that say themselves what is to be mended. */
function isOfInput(error: unknown): boolean {
  return [UsageError, PictureError, WeightsError].some((kind) => error instanceof kind);
}
