// vgg16 lr-find: which learning rate suits a head and its pictures.

import type { Command } from 'commander';
import { EXIT_CODES, type ExitCode, TrainingError } from '../errors.js';
import { writeAtomically } from '../node/atomic_file.js';
import { findDataset } from '../node/datasets/find.js';
import { lrFindSvg } from '../node/report/lr_find.js';
import { findLearningRate } from '../node/training/lr_find.js';
import { resolveOptions } from '../train/checks.js';
import type { FoundRate } from '../train/sweep.js';
import { addDtypeOption, addWeightsOption, type ModelFlags, openNamedModel } from './model_options.js';
import { heedingInterrupts } from './stopping.js';
import { printable, type Terminal } from './terminal.js';
import { createTrainingDisplay } from './training_display.js';
import { addTrainingOptions, runOptionsOf, type TrainingFlags } from './training_options.js';

interface LrFindFlags extends TrainingFlags, ModelFlags {
  readonly svg?: string;
  readonly json?: true;
}

/** What a search has its own of. */
const OF_A_RUN = ['lr', 'epochs', 'schedule', 'warmup', 'patience'] as const;

const EXAMPLES = `
Examples:
  $ vgg16 lr-find photos/
  $ vgg16 lr-find photos/ --head mlp --svg curve.svg

Trains a new head for up to 100 steps while the rate rises from 1e-7 to 10, and
suggests one at which the loss falls fast. Nothing but the features is kept.
\`vgg16 train\` does the same for --lr auto.

--json prints {"suggestion", "curve": [{"lr", "loss"}]}.`;

export function addLrFind(program: Command, terminal: Terminal, finish: (code: ExitCode) => void): void {
  const command = program
    .command('lr-find')
    .summary('suggest a learning rate')
    .description('Suggests a learning rate for a head and its pictures.')
    .argument('<dir>', 'as for `vgg16 train`')
    .option('--svg <file>', 'draw the loss over the rate')
    .option('--json', 'print JSON and nothing else on stdout');
  addTrainingOptions(addDtypeOption(addWeightsOption(command)), OF_A_RUN)
    .addHelpText('after', EXAMPLES)
    .action(async (dir: string) => finish(await suggest(dir, command.optsWithGlobals(), terminal)));
}

async function suggest(dir: string, flags: LrFindFlags, terminal: Terminal): Promise<ExitCode> {
  const { svg, json } = flags;
  const { suggestion, curve } = await heedingInterrupts(terminal, () => find(dir, flags, terminal));
  if (suggestion === undefined) {
    throw new TrainingError(
      `${dir}: the loss falls at no learning rate; look at the pictures and their classes`,
    );
  }
  if (svg !== undefined)
    await writeAtomically(svg, (append) => append(Buffer.from(lrFindSvg(curve, suggestion))));
  if (json) terminal.print(JSON.stringify({ suggestion, curve }, undefined, 2));
  else {
    terminal.print(`Suggested  --lr ${suggestion.toPrecision(2)}`);
    if (svg !== undefined) terminal.print(`Curve      ${printable(svg)}`);
  }
  return EXIT_CODES.ok;
}

async function find(dir: string, flags: LrFindFlags, terminal: Terminal): Promise<FoundRate> {
  const { signal } = terminal;
  const options = runOptionsOf(flags);
  const { seed } = resolveOptions(options);
  const dataset = await findDataset(dir, { seed, valShare: flags.valShare, signal });
  const model = await openNamedModel(flags, terminal);
  const display = createTrainingDisplay(terminal);
  let succeeded = false;
  try {
    const found = await findLearningRate(model, dataset, { ...options, onEvent: display.onEvent, signal });
    succeeded = true;
    return found;
  } finally {
    display.end(succeeded);
    model.dispose();
  }
}
