// The worst mistakes of a report, with their pictures: mislabelled ones are found here first.

import { escapeText } from '../../plot/escape.js';
import type { Evaluation, Mistake } from '../../train/metrics.js';
import { percent } from './numbers.js';

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
