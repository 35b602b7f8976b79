// vgg16 summary: layers, shapes, parameters, arithmetic, memory. Needs no GPU.

import type { Command } from 'commander';
import { EXIT_CODES, type ExitCode } from '../errors.js';
import { layersOf, widthsOf } from '../model/architecture.js';
import { inputSideOf } from '../model/requests.js';
import { type Costs, costsOf } from '../model/summary.js';
import type { Preprocess } from '../weights/archive.js';
import type { Dtype } from '../weights/source.js';
import { type Sides, sides } from './arguments.js';
import { addWeightsOption, describeWeights } from './model_options.js';
import { alignedRows } from './table.js';
import { printable, type Terminal } from './terminal.js';
import { byteText, flopText, grouped } from './units.js';
import { weightsFile } from './weights_file.js';

interface SummaryFlags {
  readonly weights?: string;
  readonly offline?: true;
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
  const { weights: name, size } = flags;
  const { path } = await weightsFile(name, flags, terminal);
  const weights = await describeWeights(path);
  const widths = widthsOf(weights);
  const side = inputSideOf(widths);
  const [height, width] = size ?? [side ?? 224, side ?? 224];
  const fitsHead = side === undefined || (height === side && width === side);
  if (!fitsHead) {
    terminal.note(`fc1 to softmax take pictures of ${side} x ${side} pixels only and are left out`);
  }
  const last = layersOf(widths).at(-1)!.name;
  const stored = [...weights.source.tensors.values()];
  return {
    weights: {
      file: weights.source.path,
      bytes: stored.reduce((sum, { byteLength }) => sum + byteLength, 0),
      dtypes: [...new Set(stored.map(({ dtype }) => dtype))],
      preprocess: weights.preprocess,
      classes: weights.dense.at(-1)?.outputs ?? 0,
    },
    input: [height, width, 3],
    ...costsOf(widths, height, width, fitsHead ? last : 'block5_pool'),
  };
}

function printTable({ weights, input, layers, total }: Summary, name: string, terminal: Terminal): void {
  const { bold, dim } = terminal.colours;
  const classes = weights.classes > 0 ? `${grouped(weights.classes)} classes` : 'no classifier';
  terminal.print(
    `${bold('VGG16')} from ${bold(printable(name))}: ${weights.dtypes.join(' and ')}, ${byteText(weights.bytes)}, ` +
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
        parameters > 0 ? grouped(parameters) : '',
        flopText(flops),
        weightBytes > 0 ? byteText(weightBytes) : '',
        byteText(activationBytes),
      ]),
      [
        'total',
        '',
        grouped(total.parameters),
        flopText(total.flops),
        byteText(total.weightBytes),
        byteText(total.activationBytes),
      ],
    ],
    [{}, right, right, right, right, right],
  ).map((row) => row.trimEnd());
  terminal.print([dim(rows[0]!), ...rows.slice(1, -1), bold(rows.at(-1)!)].join('\n'));
}
