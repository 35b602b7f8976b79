// vgg16 features: what a layer makes of pictures, as one array in a file.

import { type Command, Option } from 'commander';
import type { ExitCode } from '../errors.js';
import { LAYERS, layerNamed, widthsOf } from '../model/architecture.js';
import { checkRequest } from '../model/requests.js';
import { count } from './arguments.js';
import { shapeText, writeFeatures } from './feature_file.js';
import { addFramingOptions, type FramingFlags, framingOf } from './framing_options.js';
import { addWeightsOption, describeWeights, type ModelFlags } from './model_options.js';
import { Pictures } from './pictures.js';
import { printable, type Terminal } from './terminal.js';
import { byteText } from './units.js';

interface FeaturesFlags extends ModelFlags, FramingFlags {
  readonly until: string;
  readonly out: string;
  readonly pool?: 'avg';
  readonly batch: number;
}

const EXAMPLES = `
Layers:
${layerLines()}

Examples:
  $ vgg16 features photos/ --until block4_pool --pool avg --out f.npy > names.txt
  $ vgg16 features a.jpg b.jpg --until block5_pool --size 448 --out f.npy
  $ vgg16 features tiles/*.png --until block1_conv2 --resize none --crop none --out f.npy
  $ vgg16 features photos/ --until fc2 --weights vgg16.safetensors --out f.npy

The array is f32, as NumPy reads it: (pictures, H, W, C), or (pictures, C) with
--pool avg, or (pictures, D) from fc1 on. The pictures' names go to stdout, one
a line, in the order of its rows.`;

export function addFeatures(program: Command, terminal: Terminal, finish: (code: ExitCode) => void): void {
  const command = program
    .command('features')
    .summary('write what a layer makes of pictures, for NumPy')
    .description('Writes what a layer makes of pictures as one array in a .npy file.')
    .argument('<pictures...>', 'files, folders and globs')
    .requiredOption('--until <layer>', 'the layer, one of those below')
    .requiredOption('--out <file>', 'the .npy file to write')
    .addOption(new Option('--pool <how>', 'average over height and width').choices(['avg']))
    .option('--batch <n>', 'pictures in a forward pass, at most', count, 8);
  addFramingOptions(addWeightsOption(command))
    .addHelpText('after', EXAMPLES)
    .action(async (names: string[]) => finish(await features(names, command.optsWithGlobals(), terminal)));
}

async function features(
  names: readonly string[],
  flags: FeaturesFlags,
  terminal: Terminal,
): Promise<ExitCode> {
  const until = layerNamed(flags.until);
  const widths = widthsOf(await describeWeights(flags.weights));
  const framing = framingOf(flags, widths);
  checkRequest(widths, until, framing);
  const pictures = await Pictures.find(names, terminal);
  const { pool, batch } = flags;
  const rows = pictures.ask(
    flags,
    (model, options) => model.featuresEach(pictures.files, until, { ...options, framing, pool, batch }),
    'features',
  );
  const { shape, files } = await writeFeatures(flags.out, rows, pictures.files.length);
  terminal.print(files.map(printable).join('\n'));
  const bytes = shape.reduce((product, side) => product * side, 4);
  terminal.stderr.write(`${printable(flags.out)}: ${shapeText(shape)} f32, ${byteText(bytes)}\n`);
  return pictures.exitCode;
}

/** The layers' names, a block a line. */
function layerLines(): string {
  const blocks = new Map<string, string[]>();
  for (const { name } of LAYERS) {
    const block = /^block\d/.exec(name)?.[0] ?? 'top';
    blocks.set(block, [...(blocks.get(block) ?? []), name]);
  }
  return [...blocks.values()].map((names) => `  ${names.join(' ')}`).join('\n');
}
