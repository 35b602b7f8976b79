// vgg16 export: a trained head and its base as one file.

import { basename, dirname, extname, join } from 'node:path';
import { type Command, Option } from 'commander';
import { EXIT_CODES, type ExitCode, UsageError } from '../errors.js';
import { convertWeights } from '../node/weights/convert.js';
import { openAsItIs } from '../node/weights/open.js';
import { saysHead } from '../weights/head_metadata.js';
import { OFFLINE_OPTION } from './fetching.js';
import { withBar } from './progress.js';
import type { Terminal } from './terminal.js';
import { summaryText } from './weights/convert.js';
import { BASE_OPTION, type BaseFlags, baseFile } from './weights_file.js';

interface ExportFlags extends BaseFlags {
  readonly out?: string;
  readonly dtype: 'f32' | 'f16';
  readonly force?: true;
}

const EXAMPLES = `
Examples:
  $ vgg16 export runs/train-3
  $ vgg16 export runs/train-3 --dtype f16 --out flowers.safetensors
  $ vgg16 export runs/train-3/last.safetensors
  $ vgg16 classify photos/ --weights runs/train-3/best-whole.safetensors

A run stands for its best.safetensors. What is written needs no base any more:
classes, preprocessing, picture size and licence of the base are in it. Its
tensors have torchvision's names and shapes, so that PyTorch loads them. As f32
it answers exactly as the head on its base does; f16 takes half the space.`;

export function addExport(program: Command, terminal: Terminal, finish: (code: ExitCode) => void): void {
  program
    .command('export')
    .summary('write a trained head and its base as one file')
    .description('Writes a trained head and the base that it stands on as one safetensors file.')
    .argument('<head>', "a run's folder, or the file of a head")
    .option('-o, --out <file>', 'what to write (default: beside the head, NAME-whole.safetensors)')
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
  const output = flags.out ?? join(dirname(path), `${basename(path, extname(path))}-whole.safetensors`);
  const done = await withBar('export', terminal, (onProgress) =>
    convertWeights(path, output, { base, dtype, overwrite, onProgress, signal: terminal.signal }),
  );
  for (const note of done.notes) terminal.note(note);
  terminal.print(summaryText(output, done));
  return EXIT_CODES.ok;
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
