// vgg16 weights diff: whether two files hold the same network.

import { type Command, InvalidArgumentError } from 'commander';
import { EXIT_CODES, type ExitCode } from '../../errors.js';
import {
  diffWeights,
  isSameNetwork,
  isSameTensor,
  type TensorDifference,
  type WeightsDiff,
} from '../../weights/diff.js';
import { BYTES_PER_ELEMENT, type Dtype } from '../../weights/source.js';
import { formatShape, listNames } from '../../weights/text.js';
import { describeVgg16 } from '../../weights/vgg16.js';
import { OFFLINE_OPTION } from '../fetching.js';
import { withBar } from '../progress.js';
import { alignedRows } from '../table.js';
import { printable, type Terminal } from '../terminal.js';
import { weightsFile, withWeights } from '../weights_file.js';

interface DiffFlags {
  readonly tolerance: number;
  readonly json?: true;
  readonly offline?: true;
}

const EXAMPLES = `
Examples:
  $ vgg16 weights diff embedded keras-notop
  $ vgg16 weights diff model.h5 model.safetensors
  $ vgg16 weights diff before.pth after.pth --tolerance 1e-6 --json

Tensors are compared in torchvision's names and layout, whatever the files'
formats. "rounded" says that all numbers are the same, bit for bit, once they
are rounded to the narrower of the two formats. NMSE is sum (a-b)^2 / sum a^2.
In JSON, null stands for a difference that is infinite or not a number.
Exit code 9 where the networks differ.`;

export function addDiff(weights: Command, terminal: Terminal, finish: (code: ExitCode) => void): void {
  weights
    .command('diff')
    .summary('compare two files tensor by tensor, whatever their formats')
    .description('Compares two VGG16s tensor by tensor, whatever their formats.')
    .argument('<a>', 'a file of weights, or a NAME')
    .argument('<b>', 'another')
    .option('--tolerance <x>', 'the largest |a-b| that is still the same', tolerance, 0)
    .option('--json', 'print JSON and nothing else on stdout')
    .option(...OFFLINE_OPTION)
    .addHelpText('after', EXAMPLES)
    .action(async (a: string, b: string, flags: DiffFlags) => finish(await diff(a, b, flags, terminal)));
}

function tolerance(text: string): number {
  const value = Number(text);
  if (text.trim() !== '' && value >= 0 && Number.isFinite(value)) return value;
  throw new InvalidArgumentError('It must be a number of at least 0.');
}

async function diff(
  nameA: string,
  nameB: string,
  { tolerance, json, offline }: DiffFlags,
  terminal: Terminal,
): Promise<ExitCode> {
  const { signal } = terminal;
  const { path: pathA } = await weightsFile(nameA, { offline }, terminal);
  const { path: pathB } = await weightsFile(nameB, { offline }, terminal);
  const found = await withWeights(pathA, (a) =>
    withWeights(pathB, (b) =>
      withBar('diff', terminal, (onProgress) =>
        diffWeights(describeVgg16(a), describeVgg16(b), { onProgress, signal }),
      ),
    ),
  );
  const isSame = isSameNetwork(found, tolerance);
  if (json)
    terminal.print(JSON.stringify({ a: pathA, b: pathB, same: isSame, tolerance, ...found }, undefined, 2));
  else terminal.print(reportText(pathA, pathB, found, tolerance, terminal));
  return isSame ? EXIT_CODES.ok : EXIT_CODES.differ;
}

function reportText(
  pathA: string,
  pathB: string,
  found: WeightsDiff,
  tolerance: number,
  { colours: { bold, dim, green, red } }: Terminal,
): string {
  const right = { align: 'right' } as const;
  const [heading, ...rows] = alignedRows(
    [
      ['tensor', 'shape', 'a', 'b', 'equal', 'max |a-b|', 'NMSE'],
      ...found.tensors.map(rowOf),
      ...found.shapes.map(rowOfShapes),
    ],
    [{}, {}, {}, {}, {}, right, right],
  );
  const isSame = isSameNetwork(found, tolerance);
  return [
    `a  ${bold(printable(pathA))}`,
    `b  ${bold(printable(pathB))}`,
    '',
    dim(heading!),
    ...rows,
    '',
    isSame
      ? green(sameText(found.tensors))
      : red(`the networks differ: ${faultsOf(found, tolerance).join('; ')}`),
  ].join('\n');
}

function rowOf({ name, shape, dtypes: [a, b], equal, maxAbs, nmse }: TensorDifference): string[] {
  return [name, formatShape(shape), a, b, equal, shortNumber(maxAbs), shortNumber(nmse)];
}

function rowOfShapes({ name, a, b, dtypes }: WeightsDiff['shapes'][number]): string[] {
  return [name, `${formatShape(a)}, ${formatShape(b)}`, ...dtypes, 'no', '-', '-'];
}

function shortNumber(value: number): string {
  return value === 0 ? '0' : value.toExponential(1);
}

function sameText(tensors: readonly TensorDifference[]): string {
  const has = (what: TensorDifference['equal']) => tensors.some(({ equal }) => equal === what);
  if (has('no')) return `the same network: all ${tensors.length} tensors are equal within the tolerance`;
  const when = has('rounded') ? ` once rounded to ${narrowest(tensors)}` : '';
  return `the same network: all ${tensors.length} tensors are equal, bit for bit${when}`;
}

function narrowest(tensors: readonly TensorDifference[]): Dtype {
  const dtypes = tensors.flatMap((tensor) => tensor.dtypes);
  return dtypes.reduce((a, b) => (BYTES_PER_ELEMENT[b] < BYTES_PER_ELEMENT[a] ? b : a));
}

function faultsOf(
  { tensors, onlyA, onlyB, shapes, preprocess: [a, b] }: WeightsDiff,
  tolerance: number,
): string[] {
  const unequal = tensors.filter((tensor) => !isSameTensor(tensor, tolerance)).length + shapes.length;
  return [
    ...(unequal > 0 ? [`${unequal} of ${tensors.length + shapes.length} tensors`] : []),
    ...(shapes.length > 0 ? [`shapes differ: ${shapesText(shapes)}`] : []),
    ...(onlyA.length > 0 ? [`only a has ${listNames(onlyA)}`] : []),
    ...(onlyB.length > 0 ? [`only b has ${listNames(onlyB)}`] : []),
    ...(a === b ? [] : [`a expects ${a} preprocessing, b ${b}`]),
  ];
}

const MOST_SHAPES = 3;

function shapesText(shapes: WeightsDiff['shapes']): string {
  const shown = shapes
    .slice(0, MOST_SHAPES)
    .map(({ name, a, b }) => `${name} ${formatShape(a)} and ${formatShape(b)}`);
  const more = shapes.length - shown.length;
  return more > 0 ? `${shown.join(', ')}, ${more} more` : shown.join(', ');
}
