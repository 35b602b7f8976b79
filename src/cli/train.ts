// vgg16 train: a folder of pictures, one folder a class, becomes a classifier.

import type { Command } from 'commander';
import { EXIT_CODES, type ExitCode, UsageError } from '../errors.js';
import { findDataset } from '../node/datasets/find.js';
import { createNumberedRun, createRun } from '../node/runs/folder.js';
import { shellWord } from '../node/shell_word.js';
import { trainHead } from '../node/training/new_run.js';
import type { TrainResult } from '../node/training/result.js';
import { resumeRun } from '../node/training/resumed_run.js';
import { counted, percent, short, whole } from '../text.js';
import { resolveOptions } from '../train/checks.js';
import type { Dataset } from '../train/dataset.js';
import type { OnEvent } from '../train/events.js';
import { addDtypeOption, addWeightsOption, type ModelFlags, openNamedModel } from './model_options.js';
import { withBar } from './progress.js';
import { heedingInterrupts } from './stopping.js';
import { printable, type Terminal } from './terminal.js';
import { createTrainingDisplay } from './training_display.js';
import { addTrainingOptions, runOptionsOf, type TrainingFlags } from './training_options.js';
import { evaluationText } from './training_text.js';

/** As commander gives them. */
interface TrainFlags extends TrainingFlags, ModelFlags {
  readonly out?: string;
  readonly resume?: string;
  readonly initFrom?: string;
  readonly json?: true;
}

const EXAMPLES = `
Examples:
  $ vgg16 train photos/
  $ vgg16 train photos/ --augment flip,crop --epochs 40
  $ vgg16 train photos/ --unfreeze block5 --augment flip,crop
  $ vgg16 train --resume runs/train-1
  $ vgg16 train photos/ --init-from runs/train-1/best.safetensors

DIR is a folder with one folder of pictures a class; or one with such folders in
train/ and val/ (and test/); or a CSV. \`vgg16 data check DIR\` looks into it.

The head learns by steps of --batch pictures each. A small data set has few
steps per epoch, and gets more epochs. The best epoch is kept: the one with the
lowest validation loss among those whose accuracy is within two standard errors
of the highest; with --class-weights balanced, the loss alone decides. Training
ends early after as many epochs without a better one as --patience says.

The thirteen convolutions stay as they are. What they make of each picture is
computed once and kept; a head is trained on that. With --unfreeze, the head is
trained alone first, and then the blocks from the one that is named on with it,
at rates of their own; --memory makes a step fit a small GPU.

Broken pictures are left out; where they are more than one and more than 5 %,
nothing is trained, and the exit code is 3.

Features are kept in the cache folder, which \`vgg16 doctor\` names: 2 kB for
each picture and view, or 100 kB with --pool flatten at 224 px, and 400 kB with
--unfreeze block5.

A run is a folder: results.csv, best.safetensors for --weights of classify, eval
and export, all that --resume needs, and in the end report.html. Each epoch is
on disk as it ends. Ctrl-C loses the one under way; --resume goes on from the
one before, to the same bytes as if nothing had happened.

--json prints {"folder", "best", "early", "evaluation", "test", "headAlone",
"remarks": [{"kind", "text"}]}. A remark is a "guess" (no better than the
commonest class), "short" (the loss was still falling), "overfit" or "no-gain"
(training the base brought nothing). "headAlone" is how good the head was
before its base was trained with it, or null.`;

export function addTrain(program: Command, terminal: Terminal, finish: (code: ExitCode) => void): void {
  const command = program
    .command('train')
    .summary('train a classifier on pictures of your own')
    .description(
      'Trains a classifier on pictures of your own: a new head, and with --unfreeze blocks of its base.',
    )
    .argument('[dir]', 'a folder of pictures, one folder a class, or a CSV')
    .option('--out <run>', "the run's folder (default: a new one, runs/train-1 and so on)")
    .option('--resume <run>', 'go on with a run that was interrupted')
    .option('--init-from <head>', 'begin with the numbers of a trained head')
    .option('--json', 'print JSON and nothing else on stdout');
  addTrainingOptions(addDtypeOption(addWeightsOption(command)))
    .addHelpText('after', EXAMPLES)
    .action(async (dir: string | undefined) => {
      const flags = command.optsWithGlobals<TrainFlags>();
      // It has a default, which a resumed run must not take for something said.
      const saysDtype = command.getOptionValueSource('dtype') === 'cli';
      finish(await train(dir, { ...flags, dtype: saysDtype ? flags.dtype : undefined }, terminal));
    });
}

async function train(dir: string | undefined, flags: TrainFlags, terminal: Terminal): Promise<ExitCode> {
  const display = createTrainingDisplay(terminal);
  let result: TrainResult | undefined;
  try {
    result = await heedingInterrupts(terminal, () =>
      flags.resume === undefined
        ? begin(dir, flags, terminal, display.onEvent)
        : goOn(flags.resume, dir, flags, terminal, display.onEvent),
    );
  } finally {
    display.end(result !== undefined);
  }
  printResult(result, flags, terminal);
  return EXIT_CODES.ok;
}

async function begin(
  dir: string | undefined,
  flags: TrainFlags,
  terminal: Terminal,
  onEvent: OnEvent,
): Promise<TrainResult> {
  if (dir === undefined) {
    throw new UsageError(
      'name a folder of pictures, one folder a class: vgg16 train photos/; or --resume a run',
    );
  }
  const options = runOptionsOf(flags);
  // Before anything is looked for. How many pictures there are decides the epochs: as few as can be allow the most.
  const { seed } = resolveOptions(options, 1);
  const { signal } = terminal;
  const dataset = await findDataset(dir, { seed, valShare: flags.valShare, signal });
  introduce(dataset, terminal);
  const model = await openNamedModel(flags, terminal);
  try {
    // Not before: what cannot be trained on leaves no folder behind.
    if (flags.out !== undefined) await createRun(flags.out);
    const out = flags.out ?? (await createNumberedRun());
    terminal.stderr.write(`run ${printable(out)}\n`);
    return await trainHead(model, dataset, {
      ...options,
      out,
      initFrom: flags.initFrom,
      valShare: flags.valShare,
      onEvent,
      signal,
    });
  } finally {
    model.dispose();
  }
}

/** What only a new run can be told. All that decides what a run computes, `resumeRun` compares with what it was. */
const BEGINS_A_RUN = {
  out: '--out',
  initFrom: '--init-from',
  weights: '--weights',
  base: '--base',
  preprocess: '--preprocess',
  dtype: '--dtype',
  valShare: '--val-share',
} as const satisfies Partial<Record<keyof TrainFlags, string>>;

/** @throws UsageError for what cannot be said of a run that has begun; as `resumeRun` */
async function goOn(
  folder: string,
  dir: string | undefined,
  flags: TrainFlags,
  terminal: Terminal,
  onEvent: OnEvent,
): Promise<TrainResult> {
  if (dir !== undefined) {
    throw new UsageError(`--resume ${folder} goes on with the run's own pictures; leave ${dir} out`);
  }
  const said = Object.entries(BEGINS_A_RUN).filter(([flag]) => flags[flag as keyof TrainFlags] !== undefined);
  if (said.length > 0) {
    const options = said.map(([, option]) => option).join(', ');
    throw new UsageError(`--resume ${folder} goes on as the run began; leave ${options} out`);
  }
  const { adapter } = flags;
  const { signal } = terminal;
  return withBar('weights', terminal, (onProgress) =>
    resumeRun(folder, { options: runOptionsOf(flags), adapter, onProgress, onEvent, signal }),
  );
}

export function introduce({ name, classes, train, val, test }: Dataset, { stderr }: Terminal): void {
  const counts = [`${whole(train.length)} to train on`, `${whole(val.length)} to validate with`];
  if (test.length > 0) counts.push(`${whole(test.length)} to test with`);
  stderr.write(`${printable(name)}: ${classes.length} classes, ${counts.join(', ')}\n`);
}

function printResult(
  { folder, best, early, history, evaluation, test, remarks, headAlone }: TrainResult,
  { json }: TrainFlags,
  terminal: Terminal,
): void {
  if (json) {
    const result = {
      ...{ folder, best, early, evaluation, test: test ?? null, remarks },
      headAlone: headAlone ?? null,
    };
    terminal.print(JSON.stringify(result, undefined, 2));
    return;
  }
  const { colours } = terminal;
  const blocks = [
    ...(headAlone
      ? [`The head alone: ${percent(headAlone.val_accuracy)}, loss ${short(headAlone.val_loss)}`]
      : []),
    `Best epoch: ${best.epoch} of ${history.length}`,
    evaluationText(`${counted(evaluation.count, 'picture')} to validate with`, evaluation, colours),
  ];
  if (test) blocks.push('', evaluationText(`${counted(test.count, 'picture')} to test with`, test, colours));
  const run = printable(shellWord(folder!));
  blocks.push('', `Report  ${run}/report.html`, `Use it  vgg16 classify PICTURE --weights ${run}`);
  terminal.print(blocks.join('\n'));
}
