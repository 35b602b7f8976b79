// vgg16 weights convert: another tool's file as safetensors.

import { readFile } from 'node:fs/promises';
import { basename, dirname, extname, join } from 'node:path';
import { type Command, Option } from 'commander';
import { EXIT_CODES, type ExitCode, UsageError } from '../../errors.js';
import type { Preprocess } from '../../weights/archive.js';
import { type Conversion, convertWeights } from '../../weights/convert.js';
import { formatShape } from '../../weights/text.js';
import { withBar } from '../bytes_bar.js';
import { alignedRows } from '../table.js';
import { printable, type Terminal } from '../terminal.js';
import { byteText, grouped } from '../units.js';
import { weightsFile } from '../weights_file.js';

interface ConvertFlags {
  readonly out?: string;
  readonly dtype?: 'f32' | 'f16';
  readonly preprocess?: Preprocess;
  readonly classes?: string;
  readonly source?: string;
  readonly licence?: string;
  readonly force?: true;
  readonly verbose?: true;
}

const EXAMPLES = `
Examples:
  $ vgg16 weights convert vgg16-397923af.pth
  $ vgg16 weights convert model.keras --out flowers.safetensors --classes names.txt
  $ vgg16 weights convert keras --dtype f16 --out vgg16-f16.safetensors

IN may be PyTorch's (.pth, .pt), timm's (.safetensors), Keras' (.h5, .weights.h5,
.keras), NumPy's (.npz), an ONNX model, or the model.json of a TensorFlow.js
layers model; what it is is seen in it, not in its name. A head of other dense
layers comes along. Half the size and hardly a difference: --dtype f16.`;

export function addConvert(weights: Command, terminal: Terminal, finish: (code: ExitCode) => void): void {
  weights
    .command('convert')
    .summary("convert another tool's file to safetensors")
    .description("Converts another tool's VGG16 to safetensors in torchvision's names.")
    .argument('<in>', 'a file of weights, or a NAME')
    .option('-o, --out <file>', "what to write (default: IN's name with .safetensors)")
    .addOption(
      new Option(
        '--dtype <dtype>',
        'how to keep numbers (default: as IN does if that is f16, else f32)',
      ).choices(['f32', 'f16']),
    )
    .addOption(
      new Option('--preprocess <how>', 'what input the network expects, where IN says it wrongly').choices([
        'torchvision',
        'caffe',
      ]),
    )
    .option('--classes <file>', "names of the classifier's outputs: one a line, or a JSON list")
    .option('--source <text>', 'for the metadata: where the weights are from')
    .option('--licence <text>', 'for the metadata: the licence of the weights')
    .option('--force', 'replace the file that is there')
    .option('--verbose', 'list the tensors: as they were, as they are now')
    .addHelpText('after', EXAMPLES)
    .action(async (file: string, flags: ConvertFlags) => finish(await convert(file, flags, terminal)));
}

async function convert(name: string, flags: ConvertFlags, terminal: Terminal): Promise<ExitCode> {
  const { dtype, preprocess, force: overwrite } = flags;
  const { path, known } = await weightsFile(name, terminal.signal);
  const output = flags.out ?? (known ? `${name}.safetensors` : besideInput(path));
  const classes = flags.classes === undefined ? undefined : await readClasses(flags.classes);
  const source = flags.source ?? (known && `${known.attribution}, ${known.url}`);
  const licence = flags.licence ?? known?.licence;
  const done = await withBar('convert', terminal, (onProgress) =>
    convertWeights(path, output, {
      ...{ dtype, preprocess, classes, source, licence, overwrite },
      ...{ onProgress, signal: terminal.signal },
    }),
  );
  if (flags.verbose) terminal.print(mappingText(done));
  for (const note of done.notes) terminal.note(note);
  terminal.print(summaryText(output, done));
  return EXIT_CODES.ok;
}

/** The default output; what has a name instead of a file is written where the user is. */
function besideInput(path: string): string {
  return join(dirname(path), `${basename(path, extname(path))}.safetensors`);
}

async function readClasses(file: string): Promise<string[]> {
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    const why = error.code === 'ENOENT' ? 'no such file' : error.message;
    throw new UsageError(`--classes ${file}: ${why}`);
  });
  const names = text.trimStart().startsWith('[') ? parsedList(text) : text.trimEnd().split(/\r?\n/);
  const empty = names?.findIndex((name) => typeof name !== 'string' || name.trim() === '');
  if (names && empty === -1) return names as string[];
  const what = names ? `name ${empty! + 1} is empty or no text` : 'begins with [, and is no JSON list';
  throw new UsageError(`--classes ${file}: ${what}`);
}

function parsedList(text: string): unknown[] | undefined {
  try {
    return JSON.parse(text) as unknown[]; // what begins with [ is a list
  } catch {
    return undefined;
  }
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

function summaryText(output: string, done: Conversion): string {
  const { format, layers, parameters, dtype, bytes, preprocess, classes } = done;
  const top = classes > 0 ? `${grouped(classes)} classes` : 'no classifier';
  return (
    `${printable(output)}: VGG16 from ${format}, ${layers} layers, ${grouped(parameters)} parameters, ` +
    `${dtype}, ${byteText(bytes)}, ${preprocess} preprocessing, ${top}`
  );
}
