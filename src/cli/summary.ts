// vgg16 summary: layers, shapes, parameters, arithmetic, memory. Needs no GPU.

import type { Command } from 'commander';
import { type Activation, featureSideOf } from '../architecture.js';
import { EXIT_CODES, type ExitCode } from '../errors.js';
import { type Costs, costsOf } from '../model/summary.js';
import { inputSideOf, layersOf, type Widths, widthsOf } from '../network/layers.js';
import { byteText, flopText, whole } from '../text.js';
import type { Preprocess } from '../weights/archive.js';
import type { Dtype } from '../weights/source.js';
import { torchvisionTensors } from '../weights/torchvision.js';
import { describeVgg16 } from '../weights/vgg16.js';
import { type Sides, sides } from './arguments.js';
import { addWeightsOption } from './model_options.js';
import { alignedRows } from './table.js';
import { printable, type Terminal } from './terminal.js';
import { activationOption, baseFile, type WeightsFlags, weightsFile, withWeights } from './weights_file.js';

interface SummaryFlags extends WeightsFlags {
  readonly weights?: string;
  readonly size?: Sides;
  readonly json?: true;
}

/** What `--json` prints. */
interface Summary extends Costs {
  readonly weights: {
    readonly file: string;
    /** Of the tensors as they are stored. */
    readonly bytes: number;
    readonly dtypes: readonly Dtype[];
    readonly preprocess: Preprocess;
    /** 0 without a classifier. */
    readonly classes: number;
    /** What makes probabilities of the classifier's outputs. */
    readonly activation: Activation;
    /** The file of the convolutions, where it is another one: below a trained head. */
    readonly base?: string;
  };
  /** (H,W,C) */
  readonly input: readonly number[];
}

const EXAMPLES = `
Examples:
  $ vgg16 summary
  $ vgg16 summary --weights model.h5
  $ vgg16 summary --size 480x640 --json

For one picture. FLOPs count a multiplication and an addition as two; weights
and activations are 32-bit floats, as they lie on the GPU.`;

export function addSummary(program: Command, terminal: Terminal, finish: (code: ExitCode) => void): void {
  const command = program
    .command('summary')
    .summary('list layers, shapes, parameters, FLOPs and bytes')
    .description('Lists the layers of a VGG16: shapes, parameters, arithmetic and memory. Needs no GPU.');
  addWeightsOption(command)
    .addOption(activationOption())
    .option('--size <px|HxW>', "size of the picture (default: the classifier's, or 224)", sides)
    .option('--json', 'print JSON and nothing else on stdout')
    .addHelpText('after', EXAMPLES)
    .action(async () => finish(await summary(command.opts(), terminal)));
}

async function summary(flags: SummaryFlags, terminal: Terminal): Promise<ExitCode> {
  const facts = await summarise(flags, terminal);
  if (flags.json) terminal.print(JSON.stringify(facts, undefined, 2));
  else printTable(facts, flags.weights ?? 'the embedded ImageNet base', terminal);
  return EXIT_CODES.ok;
}

async function summarise(flags: SummaryFlags, terminal: Terminal): Promise<Summary> {
  const { weights: name, size, preprocess, activation } = flags;
  const { path } = await weightsFile(name, flags, terminal);
  const base = await baseFile(flags, terminal);
  const { weights, below, notes } = await withWeights(
    path,
    (source) => ({ weights: describeVgg16(source), below: source.base, notes: source.notes }),
    { base, preprocess, activation },
  );
  for (const note of notes) terminal.note(note);
  const widths = widthsOf(weights);
  const side = inputSideOf(widths);
  const usual = widths.size ?? side ?? 224;
  const [height, width] = size ?? [usual, usual];
  const fitsHead = side === undefined || [height, width].every((length) => fits(length, widths));
  const last = layersOf(widths).at(-1)!.name;
  if (!fitsHead) {
    terminal.note(`fc1 to ${last} take pictures of ${side} x ${side} pixels only and are left out`);
  }
  const stored = torchvisionTensors(weights).map(({ entry }) => entry);
  return {
    weights: {
      file: weights.source.path,
      bytes: stored.reduce((sum, { byteLength }) => sum + byteLength, 0),
      dtypes: [...new Set(stored.map(({ dtype }) => dtype))],
      preprocess: weights.preprocess,
      classes: weights.dense.at(-1)?.outputs ?? 0,
      activation: weights.activation,
      ...(below && { base: below.path }),
    },
    input: [height, width, 3],
    ...costsOf(widths, height, width, fitsHead ? last : widths.features),
  };
}

/** Whether a picture with such a side has the feature map that the classifier takes. */
function fits(side: number, { features, featureSide }: Widths): boolean {
  return featureSideOf(side, features) === featureSide;
}

function printTable({ weights, input, layers, total }: Summary, name: string, terminal: Terminal): void {
  const { bold, dim } = terminal.colours;
  const kind = weights.activation === 'sigmoid' ? 'independent classes' : 'classes';
  const classes = weights.classes > 0 ? `${whole(weights.classes)} ${kind}` : 'no classifier';
  const below = weights.base === undefined ? '' : ` on ${printable(weights.base)}`;
  terminal.print(
    `${bold('VGG16')} from ${bold(printable(name))}${below}: ${weights.dtypes.join(' and ')}, ${byteText(weights.bytes)}, ` +
      `${classes}, ${weights.preprocess} preprocessing\n`,
  );
  const right = { align: 'right' } as const;
  const rows = alignedRows(
    [
      ['layer', 'output', 'parameters', 'FLOPs', 'weights', 'activations'],
      ['input', input.join(' x '), '', '', '', ''],
      ...layers.map(({ layer, shape, parameters, flops, weightBytes, activationBytes }) => [
        layer,
        shape.join(' x '),
        parameters > 0 ? whole(parameters) : '',
        flopText(flops),
        weightBytes > 0 ? byteText(weightBytes) : '',
        byteText(activationBytes),
      ]),
      [
        'total',
        '',
        whole(total.parameters),
        flopText(total.flops),
        byteText(total.weightBytes),
        byteText(total.activationBytes),
      ],
    ],
    [{}, right, right, right, right, right],
  ).map((row) => row.trimEnd());
  terminal.print([dim(rows[0]!), ...rows.slice(1, -1), bold(rows.at(-1)!)].join('\n'));
}
