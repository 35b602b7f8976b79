// The tables of a report: what every class came to, and which classes are confused most.

import { escapeText } from '../../plot/escape.js';
import type { ClassScores, Evaluation } from '../../train/metrics.js';
import { percent, whole } from './numbers.js';

/** Pairs that are listed. */
const MOST_PAIRS = 10;

/** The hardest class first, for that is where more pictures help; classes without pictures last. */
export function classTable({ perClass }: Evaluation): string {
  const measured = perClass.filter(({ count }) => count > 0).sort((a, b) => a.f1 - b.f1);
  const absent = perClass.filter(({ count }) => count === 0);
  return `<p class="lead">The hardest first. Precision: of the pictures taken for the class, how many are of it. Recall: of
its pictures, how many were taken for it. F1: the harmonic mean of both.</p>
<div class="scroll" tabindex="0" role="region" aria-label="Scores of every class">
<table>
<thead><tr><th scope="col">Class</th><th scope="col">Pictures</th><th scope="col">Precision</th><th scope="col">Recall</th>\
<th scope="col">F1</th></tr></thead>
<tbody>
${[...measured, ...absent].map(classRow).join('\n')}
</tbody>
</table>
</div>`;
}

function classRow({ name, count, precision, recall, f1 }: ClassScores): string {
  const scores =
    count === 0
      ? '<td class="none" colspan="3">not measured</td>'
      : [precision, recall, f1].map(scoreCell).join('');
  return `<tr><th scope="row">${escapeText(name)}</th><td>${whole(count)}</td>${scores}</tr>`;
}

function scoreCell(share: number): string {
  return `<td class="share" style="--share:${share.toFixed(3)}">${percent(share)}</td>`;
}

/** The most confused pairs; a sentence where nothing was confused. */
export function pairTable({ classes, perClass, mostConfused }: Evaluation): string {
  if (mostConfused.length === 0) return '<p class="lead">Nothing was taken for anything else.</p>';
  const rows = mostConfused.slice(0, MOST_PAIRS).map(({ truth, predicted, count }) => {
    const share = percent(count / perClass[truth]!.count);
    return `<tr><td>${escapeText(classes[truth]!)}</td><td>${escapeText(classes[predicted]!)}</td>\
<td>${whole(count)}</td><td>${share}</td></tr>`;
  });
  return `<table class="pairs">
<caption>Most confused</caption>
<thead><tr><th scope="col">Truth</th><th scope="col">Taken for</th><th scope="col">Pictures</th>\
<th scope="col">Of its class</th></tr></thead>
<tbody>
${rows.join('\n')}
</tbody>
</table>`;
}
