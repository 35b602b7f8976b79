// vgg16 classify: what is in a picture.

import type { Command } from 'commander';
import { type ExitCode, WeightsError } from '../errors.js';
import { widthsOf } from '../model/architecture.js';
import type { Prediction } from '../model/predictions.js';
import { checkRequest } from '../model/requests.js';
import { count } from './arguments.js';
import { addFramingOptions, type FramingFlags, framingOf } from './framing_options.js';
import { addWeightsOption, describeWeights, type ModelFlags } from './model_options.js';
import { Pictures } from './pictures.js';
import { alignedRows } from './table.js';
import { type Colours, printable, type Terminal } from './terminal.js';

interface ClassifyFlags extends ModelFlags, FramingFlags {
  readonly top: number;
  readonly batch: number;
  readonly json?: true;
}

const EXAMPLES = `
Examples:
  $ vgg16 classify cat.jpg --weights vgg16.safetensors
  $ vgg16 classify photos/ --weights vgg16.safetensors --top 1
  $ vgg16 classify 'photos/**/*.png' --weights vgg16.safetensors --json > labels.json

A folder stands for the pictures in it and in its subfolders. The weights must
have a classifier; the embedded ImageNet base has none. --json prints
[{"file", "predictions": [{"index", "wnid", "label", "score"}]}].`;

export function addClassify(program: Command, terminal: Terminal, finish: (code: ExitCode) => void): void {
  const command = program
    .command('classify')
    .summary('say what is in pictures')
    .description("Says what is in pictures: the likeliest of the classifier's classes, the best first.")
    .argument('<pictures...>', 'files, folders and globs')
    .option('--top <n>', 'how many classes of each picture', count, 5)
    .option('--batch <n>', 'pictures in a forward pass, at most', count, 8)
    .option('--json', 'print JSON and nothing else on stdout');
  addFramingOptions(addWeightsOption(command))
    .addHelpText('after', EXAMPLES)
    .action(async (names: string[]) => finish(await classify(names, command.optsWithGlobals(), terminal)));
}

async function classify(
  names: readonly string[],
  flags: ClassifyFlags,
  terminal: Terminal,
): Promise<ExitCode> {
  const weights = await describeWeights(flags.weights);
  if (weights.dense.length === 0) {
    throw new WeightsError(
      `${flags.weights ?? 'the embedded ImageNet base'} has no classifier, only the thirteen convolutions; ` +
        "name a VGG16 with its top, in torchvision's or timm's names: --weights vgg16.safetensors",
    );
  }
  const widths = widthsOf(weights);
  const framing = framingOf(flags, widths);
  checkRequest(widths, 'softmax', framing);
  const pictures = await Pictures.find(names, terminal);
  // Where the results themselves show how far it is, a bar would only get in between.
  const bar = terminal.stderr.isTTY && (flags.json || !terminal.isWatched) ? 'classify' : undefined;
  const { top: topK, batch } = flags;
  const results = pictures.ask(
    flags,
    (model, options) => model.classifyEach(pictures.files, { ...options, framing, topK, batch }),
    bar,
  );
  if (flags.json) await printJson(results, terminal);
  else await printText(results, terminal);
  return pictures.exitCode;
}

export interface Classified {
  readonly file: string;
  readonly predictions: readonly Prediction[];
}

/** One array, a picture a line; at the end, so that what is printed is always whole. */
async function printJson(results: AsyncIterable<Classified>, terminal: Terminal): Promise<void> {
  const lines: string[] = [];
  for await (const { file, predictions } of results) lines.push(JSON.stringify({ file, predictions }));
  terminal.print(lines.length === 0 ? '[]' : `[\n${lines.join(',\n')}\n]`);
}

async function printText(results: AsyncIterable<Classified>, terminal: Terminal): Promise<void> {
  let isFirst = true;
  for await (const result of results) {
    if (!isFirst) terminal.print('');
    terminal.print(resultText(result, terminal.colours));
    isFirst = false;
  }
}

/** A picture's name, and below it what is in it: rank, share, label, WordNet's number. */
export function resultText({ file, predictions }: Classified, { bold, dim }: Colours): string {
  const rows = predictions.map(({ wnid, label, score }, rank) => [
    String(rank + 1),
    `${(100 * score).toFixed(2)}%`,
    printable(label),
    ...(wnid === null ? [] : [`(${wnid})`]),
  ]);
  const columns = [
    { align: 'right', style: dim },
    { align: 'right', style: bold },
    {},
    { style: dim },
  ] as const;
  return [bold(printable(file)), ...alignedRows(rows, columns).map((row) => `  ${row}`)].join('\n');
}
