// How well a head does, as text on a terminal, and how to use it.

import type { Evaluation } from '../train/metrics.js';
import { alignedRows } from './table.js';
import { type Colours, printable } from './terminal.js';

/** So many classes have a line each; of more, those that do worst. */
const MOST_CLASSES = 30;
const MOST_PAIRS = 5;

/** Accuracy, a line for each class, and what is confused most. @param what  the pictures: "153 pictures of val" */
export function evaluationText(what: string, evaluation: Evaluation, { bold, dim }: Colours): string {
  const { accuracy, top5, loss, classes, perClass, mostConfused } = evaluation;
  const top = classes.length > 5 ? `, top 5 ${percent(top5)}` : '';
  const shown =
    perClass.length <= MOST_CLASSES
      ? perClass
      : [...perClass].sort((a, b) => a.f1 - b.f1).slice(0, MOST_CLASSES);
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
    '',
    dim(`  ${first}`),
    ...table.map((row) => `  ${row}`),
    ...(shown.length < perClass.length
      ? [dim(`  the ${shown.length} of ${perClass.length} classes that do worst`)]
      : []),
    ...(pairs.length > 0 ? ['', `Confusions: ${pairs.join(', ')}`] : []),
  ].join('\n');
}

export function percent(share: number): string {
  return Number.isNaN(share) ? '-' : `${(100 * share).toFixed(1)}%`;
}
