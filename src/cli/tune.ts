// vgg16 tune: which kernels are the fastest on this adapter, layer by layer.

import type { Command } from 'commander';
import { featureSideOf } from '../architecture.js';
import { EXIT_CODES, type ExitCode, UsageError } from '../errors.js';
import type { TensorDtype } from '../gpu/tensor.js';
import { choicesKeyOf, recordOf } from '../network/choices.js';
import { inputSideOf, layersOf, PAPER_WIDTHS, type Widths, widthsOf } from '../network/layers.js';
import { choicesPath, readChoices, removeChoices } from '../node/choices_file.js';
import { isWithoutWeights } from '../node/embedded.js';
import { Gpu } from '../node/gpu.js';
import { type TunedNetwork, tuneNetwork } from '../node/tune_network.js';
import { describeVgg16 } from '../weights/vgg16.js';
import { counts, type Sides, sides } from './arguments.js';
import { addDtypeOption, addWeightsOption, type ModelFlags, noteSoftware } from './model_options.js';
import { createProgress } from './progress.js';
import { heedingInterrupts } from './stopping.js';
import { printable, type Terminal } from './terminal.js';
import { choicesTable, choiceText, tunedFacts, tunedTables } from './tune_text.js';
import { baseFile, weightsFile, withWeights } from './weights_file.js';

interface TuneFlags extends ModelFlags {
  readonly dtype: TensorDtype;
  readonly size?: Sides;
  readonly batch?: readonly number[];
  readonly list?: true;
  readonly reset?: true;
  readonly json?: true;
}

/** Batches that are tuned for; where a CPU computes, eight pictures are hardly other work than one, eight times. */
const BATCHES = { hardware: [1, 8], software: [1] };

const EXAMPLES = `
Examples:
  $ vgg16 tune
  $ vgg16 tune --weights vgg16.safetensors --size 224 --batch 1,32
  $ vgg16 tune --list
  $ vgg16 tune --reset

Times several kernels for each layer on this adapter, checks each against
float64 on the CPU, and keeps which is the fastest. From then on whatever loads
a VGG16 takes these, for the same adapter, driver, version and --dtype; layers
of another shape, or of a batch over four times as large or small, are computed
as before. Other kernels round in other ways: results differ by some 1e-6; with
--dtype f16, a card's units for matrices round activations too: by some 1e-3.

Tuning again, for another size or batch, adds to what is known. Ctrl-C keeps
what is done. VGG16_TUNED=0 in the environment leaves all choices aside.

--json prints {"file", "adapter", "batches": [{"batch", "layers", "totals"}],
"leftOut"}; with --list, what the file holds. The exit code is 6 where no kernel
computes a layer rightly.`;

export function addTune(program: Command, terminal: Terminal, finish: (code: ExitCode) => void): void {
  const command = program
    .command('tune')
    .summary('choose the fastest kernels for this adapter')
    .description('Chooses the fastest kernels for this adapter, layer by layer, for all later commands.');
  addDtypeOption(addWeightsOption(command))
    .option('--size <px|HxW>', "size of the pictures (default: the classifier's, or 224)", sides)
    .option('--batch <counts>', 'pictures in a pass, as in 1,8 (default: 1,8; without a GPU: 1)', counts)
    .option('--list', 'only show what was chosen for this adapter and --dtype')
    .option('--reset', 'forget what was chosen for this adapter and --dtype')
    .option('--json', 'print JSON and nothing else on stdout')
    .addHelpText('after', EXAMPLES)
    .action(async () => finish(await run(command.optsWithGlobals(), terminal)));
}

async function run(flags: TuneFlags, terminal: Terminal): Promise<ExitCode> {
  if (flags.list && flags.reset) throw new UsageError('--list and --reset: one of them');
  // What is known is looked at whatever the weights are.
  const widths = flags.list || flags.reset ? undefined : await widthsOfWeights(flags, terminal);
  using gpu = await Gpu.open({ adapter: flags.adapter });
  if (widths === undefined)
    return flags.list ? await list(gpu, flags, terminal) : await reset(gpu, flags, terminal);
  noteSoftware(gpu.info, terminal);
  return await heedingInterrupts(terminal, () => choose(gpu, widths, flags, terminal));
}

/** Only sizes count: a bundle without weights takes the paper's. */
async function widthsOfWeights(flags: TuneFlags, terminal: Terminal): Promise<Widths> {
  if (flags.weights === undefined && isWithoutWeights()) return PAPER_WIDTHS;
  const { path } = await weightsFile(flags.weights, flags, terminal);
  const base = await baseFile(flags, terminal);
  return widthsOf(await withWeights(path, describeVgg16, { base, preprocess: flags.preprocess }));
}

async function list(gpu: Gpu, { dtype, json }: TuneFlags, terminal: Terminal): Promise<ExitCode> {
  const key = choicesKeyOf(gpu, dtype);
  const file = choicesPath(key);
  const { choices, fault } = await readChoices(gpu, dtype);
  if (fault !== undefined) terminal.note(fault);
  if (json) terminal.print(JSON.stringify({ file, ...recordOf(key, choices) }, undefined, 2));
  else if (choices.isEmpty)
    terminal.print(`Nothing was chosen for ${printable(key.driver)}, ${dtype} weights.`);
  else terminal.print(`${choicesTable(choices, terminal.colours)}\n\nKept in ${printable(file)}`);
  return EXIT_CODES.ok;
}

async function reset(gpu: Gpu, { dtype, json }: TuneFlags, terminal: Terminal): Promise<ExitCode> {
  const key = choicesKeyOf(gpu, dtype);
  const file = choicesPath(key);
  const removed = await removeChoices(file);
  if (json) terminal.print(JSON.stringify({ file, removed }, undefined, 2));
  else if (removed) terminal.print(`Removed ${printable(file)}`);
  else terminal.note(`nothing was chosen for ${key.driver}, ${dtype} weights`);
  return EXIT_CODES.ok;
}

async function choose(gpu: Gpu, widths: Widths, flags: TuneFlags, terminal: Terminal): Promise<ExitCode> {
  const { dtype, json } = flags;
  const { signal } = terminal;
  const { height, width, until } = whatToTune(widths, flags, terminal);
  const batches = flags.batch ?? BATCHES[gpu.info.isSoftware ? 'software' : 'hardware'];
  const bar = createProgress({ label: 'tuning', total: 0, unit: 'kernels', stream: terminal.stderr });
  let tuned: TunedNetwork;
  try {
    tuned = await tuneNetwork(gpu, widths, {
      ...{ dtype, height, width, until, batches, signal },
      onProgress: (done, total) => bar.update(done, total),
      onTuned: ({ layers, outcome }) => {
        for (const { choice, kind, why } of outcome.leftOut)
          terminal.skipped(`${layers[0]}: ${kind}: ${choiceText(choice)}: ${why}`);
      },
    });
    bar.done();
  } finally {
    bar.stop();
  }
  if (json) terminal.print(JSON.stringify(tunedFacts(gpu, dtype, tuned), undefined, 2));
  else terminal.print(`${tunedTables(tuned, terminal.colours)}\n\nKept in ${printable(tuned.path)}`);
  const hopeless = tuned.shapes.find(({ outcome }) => outcome.winner === undefined);
  if (!hopeless) return EXIT_CODES.ok;
  terminal.error(`${hopeless.layers[0]}: no kernel computes it rightly; \`vgg16 doctor\` tells more`);
  return EXIT_CODES.gpu;
}

/** The whole network; but of pictures that its classifier does not take, only the layers below that. */
function whatToTune(widths: Widths, { size }: TuneFlags, terminal: Terminal) {
  const side = inputSideOf(widths);
  const usual = widths.size ?? side ?? 224;
  const [height, width] = size ?? [usual, usual];
  const { features, featureSide } = widths;
  const fits =
    side === undefined || [height, width].every((px) => featureSideOf(px, features) === featureSide);
  if (!fits) {
    terminal.note(`fc1 to softmax take pictures of ${side} x ${side} pixels only and are left out`);
  }
  return { height, width, until: fits ? layersOf(widths).at(-1)!.name : features };
}
