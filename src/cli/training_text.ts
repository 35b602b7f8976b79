// How well a head does, as text on a terminal, and how to use it.

import type { ClassScores, Evaluation } from '../train/metrics.js';
import { alignedRows } from './table.js';
import { type Colours, printable } from './terminal.js';

/** So many classes have a line each; of more, those that do worst. */
const MOST_CLASSES = 30;
const MOST_PAIRS = 5;

/**
 * Accuracy with what to hold against it, a line for each class, the hardest first, and what is confused most.
 *
 * @param what  the pictures: "153 pictures of val"
 */
export function evaluationText(what: string, evaluation: Evaluation, { bold, dim }: Colours): string {
  const { accuracy, interval, majority, top5, loss, classes, perClass, mostConfused } = evaluation;
  const top = top5 === undefined ? '' : `, top 5 ${percent(top5)}`;
  const [low, high] = interval.map(percent);
  const shown = [...perClass].sort(byHardness).slice(0, MOST_CLASSES);
  const rows = shown.map(({ name, count, precision, recall, f1 }) => [
    printable(name),
    String(count),
    // Of a class without pictures nothing is known.
    ...[precision, recall, f1].map((share) => (count === 0 ? '-' : percent(share))),
  ]);
  const right = { align: 'right' } as const;
  const heading = ['class', 'pictures', 'precision', 'recall', 'F1'];
  const [first, ...table] = alignedRows([heading, ...rows], [{}, right, right, right, right]);
  const pairs = mostConfused
    .slice(0, MOST_PAIRS)
    .map(
      ({ truth, predicted, count }) =>
        `${printable(classes[truth]!)} taken for ${printable(classes[predicted]!)} (${count})`,
    );
  return [
    `${bold(`Accuracy ${percent(accuracy)}`)}${top}, loss ${loss.toFixed(4)} on ${what}`,
    `95% interval ${low} to ${high}; always answering ${printable(majority.name)} would be right for ${percent(majority.share)}`,
    '',
    dim(`  ${first}`),
    ...table.map((row) => `  ${row}`),
    ...(shown.length < perClass.length
      ? [dim(`  the ${shown.length} of ${perClass.length} classes that do worst`)]
      : []),
    ...(pairs.length > 0 ? ['', `Confusions: ${pairs.join(', ')}`] : []),
  ].join('\n');
}

/** The lowest F1 first, for that is where more pictures help; classes without pictures last. Equals as one counts. */
function byHardness(a: ClassScores, b: ClassScores): number {
  const isMeasured = Number(b.count > 0) - Number(a.count > 0);
  return isMeasured || a.f1 - b.f1 || a.name.localeCompare(b.name, 'en', { numeric: true });
}

export function percent(share: number): string {
  return Number.isNaN(share) ? '-' : `${(100 * share).toFixed(1)}%`;
}
