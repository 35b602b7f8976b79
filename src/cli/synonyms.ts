// What users of other tools (ultralytics, fastai, Keras, timm) write, and what it is called here.

import type { Command } from 'commander';

/** Commands of other tools, each with what to write instead. */
const COMMANDS: Readonly<Record<string, string>> = {
  ...from('classify', 'predict infer inference detect label recognise recognize test'),
  ...from('eval', 'val validate evaluate score'),
  ...from('train', 'fit finetune fine-tune fine_tune learn'),
  ...from('features', 'embed embeddings extract encode'),
  ...from('lr-find', 'lr_find lrfind find-lr'),
  ...from('data check', 'check'),
  ...from('weights convert', 'convert'),
  ...from('weights fetch', 'download fetch'),
  ...from('weights list', 'models'),
  ...from('runs', 'list history experiments results'),
  ...from('bench', 'benchmark'),
  ...from('doctor', 'info checks devices'),
};

/** Options of other tools, each with what it may be called here: whatever of it the command has. */
const OPTIONS: Readonly<Record<string, string>> = {
  ...from(
    '--size',
    '--imgsz --img --img-size --image-size --input-size --img_size --image_size --resolution',
  ),
  ...from('--batch', '--batch-size --bs --batch_size'),
  ...from('--lr', '--learning-rate --lr0 --lr-max --learning_rate'),
  ...from('--epochs', '--epoch --max-epochs --num-epochs --n-epochs --n_epoch'),
  ...from('--weights', '--model --checkpoint --ckpt --pretrained --weight --learner'),
  ...from('--adapter', '--device --gpu --gpus --accelerator'),
  ...from('--out', '--output --output-dir --save-dir --project --outdir --output_dir'),
  ...from('--top', '--topk --top-k --top_k --k'),
  ...from('--val-share', '--val-split --validation-split --valid-pct --validation_split --valid_pct --split'),
  ...from('--weight-decay', '--wd --decay --weight_decay'),
  ...from('--patience', '--early-stopping --early-stop'),
  ...from('--until', '--layer --layers'),
  ...from('--features', '--backbone --layer --base-layer'),
  ...from('--dtype', '--half --fp16 --precision --amp'),
  ...from('--pool', '--pooling'),
  ...from('--augment', '--augmentation --augmentations --aug --aug-transforms --transforms'),
  ...from('--no-cache', '--nocache'),
  ...from('--schedule', '--scheduler --lr-scheduler --lr-schedule'),
  ...from('--init-from', '--init --start-from'),
  ...from('--json', '--format'),
};

/** American spellings of options. */
const AMERICAN: Readonly<Record<string, string>> = {
  '--optimizer': '--optimiser',
  '--standardize': '--standardise',
};

function from(ours: string, theirs: string): Record<string, string> {
  return Object.fromEntries(theirs.split(' ').map((word) => [word, ours]));
}

/** Arguments with American spellings of options as the commands have them. */
export function inOurSpelling(args: readonly string[]): string[] {
  return args.map((arg) => {
    const [, option = '', value = ''] = /^(--[a-z]+)(=.*)?$/s.exec(arg) ?? [];
    return Object.hasOwn(AMERICAN, option) ? `${AMERICAN[option]}${value}` : arg;
  });
}

/**
 * What to add to a message of commander's about a command or an option that there is not: what was meant, or else where
 * all are listed. Undefined for other messages, and where commander itself has found something similar.
 */
export function suggestionFor(
  message: string,
  program: Command,
  args: readonly string[],
): string | undefined {
  if (/did you mean/i.test(message)) return undefined;
  const [, kind, word = ''] = /unknown (command|option) '([^']+)'/.exec(message) ?? [];
  if (kind === 'command') {
    const ours = Object.hasOwn(COMMANDS, word.toLowerCase()) ? COMMANDS[word.toLowerCase()] : undefined;
    return ours ? `Did you mean vgg16 ${ours}?` : helpOf(commandOf(program, args));
  }
  if (kind !== 'option') return undefined;
  const said = word.split('=')[0]!;
  const command = commandOf(program, args);
  const known = [...command.options, ...program.options].map(({ long }) => long);
  const dashed = said.replaceAll('_', '-');
  const ours = known.includes(dashed) ? dashed : Object.hasOwn(OPTIONS, said) ? OPTIONS[said] : undefined;
  return ours && known.includes(ours) ? `Did you mean ${ours}?` : helpOf(command);
}

function helpOf(command: Command): string {
  let words = command.name();
  for (let { parent } = command; parent; { parent } = parent) words = `${parent.name()} ${words}`;
  return `\`${words} --help\` lists them`;
}

/** The command that arguments name, or the innermost one of it that there is. */
function commandOf(program: Command, args: readonly string[]): Command {
  let found = program;
  for (const arg of args) {
    const next = found.commands.find((command) => command.name() === arg);
    if (next) found = next;
  }
  return found;
}
