// The results as text for a terminal.
import type pc from 'picocolors';
import { CHANCE, CLASSES } from './classes.js';
import { readable } from './drawings.js';
import type { LayerTime } from './model.js';
import { type Judged, type Verdict, VOTERS } from './verdict.js';

export type Colours = ReturnType<typeof pc.createColors>;

/** How many examples are shown of what was right, and as many of what was wrong: one for each class. */
const EXAMPLES = CLASSES.length;

/** How many neighbours an example names. */
const NAMED = 3;

export function accuracyText(verdict: Verdict, colours: Colours): string {
  const { accuracy, plainAccuracy, confusion } = verdict;
  const rows = confusion.map((row, label) => {
    const total = row.reduce((sum, count) => sum + count, 0);
    const right = row[label]!;
    const wrong = row.flatMap((count, predicted) =>
      predicted !== label && count > 0 ? [`${count} for ${CLASSES[predicted]!.name}`] : [],
    );
    const score = `${`${right}/${total}`.padStart(6)}  ${(right / total).toFixed(2)}`;
    const taken = wrong.length > 0 ? colours.dim(`  taken: ${wrong.join(', ')}`) : '';
    return `  ${CLASSES[label]!.name.padEnd(8)} ${score}  ${bar(right / total, 16, colours)}${taken}`;
  });
  const total = `  ${'all'.padEnd(17)}${colours.bold(accuracy.toFixed(2))}  ${bar(accuracy, 16, colours)}`;
  return [
    colours.bold(`Accuracy ${accuracy.toFixed(2)}`) +
      ` (chance ${CHANCE.toFixed(2)}): each drawing by its ${VOTERS} nearest neighbours, leave one out`,
    colours.dim(`  the plainest way, one neighbour and features not centred: ${plainAccuracy.toFixed(2)}`),
    '',
    ...rows,
    total,
  ].join('\n');
}

/** Not the prettiest ones: the first of each class that was right, and the first mistakes. */
export function examplesText({ judged }: Verdict, colours: Colours): string {
  const right = CLASSES.flatMap(
    (_, label) => judged.find((one) => one.right && one.drawing.label === label) ?? [],
  );
  const wrong = judged.filter((one) => !one.right).slice(0, EXAMPLES);
  const shown = [...right, ...wrong];
  const width = Math.max(...shown.map(({ drawing }) => drawing.name.length));
  return ['Nearest neighbours', ...shown.map((one) => `  ${example(one, judged, width, colours)}`)].join(
    '\n',
  );
}

function example(one: Judged, all: readonly Judged[], width: number, colours: Colours): string {
  const mark = one.right ? colours.green('✓') : colours.red('✗');
  const neighbours = one.neighbours
    .slice(0, NAMED)
    .map(
      ({ index, similarity }) =>
        `${readable(all[index]!.drawing.name)} ${colours.dim(similarity.toFixed(2))}`,
    );
  const taken = one.right ? '' : colours.red(`  taken for ${CLASSES[one.predicted]!.one}`);
  return `${mark} ${readable(one.drawing.name).padEnd(width)}  ${neighbours.join(', ')}${taken}`;
}

export function timingsText(layers: readonly LayerTime[], colours: Colours): string {
  const total = layers.reduce((sum, { ms }) => sum + ms, 0);
  const slowest = Math.max(...layers.map(({ ms }) => ms));
  const rows = layers.map(({ layer, shape, ms, gflops }) => {
    const rate = gflops > 0 ? gflops.toFixed(1) : '';
    return `  ${layer.padEnd(12)} ${shape.join('x').padEnd(16)} ${ms.toFixed(2).padStart(9)} ${rate.padStart(9)}  ${bar(ms / slowest, 16, colours)}`;
  });
  return [
    `Time on the adapter, a batch of ${layers[0]?.shape[0] ?? 0}`,
    colours.dim(
      `  ${'layer'.padEnd(12)} ${'output'.padEnd(16)} ${'ms'.padStart(9)} ${'GFLOP/s'.padStart(9)}`,
    ),
    ...rows,
    `  ${'total'.padEnd(29)} ${colours.bold(total.toFixed(2).padStart(9))}`,
  ].join('\n');
}

function bar(share: number, cells: number, colours: Colours): string {
  const full = Math.round(share * cells);
  return colours.green('█'.repeat(full)) + colours.dim('░'.repeat(cells - full));
}
