// vgg16 weights convert: another tool's file as safetensors or ONNX.

import { basename, dirname, extname, join } from 'node:path';
import { type Command, Option } from 'commander';
import { EXIT_CODES, type ExitCode, UsageError } from '../../errors.js';
import { readRegular } from '../../node/disk.js';
import { convertWeights } from '../../node/weights/convert.js';
import { byteText, whole } from '../../text.js';
import { checkNames } from '../../weights/checks.js';
import type { Conversion } from '../../weights/conversion.js';
import { duplicateKey } from '../../weights/json_keys.js';
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
} from '../weights_file.js';

interface ConvertFlags extends WeightsFlags {
  readonly out?: string;
  readonly format?: 'safetensors' | 'onnx';
  readonly dtype?: 'f32' | 'f16';
  readonly classes?: string;
  readonly source?: string;
  readonly licence?: string;
  readonly force?: true;
  readonly verbose?: true;
}

const EXAMPLES = `
Examples:
  $ vgg16 weights convert vgg16-397923af.pth
  $ vgg16 weights convert model.keras --classes flowers.txt --licence CC0-1.0
  $ vgg16 weights convert keras --dtype f16 --out vgg16-f16.safetensors
  $ vgg16 weights convert vgg16.pth --format onnx

IN may be PyTorch's (.pth, .pt), timm's (.safetensors), Keras' (.h5,
.weights.h5, .keras), NumPy's (.npz), Caffe's (.caffemodel), an ONNX model, or
the model.json of a TensorFlow.js layers model; its content tells, not its name.
A head of other dense layers comes along, a trained head with its base, as
\`vgg16 export\` writes it. Half the size and hardly a difference: --dtype f16.
The JSON of --classes is a list, ["ant", "bee"], or names by their output's
number, {"0": "ant", "1": "bee"} or {"0": ["n02219486", "ant"], ...}.`;

export function addConvert(weights: Command, terminal: Terminal, finish: (code: ExitCode) => void): void {
  weights
    .command('convert')
    .summary("convert another tool's file to safetensors or ONNX")
    .description("Converts another tool's VGG16 to safetensors in torchvision's names, or to ONNX.")
    .argument('<in>', 'a file of weights, or a NAME')
    .option('-o, --out <file>', "what to write (default: IN's name with the ending of the format)")
    .addOption(formatOption())
    .addOption(
      new Option(
        '--dtype <dtype>',
        'how to keep numbers (default: as IN does if that is f16, else f32)',
      ).choices(['f32', 'f16']),
    )
    .addOption(preprocessOption())
    .addOption(activationOption())
    .option('--classes <file>', "names of the classifier's outputs: one a line, or JSON")
    .option('--source <text>', 'for the metadata: where the weights are from')
    .option('--licence <text>', 'for the metadata: the licence of the weights')
    .option('--force', 'replace the file that is there')
    .option(...BASE_OPTION)
    .option(...OFFLINE_OPTION)
    .option('--verbose', 'list the tensors: as they were, as they are now')
    .addHelpText('after', EXAMPLES)
    .action(async (file: string, flags: ConvertFlags) => finish(await convert(file, flags, terminal)));
}

export function formatOption(): Option {
  return new Option(
    '--format <format>',
    'what to write (default: onnx where --out ends with .onnx, else safetensors)',
  ).choices(['safetensors', 'onnx']);
}

async function convert(name: string, flags: ConvertFlags, terminal: Terminal): Promise<ExitCode> {
  const { format, dtype, preprocess, activation, force: overwrite } = flags;
  const ending = format ?? 'safetensors';
  const { path, known } = await weightsFile(name, flags, terminal);
  const output = flags.out ?? (known ? `${name}.${ending}` : besideInput(path, ending));
  const classes = flags.classes === undefined ? undefined : await readClassNames(flags.classes);
  const source = flags.source ?? (known && `${known.attribution}, ${known.url}`);
  const licence = flags.licence ?? known?.licence;
  const base = await baseFile(flags, terminal);
  const done = await withBar('convert', terminal, (onProgress) =>
    convertWeights(path, output, {
      ...{ base, format, dtype, preprocess, activation, classes, source, licence, overwrite },
      ...{ onProgress, signal: terminal.signal },
    }),
  );
  if (flags.verbose) terminal.print(mappingText(done));
  for (const note of done.notes) terminal.note(note);
  terminal.print(summaryText(output, done));
  return EXIT_CODES.ok;
}

/** The default output; what has a name instead of a file is written where the user is. */
function besideInput(path: string, ending: string): string {
  return join(dirname(path), `${basename(path, extname(path))}.${ending}`);
}

function mappingText({ tensors, dtype }: Conversion): string {
  const rows = tensors.map(({ name, shape, from }) => [
    printable(from.name),
    formatShape(from.shape),
    from.stored,
    '->',
    name,
    formatShape(shape),
    dtype,
  ]);
  return alignedRows(rows, [{}, {}, {}, {}, {}, {}, {}]).join('\n');
}

export function summaryText(output: string, done: Conversion): string {
  const { format, layers, parameters, dtype, bytes, preprocess, activation, classes } = done;
  const kind = activation === 'sigmoid' ? 'independent classes' : 'classes';
  const top = classes === 0 ? 'no classifier' : `${whole(classes)} ${kind}`;
  return (
    `${printable(output)}: VGG16 from ${format}, ${layers} layers, ${whole(parameters)} parameters, ` +
    `${dtype}, ${byteText(bytes)}, ${preprocess} preprocessing, ${top}`
  );
}

// The file of --classes: names of a classifier's outputs, in one of the forms in which they are passed around.
//
//   ant                                 one a line
//   ["ant", "bee"]                      a JSON list
//   {"0": "ant", "1": "bee"}            a JSON object, by the output's number
//   {"0": ["n02219486", "ant"], ...}    the same with WordNet's numbers: Keras' imagenet_class_index.json

const REFUSALS: Readonly<Record<string, string>> = { ENOENT: 'no such file' };

/** @throws UsageError for a file that cannot be read, or is in none of these forms */
async function readClassNames(file: string): Promise<readonly string[]> {
  const place = `--classes ${file}`;
  const bytes = await readRegular(file).catch((error: NodeJS.ErrnoException) => {
    throw new UsageError(`${place}: ${REFUSALS[error.code!] ?? error.message}`);
  });
  const names = namesIn(textOf(bytes, place), place);
  checkNames(place, names);
  return names;
}

/** Without the byte order mark that some editors write. */
function textOf(bytes: Uint8Array, place: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new UsageError(`${place}: not a text in UTF-8`);
  }
}

function namesIn(text: string, place: string): unknown[] {
  const [opening] = text.trimStart();
  if (opening === '[') return parsed(text, place, 'begins with [, and is no JSON list') as unknown[];
  if (opening !== '{') return text.trimEnd().split(/\r?\n/);
  const byNumber = parsed(text, place, 'begins with {, and is no JSON object') as Record<string, unknown>;
  const twice = duplicateKey(text);
  if (twice !== undefined) throw new UsageError(`${place}: has the key ${JSON.stringify(twice)} twice`);
  const count = Object.keys(byNumber).length;
  return Array.from({ length: count }, (_, i) => {
    if (Object.hasOwn(byNumber, i)) return nameOf(byNumber[i]);
    throw new UsageError(
      `${place}: has ${count} keys, and none is "${i}"; a JSON object names the outputs by "0", "1", ...`,
    );
  });
}

function parsed(text: string, place: string, fault: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new UsageError(`${place}: ${fault}`);
  }
}

/** Of ["n02219486", "ant"], the second. */
function nameOf(entry: unknown): unknown {
  return Array.isArray(entry) && entry.length === 2 && typeof entry[0] === 'string' ? entry[1] : entry;
}
