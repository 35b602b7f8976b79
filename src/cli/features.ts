// vgg16 features: what a layer makes of pictures, as one array in a file.

import { type Command, Option } from 'commander';
import { BASE_LAYERS } from '../architecture.js';
import type { ExitCode } from '../errors.js';
import { checkRequest } from '../model/requests.js';
import { layerNamed, widthsOf } from '../network/layers.js';
import { featuresReusing } from '../node/features/reuse.js';
import { byteText } from '../text.js';
import type { OpenedWeights } from '../weights/opened.js';
import { describeVgg16 } from '../weights/vgg16.js';
import { addCacheOption, BATCH_OPTION, type CacheFlags, reuseOf } from './cache_options.js';
import { shapeText, writeFeatures } from './feature_file.js';
import { addFramingOptions, type FramingFlags, framingOf } from './framing_options.js';
import { addDtypeOption, addWeightsOption, type ModelFlags } from './model_options.js';
import { Pictures } from './pictures.js';
import { printable, type Terminal } from './terminal.js';
import { baseFile, weightsFile, withWeights } from './weights_file.js';

interface FeaturesFlags extends ModelFlags, FramingFlags, CacheFlags {
  readonly until: string;
  readonly out: string;
  readonly pool?: 'avg';
  readonly batch?: number;
}

const EXAMPLES = `
Layers:
${layerLines()}

Examples:
  $ vgg16 features photos/ --until block4_pool --pool avg --out f.npy > names
  $ vgg16 features a.jpg b.jpg --until block5_pool --size 448 --out f.npy
  $ vgg16 features tiles/*.png --until block1_conv2 --resize none --crop none \\
      --out f.npy
  $ vgg16 features photos/ --until fc2 --weights vgg16.safetensors --out f.npy

The array is f32, as NumPy reads it: (pictures, H, W, C), or (pictures, C) with
--pool avg, or (pictures, D) in the head. The pictures' names go to stdout, one
a line, in the order of its rows.

With --pool avg, what \`vgg16 train\` computed of the same pictures with the same
base, layer and --size comes from the cache, and what is new is added to it:
2 kB for each picture.`;

export function addFeatures(program: Command, terminal: Terminal, finish: (code: ExitCode) => void): void {
  const command = program
    .command('features')
    .summary('write what a layer makes of pictures, for NumPy')
    .description('Writes what a layer makes of pictures as one array in a .npy file.')
    .argument('<pictures...>', 'files, folders and globs')
    .requiredOption('--until <layer>', 'the layer, one of those below')
    .requiredOption('--out <file>', 'the .npy file to write')
    .addOption(new Option('--pool <how>', 'average over height and width').choices(['avg']))
    .option(...BATCH_OPTION);
  addCacheOption(addFramingOptions(addDtypeOption(addWeightsOption(command))))
    .addHelpText('after', EXAMPLES)
    .action(async (names: string[]) => finish(await features(names, command.optsWithGlobals(), terminal)));
}

async function features(
  names: readonly string[],
  flags: FeaturesFlags,
  terminal: Terminal,
): Promise<ExitCode> {
  const { path } = await weightsFile(flags.weights, flags, terminal);
  const base = await baseFile(flags, terminal);
  const { preprocess } = flags;
  return withWeights(path, (opened) => writeFeaturesOf(opened, names, flags, terminal), { base, preprocess });
}

async function writeFeaturesOf(
  opened: OpenedWeights,
  names: readonly string[],
  flags: FeaturesFlags,
  terminal: Terminal,
): Promise<ExitCode> {
  const widths = widthsOf(describeVgg16(opened));
  const until = layerNamed(flags.until, widths);
  const framing = framingOf(flags, widths);
  checkRequest(widths, until, framing);
  const pictures = await Pictures.find(names, terminal);
  const { pool, batch } = flags;
  const rows = pictures.ask(
    { ...flags, weights: opened },
    (model, options) =>
      featuresReusing(
        model,
        pictures.files,
        until,
        { ...options, framing, pool, batch },
        reuseOf(flags, terminal),
      ),
    { label: 'features' },
  );
  const { shape, files } = await writeFeatures(flags.out, rows, pictures.files.length);
  terminal.print(files.map(printable).join('\n'));
  const bytes = shape.reduce((product, side) => product * side, 4);
  terminal.stderr.write(`${printable(flags.out)}: ${shapeText(shape)} f32, ${byteText(bytes)}\n`);
  return pictures.exitCode;
}

/** The base's layers by name, a block a line; of the head, what the paper's has and others may have. */
function layerLines(): string {
  const blocks = new Map<string, string[]>();
  for (const { name } of BASE_LAYERS) {
    const block = name.slice(0, 'block1'.length);
    blocks.set(block, [...(blocks.get(block) ?? []), name]);
  }
  const names = [...blocks.values(), ['fc1 fc2 fc3 softmax']].map((line) => `  ${line.join(' ')}`);
  return [...names, '  avgpool where the head averages, fc1 to fcN as many as it has'].join('\n');
}
