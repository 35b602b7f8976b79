// vgg16 export: a trained head and its base as one file.

import { basename, dirname, extname, join } from 'node:path';
import { type Command, Option } from 'commander';
import { EXIT_CODES, type ExitCode, UsageError } from '../errors.js';
import { convertWeights, formatOf } from '../node/weights/convert.js';
import { openAsItIs } from '../node/weights/open.js';
import { torchText } from '../node/weights/torch_text.js';
import { saysHead } from '../weights/head_metadata.js';
import { describeVgg16 } from '../weights/vgg16.js';
import { OFFLINE_OPTION } from './fetching.js';
import { withBar } from './progress.js';
import type { Terminal } from './terminal.js';
import { formatOption, summaryText } from './weights/convert.js';
import { BASE_OPTION, type BaseFlags, baseFile } from './weights_file.js';

interface ExportFlags extends BaseFlags {
  readonly out?: string;
  readonly format?: 'safetensors' | 'onnx';
  readonly dtype: 'f32' | 'f16';
  readonly force?: true;
}

const EXAMPLES = `
Examples:
  $ vgg16 export runs/train-3
  $ vgg16 export runs/train-3 --dtype f16 --out flowers.safetensors
  $ vgg16 export runs/train-3 --format onnx
  $ vgg16 export runs/train-3/last.safetensors
  $ vgg16 classify photos/ --weights runs/train-3/best-whole.safetensors

A run stands for its best.safetensors. What is written needs no base any more:
classes, preprocessing, picture size and licence of the base are in it. As f32
it answers as the head on its base does; f16 takes half the space.

safetensors  torchvision's names and shapes; the lines of Python that load it in
             PyTorch and prepare a picture are printed
onnx         input "image" (batch,3,H,W): RGB, 0 to 255, as ONNX Runtime or any
             other takes it; output "probabilities" (batch, classes). Preparing
             pixels is in the graph, names of the classes are in its metadata.
             It is read back and compared before it counts as written`;

export function addExport(program: Command, terminal: Terminal, finish: (code: ExitCode) => void): void {
  program
    .command('export')
    .summary('write a trained head and its base as one file')
    .description(
      'Writes a trained head and the base that it stands on as one file, for this program or another.',
    )
    .argument('<head>', "a run's folder, or the file of a head")
    .option(
      '-o, --out <file>',
      'what to write (default: beside the head, NAME-whole with the ending of the format)',
    )
    .addOption(formatOption())
    .addOption(new Option('--dtype <dtype>', 'how to keep numbers').choices(['f32', 'f16']).default('f32'))
    .option('--force', 'replace the file that is there')
    .option(...BASE_OPTION)
    .option(...OFFLINE_OPTION)
    .addHelpText('after', EXAMPLES)
    .action(async (head: string, flags: ExportFlags) => finish(await exportHead(head, flags, terminal)));
}

async function exportHead(head: string, flags: ExportFlags, terminal: Terminal): Promise<ExitCode> {
  const { dtype, force: overwrite } = flags;
  const base = await baseFile(flags, terminal);
  const path = await headPath(head);
  const ending = flags.format ?? 'safetensors';
  const output = flags.out ?? join(dirname(path), `${basename(path, extname(path))}-whole.${ending}`);
  const format = formatOf(output, flags);
  const done = await withBar('export', terminal, (onProgress) =>
    convertWeights(path, output, { base, format, dtype, overwrite, onProgress, signal: terminal.signal }),
  );
  for (const note of done.notes) terminal.note(note);
  terminal.print(summaryText(output, done));
  if (format === 'safetensors') terminal.print(await loadingText(output));
  return EXIT_CODES.ok;
}

/** What PyTorch's users need to know of the file. */
async function loadingText(output: string): Promise<string> {
  const source = await openAsItIs(output);
  await source.close();
  const lines = torchText(describeVgg16(source), output).replace(/^(?=.)/gm, '  ');
  return `\nIn PyTorch:\n\n${lines}\n`;
}

/** The file of the head that is meant. @throws WeightsError where there is none; UsageError for what is no head */
async function headPath(head: string): Promise<string> {
  const source = await openAsItIs(head);
  await source.close();
  if (saysHead(source)) return source.path;
  throw new UsageError(
    `${source.path} has a base of its own; \`vgg16 weights convert\` writes it in another format or dtype`,
  );
}
