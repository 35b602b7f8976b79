// What classify and features have in common: pictures found, shown to a model one batch after another, some left out.

import { EXIT_CODES, type ExitCode, type PictureError } from '../errors.js';
import { Oddities } from '../model/oddity.js';
import type { EachOptions, RunOptions } from '../model/options.js';
import type { VGG16 } from '../model/vgg16.js';
import { listPictures } from '../node/image/list.js';
import { Interrupted } from './failure.js';
import { type ModelFlags, type OpenedModelFlags, openModel } from './model_options.js';
import { createProgress, type ProgressOptions } from './progress.js';
import type { Terminal } from './terminal.js';

type CommonOptions = Pick<RunOptions & EachOptions, 'onProgress' | 'onError' | 'onOdd' | 'signal'>;

/** The pictures that are meant. What cannot be used is said, and remembered for the exit code. */
export class Pictures {
  private constructor(
    private readonly terminal: Terminal,
    readonly files: readonly string[],
    private isComplete: boolean,
  ) {}

  /** @param names  files, folders and globs */
  static async find(names: readonly string[], terminal: Terminal): Promise<Pictures> {
    let isComplete = true;
    const onError = ({ message }: PictureError) => {
      isComplete = false;
      terminal.skipped(message);
    };
    const files = await listPictures(names, onError, (text) => terminal.note(text));
    return new Pictures(terminal, files, isComplete);
  }

  get exitCode(): ExitCode {
    return this.isComplete ? EXIT_CODES.ok : EXIT_CODES.picture;
  }

  /**
   * Opens the model, gives what it answers, with the picture's path, and disposes of it.
   *
   * An abort of the terminal's signal is felt at once, though a batch may take minutes where a CPU computes. What the
   * GPU has begun it finishes before its device is disposed of: nothing else ends in good order.
   *
   * @param bar  what the progress bar says, and how long it is silent; none is shown without it
   * @throws as `VGG16.load` and `ask`; the signal's reason
   */
  async *ask<Answer extends { readonly index: number }>(
    flags: ModelFlags | OpenedModelFlags,
    ask: (model: VGG16, options: CommonOptions) => AsyncGenerator<Answer>,
    bar?: Pick<ProgressOptions, 'label' | 'silence'>,
  ): AsyncGenerator<Answer & { readonly file: string }> {
    const { files, terminal } = this;
    if (files.length === 0) return;
    const { signal, stderr } = terminal;
    const model = await openModel(flags, terminal);
    const progress = createProgress({
      label: '',
      ...bar,
      total: files.length,
      unit: files.length === 1 ? 'picture' : 'pictures',
      stream: stderr,
    });
    const onError = ({ message }: PictureError) => {
      this.isComplete = false;
      terminal.skipped(message);
    };
    const report = bar === undefined ? () => {} : progress.update;
    const oddities = new Oddities();
    const onOdd = (note: string) => oddities.add(note);
    const answers = ask(model, { signal, onProgress: report, onError, onOdd });
    try {
      for (;;) {
        signal.throwIfAborted();
        const { done, value } = await orAborted(answers.next(), signal);
        if (done) break;
        yield { ...value, file: files[value.index]! };
      }
      report(files.length);
      if (oddities.note) terminal.note(oddities.note);
    } finally {
      progress.done();
      if (signal.reason instanceof Interrupted) {
        terminal.note('the GPU finishes what it has begun; Ctrl-C again ends at once');
      }
      const dispose = () => model.dispose();
      answers.return(undefined).then(dispose, dispose);
    }
  }
}

/** `Promise.race` with one promise of the abort would keep every item alive until the end. */
function orAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason);
    signal.addEventListener('abort', abort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}
