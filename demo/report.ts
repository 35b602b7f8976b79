// The results as text for a terminal.
import type { Colours } from '../src/cli/terminal.js';
import type { Evaluation, Prediction, Sample } from '../src/index.js';
import { CHANCE, CLASSES } from './classes.js';

const CELLS = 16;

/** How many of the unseen artist's drawings were told apart, class by class, and what the others were taken for. */
export function scoreText(test: Evaluation, artist: string, colours: Colours): string {
  const rows = test.confusion.map((row, label) => {
    const total = row.reduce((sum, count) => sum + count, 0);
    const right = row[label]!;
    const wrong = row.flatMap((count, predicted) =>
      predicted !== label && count > 0 ? [`${count} for ${CLASSES[predicted]!.name}`] : [],
    );
    const score = `${`${right}/${total}`.padStart(6)}  ${(right / total).toFixed(2)}`;
    const taken = wrong.length > 0 ? colours.dim(`  taken: ${wrong.join(', ')}`) : '';
    return `  ${CLASSES[label]!.name.padEnd(8)} ${score}  ${bar(right / total, colours)}${taken}`;
  });
  const { accuracy, count } = test;
  return [
    `${colours.bold(`Accuracy ${accuracy.toFixed(2)}`)} (chance ${CHANCE.toFixed(2)}) on ${count} drawings by ${artist}, none of them seen before`,
    '',
    ...rows,
    `  ${'all'.padEnd(17)}${colours.bold(accuracy.toFixed(2))}  ${bar(accuracy, colours)}`,
  ].join('\n');
}

/** What the head makes of some drawings: the likeliest class, and the next. */
export function examplesText(
  shown: readonly Sample[],
  predictions: readonly (readonly Prediction[])[],
  colours: Colours,
): string {
  const width = Math.max(...shown.map(({ name }) => name.length));
  return shown
    .map(({ name, label }, i) => {
      const [first, second] = predictions[i]!;
      const mark = first!.index === label ? colours.green('✓') : colours.red('✗');
      const next = colours.dim(`${second!.label} ${percent(second!.score)}`);
      return `${mark} ${name.padEnd(width)}  ${first!.label} ${percent(first!.score)}  ${next}`;
    })
    .join('\n');
}

function percent(share: number): string {
  return `${Math.round(100 * share)}%`;
}

function bar(share: number, colours: Colours): string {
  const full = Math.round(share * CELLS);
  return colours.green('█'.repeat(full)) + colours.dim('░'.repeat(CELLS - full));
}
