// vgg16 classify: what is in a picture.

import { existsSync } from 'node:fs';
import { type Command, Option } from 'commander';
import type { Activation } from '../architecture.js';
import { type ExitCode, OutputError, WeightsError } from '../errors.js';
import type { Prediction } from '../model/predictions.js';
import { checkRequest } from '../model/requests.js';
import { classifierLayerOf, widthsOf } from '../network/layers.js';
import { writeAtomically } from '../node/atomic_file.js';
import { classifyReusing } from '../node/features/reuse.js';
import { findWeights } from '../node/fetch/fetch.js';
import { listRuns } from '../node/runs/list.js';
import { shellWord } from '../node/shell_word.js';
import { counted } from '../text.js';
import type { OpenedWeights } from '../weights/opened.js';
import { describeVgg16 } from '../weights/vgg16.js';
import { count } from './arguments.js';
import { addCacheOption, BATCH_OPTION, type CacheFlags, reuseOf } from './cache_options.js';
import { fetchWithBar } from './fetching.js';
import { addFramingOptions, type FramingFlags, framingOf } from './framing_options.js';
import { addDtypeOption, addWeightsOption, type ModelFlags } from './model_options.js';
import { Pictures } from './pictures.js';
import { alignedRows } from './table.js';
import { type Colours, printable, type Terminal } from './terminal.js';
import { activationOption, baseFile, isFetched, weightsFile, withWeights } from './weights_file.js';

interface ClassifyFlags extends ModelFlags, FramingFlags, CacheFlags {
  readonly top: number;
  readonly batch?: number;
  readonly json?: true;
  readonly jsonl?: true;
  readonly csv?: string;
  readonly force?: true;
}

/** A few pictures need no progress. */
const SILENCE_MS = 2000;

const EXAMPLES = `
Examples:
  $ vgg16 classify cat.jpg
  $ vgg16 classify photos/ --weights flowers.keras --top 1
  $ vgg16 classify photos/ --weights runs/train-3 --csv labels.csv
  $ vgg16 classify 'photos/**/*.png' --weights keras --json > labels.json

A folder stands for the pictures in it and in its subfolders. With a trained
head, what \`vgg16 train\` computed of the pictures with the same base and size
comes from the cache, and what is new is added to it; the answers are the same.
Without --weights, the classes are ImageNet's 1000, and the weights those that
\`vgg16 weights list\` shows in the cache, or else torchvision's, which are
downloaded once (553 MB). --json prints
[{"file", "activation", "predictions": [{"index", "wnid", "label", "score"}]}],
and --jsonl each of these on a line of its own, as soon as it is known. --csv
writes a table for a spreadsheet: file, label, score, label_2, score_2, ..., a
row for each picture; the file appears when all of it is there.
Scores of all classes add up to 1; with the activation sigmoid each stands by
itself, for pictures that show several things.`;

export function addClassify(program: Command, terminal: Terminal, finish: (code: ExitCode) => void): void {
  const command = program
    .command('classify')
    .summary('say what is in pictures')
    .description("Says what is in pictures: the likeliest of the classifier's classes, the best first.")
    .argument('<pictures...>', 'files, folders and globs')
    .addOption(activationOption())
    .option('--top <n>', 'how many classes of each picture', count, 5)
    .option(...BATCH_OPTION)
    .addOption(new Option('--json', 'print JSON and nothing else on stdout').conflicts(['jsonl', 'csv']))
    .addOption(new Option('--jsonl', 'print a line of JSON for each picture, as it comes').conflicts('csv'))
    .option('--csv <file>', 'write a table, and print nothing of each picture')
    .option('--force', 'replace the table that is there');
  addCacheOption(addFramingOptions(addDtypeOption(addWeightsOption(command, "ImageNet's classes"))))
    .addHelpText('after', EXAMPLES)
    .action(async (names: string[]) => finish(await classify(names, command.optsWithGlobals(), terminal)));
}

async function classify(
  names: readonly string[],
  flags: ClassifyFlags,
  terminal: Terminal,
): Promise<ExitCode> {
  const { weights: name, json, csv } = flags;
  if (csv !== undefined && !flags.force && existsSync(csv))
    throw new OutputError(`cannot write ${csv}: it is there already; --force replaces it`);
  const mayDownload = name === undefined || isFetched(name);
  const found = mayDownload ? await Pictures.find(names, terminal) : undefined;
  if (found?.files.length === 0) {
    // Nothing is downloaded for pictures that are not there.
    if (json) terminal.print('[]');
    return found.exitCode;
  }
  const path = await classifierPath(flags, terminal);
  const base = await baseFile(flags, terminal);
  const { preprocess, activation } = flags;
  const answered = (opened: OpenedWeights) => answer(opened, names, found, flags, terminal);
  return withWeights(path, answered, { base, preprocess, activation });
}

/** @param found  the pictures, where they have been looked for */
async function answer(
  opened: OpenedWeights,
  names: readonly string[],
  found: Pictures | undefined,
  flags: ClassifyFlags,
  terminal: Terminal,
): Promise<ExitCode> {
  const { weights: name, json, jsonl, csv } = flags;
  const weights = describeVgg16(opened);
  if (weights.dense.length === 0) {
    throw new WeightsError(
      `${name} has no classifier, only the thirteen convolutions; name a VGG16 with its top, ` +
        "or leave --weights out for ImageNet's classes",
    );
  }
  const widths = widthsOf(weights);
  const framing = framingOf(flags, widths);
  checkRequest(widths, classifierLayerOf(widths), framing);
  const pictures = found ?? (await Pictures.find(names, terminal));
  // Where the results themselves show how far it is, a bar would only get in between.
  const isInTheWay = terminal.stderr.isTTY && terminal.isWatched && !json && csv === undefined;
  const bar = isInTheWay ? undefined : { label: 'classify', silence: SILENCE_MS };
  const { top: topK, batch } = flags;
  const results = pictures.ask(
    { ...flags, weights: opened },
    (model, options) =>
      classifyReusing(model, pictures.files, { ...options, framing, topK, batch }, reuseOf(flags, terminal)),
    bar,
  );
  const { activation } = weights;
  if (csv !== undefined) await writeCsv(csv, results, terminal);
  else if (json) await printJson(results, activation, terminal);
  else if (jsonl) await printLines(results, activation, terminal);
  else await printText(results, activation, terminal);
  return pictures.exitCode;
}

/** The file that is named, or one with ImageNet's classes, which may have to be fetched first. */
async function classifierPath(flags: ClassifyFlags, terminal: Terminal): Promise<string> {
  const { weights, offline } = flags;
  if (weights !== undefined) return (await weightsFile(weights, flags, terminal)).path;
  try {
    return (await fetchWithBar({ offline }, terminal, findWeights)).path;
  } catch (error) {
    if (!(error instanceof WeightsError)) throw error;
    const own = (await listRuns('runs', () => {}).catch(() => [])).filter(({ best }) => best).at(-1);
    if (!own) throw error;
    throw new WeightsError(
      `${error.message}; or take a run of your own: --weights ${shellWord(own.folder)}`,
      {
        cause: error,
      },
    );
  }
}

export interface Classified {
  readonly file: string;
  readonly predictions: readonly Prediction[];
}

/** One array, a picture a line; at the end, so that what is printed is always whole. */
async function printJson(
  results: AsyncIterable<Classified>,
  activation: Activation,
  terminal: Terminal,
): Promise<void> {
  const lines: string[] = [];
  for await (const { file, predictions } of results)
    lines.push(JSON.stringify({ file, activation, predictions }));
  terminal.print(lines.length === 0 ? '[]' : `[\n${lines.join(',\n')}\n]`);
}

/** As they come, so that whoever reads them need not wait for the last. */
async function printLines(
  results: AsyncIterable<Classified>,
  activation: Activation,
  terminal: Terminal,
): Promise<void> {
  for await (const { file, predictions } of results)
    terminal.print(JSON.stringify({ file, activation, predictions }));
}

/** A row for each picture; rows are not held. @throws OutputError where the file cannot be written */
async function writeCsv(path: string, results: AsyncIterable<Classified>, terminal: Terminal): Promise<void> {
  const encoder = new TextEncoder();
  let rows = 0;
  await writeAtomically(path, async (append) => {
    const write = (cells: readonly string[]) => append(encoder.encode(`${cells.map(cell).join(',')}\n`));
    for await (const { file, predictions } of results) {
      if (rows++ === 0) await write(['file', ...predictions.flatMap((_, rank) => headings(rank))]);
      await write([file, ...predictions.flatMap(({ label, score }) => [label, score.toPrecision(6)])]);
    }
    if (rows === 0) await write(['file', ...headings(0)]);
  });
  terminal.print(`${printable(path)}: ${counted(rows, 'picture')}`);
}

function headings(rank: number): string[] {
  return ['label', 'score'].map((name) => (rank === 0 ? name : `${name}_${rank + 1}`));
}

/** As RFC 4180 has it. */
function cell(text: string): string {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

async function printText(
  results: AsyncIterable<Classified>,
  activation: Activation,
  terminal: Terminal,
): Promise<void> {
  let isFirst = true;
  for await (const result of results) {
    if (!isFirst) terminal.print('');
    terminal.print(resultText(result, activation, terminal.colours));
    isFirst = false;
  }
}

/** A picture's name, and below it what is in it: rank, probability, label, WordNet's number. */
export function resultText(
  { file, predictions }: Classified,
  activation: Activation,
  { bold, dim }: Colours,
): string {
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
  const kind = activation === 'sigmoid' ? dim(' (each class by itself)') : '';
  return [bold(printable(file)) + kind, ...alignedRows(rows, columns).map((row) => `  ${row}`)].join('\n');
}
