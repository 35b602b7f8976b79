// Sections of a report's page: what every class came to, which classes are confused most, and the worst mistakes with
// their pictures, where mislabelled ones are found first.

import { escapeText } from '../../plot/svg.js';
import { percent, whole } from '../../text.js';
import type { ClassScores, Evaluation, Mistake } from '../../train/metrics.js';

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

/** @param thumbnails of the mistakes, in their order: data URIs, undefined where a picture cannot be read any more */
export function mistakeCards(
  { classes, worst }: Evaluation,
  thumbnails: readonly (string | undefined)[],
): string {
  if (worst.length === 0) {
    return '<p class="lead">Not one validation picture was taken for another class.</p>';
  }
  const folder = commonFolder(worst.map(({ name }) => name));
  const where = folder && ` Their files are in <code>${escapeText(folder)}</code>.`;
  const cards = worst.map((mistake, i) => card(mistake, classes, thumbnails[i], folder));
  return `<p class="lead">The pictures whose own class was given the lowest probability. Some may be labelled
wrongly.${where}</p>
<ol class="mistakes">
${cards.join('\n')}
</ol>`;
}

function card(
  { name, label, predicted, probability }: Mistake,
  classes: readonly string[],
  thumbnail: string | undefined,
  folder: string,
): string {
  const [truth, taken] = [escapeText(classes[label]!), escapeText(classes[predicted]!)];
  const picture = thumbnail
    ? `<img src="${thumbnail}" alt="${truth}, taken for ${taken}" loading="lazy">`
    : '<span class="gone">cannot be read any more</span>';
  return `<li><span class="picture">${picture}</span>
<p class="truth">${truth}</p>
<p class="taken">taken for ${taken}, ${percent(probability)}</p>
<p class="file">${escapeText(name.slice(folder.length))}</p></li>`;
}

/** The folder that all lie in, with its last separator; empty where there is none. */
export function commonFolder(names: readonly string[]): string {
  const [first = '', ...others] = names;
  let end = first.length;
  for (const name of others) {
    while (!name.startsWith(first.slice(0, end))) end--;
  }
  return /^.*[/\\]/s.exec(first.slice(0, end))?.[0] ?? '';
}
