// vgg16 pretrain: a VGG16 from scratch, of any width and for pictures of any size.

import { type Command, Option } from 'commander';
import { EXIT_CODES, type ExitCode, UsageError } from '../errors.js';
import { findDataset } from '../node/datasets/find.js';
import { createNumberedRun } from '../node/runs/folder.js';
import { shellWord } from '../node/shell_word.js';
import { type PretrainResult, pretrain, resumePretraining } from '../node/training/pretrain.js';
import { counted } from '../text.js';
import { PRETRAINING } from '../train/defaults.js';
import type { ChosenOptions } from '../train/options.js';
import { bytes, number } from './arguments.js';
import { heedingInterrupts } from './stopping.js';
import { printable, type Terminal } from './terminal.js';
import { introduce } from './train.js';
import { createTrainingDisplay } from './training_display.js';
import { list } from './training_options.js';
import { evaluationText } from './training_text.js';

interface PretrainFlags extends ChosenOptions {
  readonly width?: number;
  readonly valShare?: number;
  readonly out?: string;
  readonly resume?: string;
  readonly adapter?: string;
  readonly json?: true;
}

const EXAMPLES = `
Examples:
  $ vgg16 pretrain cifar10/ --width 0.25 --size 32
  $ vgg16 pretrain --resume runs/train-1
  $ vgg16 train photos/ --weights runs/train-1/whole.safetensors --size 32

DIR is a folder of pictures, as for \`vgg16 train\`. All thirteen convolutions
and a classifier are trained from random numbers on. That takes many pictures:
tens of thousands. They are held in memory, resized to 8/7 of --size; with
--augment shift, the network sees a square of --size from anywhere in them.

A run is a folder, as that of \`vgg16 train\`; whole.safetensors in it is the
network in one file, with its classes: a base for \`vgg16 train\`, and weights for
classify, eval and features. Each epoch is on disk as it ends, and --resume goes
on from there to the same bytes.`;

const OPTIONS = [
  ['--epochs <n>', 'times that all pictures are seen', PRETRAINING.epochs, number],
  ['--batch <n>', 'pictures in a step', PRETRAINING.batch, number],
  ['--lr <x>', 'the highest learning rate', PRETRAINING.lr, number],
  ['--warmup <epochs>', 'in which the rate rises', PRETRAINING.warmup, number],
  ['--weight-decay <x>', 'of kernels, not of biases', PRETRAINING.weightDecay, number],
  ['--label-smoothing <x>', 'share of the truth spread over all classes', PRETRAINING.labelSmoothing, number],
  ['--clip-norm <x>', "the gradient's largest norm", PRETRAINING.clipNorm, number],
  ['--augment <ways>', 'vary pictures by some of flip,shift', PRETRAINING.augment.join(','), list],
  ['--patience <epochs>', 'end when so many bring nothing better; 0: never', PRETRAINING.patience, number],
  ['--seed <n>', 'of all that is random', 0, number],
  ['--memory <bytes>', 'what a step may take on the GPU, as 2GB', 'what it needs', bytes],
] as const;

export function addPretrain(program: Command, terminal: Terminal, finish: (code: ExitCode) => void): void {
  const command = program
    .command('pretrain')
    .summary('train a VGG16 from scratch, of any width')
    .description('Trains a VGG16 from random numbers on: a base of your own.')
    .argument('[dir]', 'a folder of pictures, one folder a class, or a CSV')
    .option('--out <run>', "the run's folder (default: a new one, runs/train-1 and so on)")
    .option('--resume <run>', 'go on with a run that was interrupted')
    .option('--json', 'print JSON and nothing else on stdout')
    .addOption(new Option('--width <x>', 'channels, in those of the paper (default: 0.25)').argParser(number))
    .addOption(
      new Option('--size <px>', `side of what the network sees (default: ${PRETRAINING.size})`).argParser(
        number,
      ),
    )
    .addOption(
      new Option(
        '--val-share <x>',
        'share to validate with, where there is no val/ (default: 0.2)',
      ).argParser(number),
    );
  for (const [flags, text, fallback, parse] of OPTIONS) {
    command.addOption(new Option(flags, `${text} (default: ${fallback})`).argParser(parse as typeof number));
  }
  command.addHelpText('after', EXAMPLES).action(async (dir: string | undefined) => {
    finish(await run(dir, command.optsWithGlobals<PretrainFlags>(), terminal));
  });
}

async function run(dir: string | undefined, flags: PretrainFlags, terminal: Terminal): Promise<ExitCode> {
  const display = createTrainingDisplay(terminal);
  let result: PretrainResult | undefined;
  try {
    result = await heedingInterrupts(terminal, () => begin(dir, flags, terminal, display.onEvent));
  } finally {
    display.end(result !== undefined);
  }
  const { folder, best, history, evaluation, weights } = result;
  if (flags.json) {
    terminal.print(JSON.stringify({ folder, best, evaluation, weights }, undefined, 2));
    return EXIT_CODES.ok;
  }
  const blocks = [
    `Best epoch: ${best.epoch} of ${history.length}`,
    evaluationText(`${counted(evaluation.count, 'picture')} to validate with`, evaluation, terminal.colours),
    '',
    `Report  ${printable(shellWord(folder!))}/report.html`,
    `Use it  vgg16 train PHOTOS --weights ${printable(shellWord(weights))}`,
  ];
  terminal.print(blocks.join('\n'));
  return EXIT_CODES.ok;
}

async function begin(
  dir: string | undefined,
  { width, valShare, out, resume, adapter, json: _, ...flags }: PretrainFlags,
  terminal: Terminal,
  onEvent: Parameters<typeof pretrain>[1]['onEvent'],
): Promise<PretrainResult> {
  const { signal } = terminal;
  const names = ['size', ...OPTIONS.map(([text]) => /^--([a-z-]+)/.exec(text)![1]!)].map((name) =>
    name.replace(/-([a-z])/g, (_dash, letter: string) => letter.toUpperCase()),
  );
  const said = Object.fromEntries(
    Object.entries(flags).filter(([name, value]) => names.includes(name) && value !== undefined),
  ) as ChosenOptions;
  if (resume !== undefined) {
    if (dir !== undefined || out !== undefined || width !== undefined) {
      throw new UsageError(`--resume ${resume} goes on as the run began; leave DIR, --out and --width out`);
    }
    return resumePretraining(resume, { options: said, adapter, onEvent, signal });
  }
  if (dir === undefined) {
    throw new UsageError(
      'name a folder of pictures, one folder a class: vgg16 pretrain pictures/; or --resume a run',
    );
  }
  const dataset = await findDataset(dir, { seed: said.seed ?? 0, valShare, signal });
  introduce(dataset, terminal);
  const folder = out ?? (await createNumberedRun());
  terminal.stderr.write(`run ${printable(folder)}\n`);
  return pretrain(dataset, { ...said, out: folder, width, valShare, adapter, onEvent, signal });
}
