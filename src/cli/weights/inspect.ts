// vgg16 weights inspect: what is in a file of weights.

import type { Command } from 'commander';
import { type Pool, windowOf } from '../../architecture.js';
import { EXIT_CODES, type ExitCode } from '../../errors.js';
import { whole } from '../../text.js';
import { shortened } from '../../weights/compose.js';
import { type InspectedTensor, type Inspection, inspectWeights } from '../../weights/inspect.js';
import { formatShape } from '../../weights/text.js';
import { OFFLINE_OPTION } from '../fetching.js';
import { withBar } from '../progress.js';
import { alignedRows } from '../table.js';
import { printable, type Terminal } from '../terminal.js';
import {
  activationOption,
  BASE_OPTION,
  baseFile,
  preprocessOption,
  type WeightsFlags,
  weightsFile,
  withWeights,
} from '../weights_file.js';

interface InspectFlags extends WeightsFlags {
  readonly json?: true;
}

const EXAMPLES = `
Examples:
  $ vgg16 weights inspect embedded
  $ vgg16 weights inspect model.h5
  $ vgg16 weights inspect vgg16.safetensors --json

Tensors are listed in torchvision's names and layout, and after <- as the file
has them where that is another. Mean, standard deviation, least and greatest are
those of all finite numbers of a tensor; in JSON, null where there is none.
Metadata, in quotes, are the file's own: only safetensors have them.`;

export function addInspect(weights: Command, terminal: Terminal, finish: (code: ExitCode) => void): void {
  weights
    .command('inspect')
    .summary('list metadata and tensors of a file, with statistics')
    .description('Lists metadata and tensors of a file of weights, with statistics.')
    .argument('<file>', 'a file of weights, or a NAME')
    .option('--json', 'print JSON and nothing else on stdout')
    .addOption(preprocessOption())
    .addOption(activationOption())
    .option(...BASE_OPTION)
    .option(...OFFLINE_OPTION)
    .addHelpText('after', EXAMPLES)
    .action(async (file: string, flags: InspectFlags) => finish(await inspect(file, flags, terminal)));
}

async function inspect(name: string, flags: InspectFlags, terminal: Terminal): Promise<ExitCode> {
  const { signal } = terminal;
  const { path } = await weightsFile(name, flags, terminal);
  const base = await baseFile(flags, terminal);
  const found = await withWeights(
    path,
    (source) => withBar('inspect', terminal, (onProgress) => inspectWeights(source, { onProgress, signal })),
    { base, preprocess: flags.preprocess, activation: flags.activation },
  );
  if (flags.json) terminal.print(JSON.stringify({ file: path, ...found }, undefined, 2));
  else terminal.print(reportText(path, found, terminal));
  return EXIT_CODES.ok;
}

function reportText(path: string, found: Inspection, { colours: { bold, dim } }: Terminal): string {
  const { format, preprocess, preprocessAssumed, base, metadata, notes, tensors } = found;
  const facts = [
    ['format', format],
    ['preprocess', preprocessAssumed ? `${preprocess} (taken for granted)` : preprocess],
    ['head', headText(found)],
    ...(base ? [['base', `${base.path} (${base.format}), fingerprint ${shortened(base.fingerprint)}`]] : []),
    ...notes.map((note) => ['note', note]),
    ...Object.entries(metadata ?? {}).map(([key, text]) => [`"${key}"`, cut(text)]),
  ].map((cells) => cells.map(printable));
  const right = { align: 'right' } as const;
  const [heading, ...rows] = alignedRows(
    [['tensor', 'shape', 'dtype', 'mean', 'deviation', 'least', 'greatest', ''], ...tensors.map(rowOf)],
    [{}, {}, {}, right, right, right, right, { style: dim }],
  );
  return [
    bold(printable(path)),
    ...alignedRows(facts, [{ style: dim }, {}]).map((line) => `  ${line}`),
    '',
    dim(heading!.trimEnd()),
    ...rows.map((row) => row.trimEnd()),
  ].join('\n');
}

function headText({ head, pool, features, size, activation, classes }: Inspection): string {
  if (head.length === 0) return 'none';
  const named = classes
    ? `; classes: ${classes.slice(0, 3).join(', ')}${classes.length > 3 ? ', ...' : ''}`
    : '';
  const of = size === null ? '' : ` of ${features}, pictures of ${size} px`;
  return `${head.map(whole).join(' -> ')}, from the ${poolText(pool)}${of}, ${activation}${named}`;
}

function poolText(pool: Pool): string {
  if (pool === 'avg') return 'averaged feature map';
  if (pool === 'max') return 'largest numbers of the feature map';
  const window = windowOf(pool);
  return window === 1
    ? 'flattened feature map'
    : `averages over ${window} x ${window} pixels of the feature map`;
}

const LONGEST = 100;

function cut(text: string): string {
  return text.length > LONGEST ? `${text.slice(0, LONGEST)}...` : text;
}

function rowOf({ name, shape, dtype, original, nonFinite, ...statistics }: InspectedTensor): string[] {
  const { mean, deviation, min, max } = statistics;
  const isOther = original.name !== name || String(original.shape) !== String(shape);
  return [
    name,
    formatShape(shape),
    dtype,
    ...[mean, deviation, min, max].map((value) => value.toPrecision(4)),
    [
      ...(nonFinite > 0 ? [`${whole(nonFinite)} NaN or infinite`] : []),
      ...(isOther
        ? [`<- ${printable(original.name)} ${formatShape(original.shape)} ${original.stored}`]
        : []),
    ].join(' '),
  ];
}
