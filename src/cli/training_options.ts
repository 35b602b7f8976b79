// What can be said about a training on the command line. Whether it makes sense, src/train decides.

import { type Command, Option } from 'commander';
import { FEATURE_LAYERS } from '../architecture.js';
import { FINE_TUNING, LENGTH, PATIENCE, withDefaults } from '../train/defaults.js';
import type { ChosenOptions } from '../train/options.js';
import { AUGMENTATIONS, type AugmentationName, UNFREEZE } from '../train/options.js';
import { bytes, number } from './arguments.js';

/** As commander gives them. What was not said is undefined, but for `cache`. */
export interface TrainingFlags extends Omit<ChosenOptions, 'cache'> {
  readonly cache: boolean;
  readonly valShare?: number;
}

/** Adds the options, in the order in which help shows them. @param unheard  those that would mean nothing */
export function addTrainingOptions(
  command: Command,
  unheard: readonly (keyof ChosenOptions)[] = [],
): Command {
  for (const [heading, options] of Object.entries(groups())) {
    for (const option of options) {
      if (unheard.some((name) => name === option.attributeName())) continue;
      command.addOption(option.helpGroup(`${heading}:`));
    }
  }
  return command;
}

function groups(): Readonly<Record<string, readonly Option[]>> {
  const usual = withDefaults({});
  const [mlp, fc, sgd] = [
    withDefaults({ head: 'mlp' }),
    withDefaults({ head: 'fc' }),
    withDefaults({ optimiser: 'sgd' }),
  ];
  const views = (cache: boolean) => withDefaults({ augment: ['flip'], cache }).views;
  const option = (flags: string, text: string, fallback?: unknown) =>
    new Option(flags, fallback === undefined ? text : `${text} (default: ${fallback})`);
  return {
    Pictures: [
      option('--size <px>', 'side of what the network sees', usual.size).argParser(number),
      option(
        '--augment <ways>',
        `vary training pictures by some of ${AUGMENTATIONS.join(',')}`,
        'none',
      ).argParser(list),
      option(
        '--views <n>',
        'varied views of each, besides the plain one',
        `${views(true)}, or ${views(false)} with --no-cache`,
      ).argParser(number),
      option(
        '--val-share <x>',
        'share of each class to validate with, where there is no val/',
        0.2,
      ).argParser(number),
      option('--no-cache', 'keep no features on disk, and draw views anew each epoch'),
    ],
    Head: [
      option('--head <kind>', "fc is VGG16's own three layers", usual.head).choices(['linear', 'mlp', 'fc']),
      option('--hidden <units>', 'of the hidden layers of an mlp, as 512,128', mlp.hidden).argParser(numbers),
      option('--dropout <x>', 'share of hidden units left out in a step', mlp.dropout).argParser(number),
      option('--features <layer>', 'what the head reads', usual.features).choices([...FEATURE_LAYERS]),
      option('--pool <how>', 'of the feature map', `${usual.pool}, of fc ${fc.pool}`).choices([
        'avg',
        'flatten',
      ]),
      option(
        '--standardise <how>',
        'features to mean 0, deviation 1',
        `${usual.standardise}, of fc ${fc.standardise}`,
      ).choices(['channel', 'feature', 'none']),
    ],
    'Fine-tuning': [
      option('--unfreeze <block>', 'train the base too, from this block on', usual.unfreeze).choices([
        ...UNFREEZE,
      ]),
      option('--gradual', 'one block more at a time, each for a quarter of --epochs'),
      option(
        '--lr-base <x>',
        "the highest learning rate of the base; --lr is the head's",
        `${usual.lrBase}, of sgd ${sgd.lrBase}`,
      ).argParser(number),
      option('--lr-decay <x>', 'divides the rate from each block to the one below', usual.lrDecay).argParser(
        number,
      ),
      option(
        '--head-epochs <n>',
        'of the head alone, which comes first',
        `${LENGTH.epochs}, or as many as make ${LENGTH.steps} steps`,
      ).argParser(number),
      option(
        '--memory <bytes>',
        'what a step may take on the GPU, as 2GB; less is slower',
        'what it needs',
      ).argParser(bytes),
    ],
    Training: [
      option(
        '--epochs <n>',
        'times that all pictures are seen',
        `${LENGTH.epochs}, or as many as make ${LENGTH.steps} steps; fine-tuning ${FINE_TUNING.epochs} or ${FINE_TUNING.steps}`,
      ).argParser(number),
      option('--batch <n>', 'pictures in a step', usual.batch).argParser(number),
      option(
        '--lr <x>',
        'the highest learning rate, or auto',
        `${usual.lr}; other heads, pools and optimisers have their own`,
      ).argParser((text) => (text === 'auto' ? text : number(text))),
      option('--schedule <name>', 'of the rate', usual.schedule).choices(['constant', 'cosine', 'one-cycle']),
      option('--warmup <epochs>', 'in which the rate rises', usual.warmup).argParser(number),
      option('--optimiser <name>', 'how steps are made', usual.optimiser).choices(['adamw', 'sgd']),
      option('--momentum <x>', 'of sgd', sgd.momentum).argParser(number),
      option('--nesterov', 'sgd looks ahead, as it does with any momentum'),
      option('--no-nesterov', 'sgd does not look ahead'),
      option(
        '--weight-decay <x>',
        'of kernels, not of biases',
        `${usual.weightDecay}, of sgd ${sgd.weightDecay}`,
      ).argParser(number),
      option('--clip-norm <x>', "the gradient's largest norm", 'not limited').argParser(number),
      option(
        '--label-smoothing <x>',
        'share of the truth spread over all classes',
        usual.labelSmoothing,
      ).argParser(number),
      option('--class-weights <how>', 'balanced: each class counts the same', usual.classWeights).choices([
        'balanced',
        'none',
      ]),
      option(
        '--patience <epochs>',
        'end when so many bring nothing better; 0: never',
        `a third of all, at least ${PATIENCE.least}`,
      ).argParser(number),
      option('--seed <n>', 'of all that is random', usual.seed).argParser(number),
    ],
  };
}

/** What was said of a run, and nothing else. */
export function runOptionsOf(flags: TrainingFlags): ChosenOptions {
  const options = Object.keys(withDefaults({})) as (keyof ChosenOptions)[];
  const said = options.filter(
    (option) => flags[option] !== undefined && !(option === 'cache' && flags.cache),
  );
  return Object.fromEntries(said.map((option) => [option, flags[option]]));
}

export function list(text: string): AugmentationName[] {
  // What is none of them, src/train says.
  return text.split(',').map((name) => name.trim() as AugmentationName);
}

function numbers(text: string): number[] {
  return text.split(',').map(number);
}
