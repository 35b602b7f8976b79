// The report as one HTML page: no script, nothing from elsewhere, readable on paper and on a phone.

import { escapeText, inlineSvg } from '../../plot/svg.js';
import { counted, duration, percent, short, whole } from '../../text.js';
import type { EpochRow } from '../../train/epoch_row.js';
import type { Evaluation } from '../../train/metrics.js';
import { shellWord } from '../shell_word.js';
import { confusionFigure } from './confusion.js';
import { curveFigures } from './curves.js';
import { PAGE_STYLE } from './page_style.js';
import { classTable, mistakeCards, pairTable } from './sections.js';

export interface ReportPage {
  readonly title: string;
  readonly history: readonly EpochRow[];
  readonly best: number | undefined;
  readonly evaluation: Evaluation;
  readonly test?: Evaluation | undefined;
  /** Of the head, before its base was trained with it. */
  readonly headAlone?: Pick<EpochRow, 'val_accuracy' | 'val_loss'> | undefined;
  /** Why `best` is the best: a clause. */
  readonly choice: string;
  /** What its owner should know of how it went, a clause each. */
  readonly notes: readonly string[];
  /** What makes the same run; undefined without a history. */
  readonly command: string | undefined;
  /** What came before the first epoch: "features of 244 pictures in 20 min". */
  readonly before: string | undefined;
  readonly facts: readonly (readonly [name: string, value: string])[];
  /** The file that the page says how to use. */
  readonly weights: string;
  /** Of `evaluation.worst`, in its order: data URIs, undefined where there is none. */
  readonly thumbnails: readonly (string | undefined)[];
}

/** Lets a browser load nothing, and run nothing, whatever a name may hold. */
const POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:";

/** A whole HTML document. */
export function reportHtml(page: ReportPage): string {
  const { title, evaluation, thumbnails } = page;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="generator" content="vgg16-webgpu">
<title>${escapeText(title)}: ${percent(evaluation.accuracy)}</title>
<style>
${PAGE_STYLE}
</style>
</head>
<body>
${header(page)}
<main>
${page.history.length > 0 ? section('How it learned', learning(page)) : ''}
${section('What is taken for what', confusions(evaluation))}
${section('Every class', classTable(evaluation))}
${section('The worst mistakes', mistakeCards(evaluation, thumbnails))}
${section('Using it', usage(page.weights))}
${page.facts.length > 0 ? section('Settings and circumstances', settings(page)) : ''}
</main>
<footer><p>Made by vgg16-webgpu.</p></footer>
</body>
</html>
`;
}

function header({ title, test, evaluation, history, best, notes, headAlone }: ReportPage): string {
  const { accuracy, count, classes, loss, top5, macroAccuracy, interval, majority } = evaluation;
  const [low, high] = interval;
  const figures: [string, string][] = [
    ['Pictures', whole(count)],
    ['Classes', whole(classes.length)],
    ['Macro accuracy', percent(macroAccuracy)],
  ];
  if (test) {
    const name = `Test accuracy, ${counted(test.count, 'picture')}`;
    figures.unshift([name, percent(test.accuracy)], ['Test cross-entropy', short(test.loss)]);
  }
  if (headAlone) {
    const { val_accuracy, val_loss } = headAlone;
    figures.push(['The head alone', `${percent(val_accuracy)}, loss ${short(val_loss)}`]);
  }
  if (top5 !== undefined) figures.push(['Top-5 accuracy', percent(top5)]);
  // Without what label smoothing and class weights add to the curves' loss.
  figures.push(['Cross-entropy', short(loss)]);
  if (best !== undefined) figures.push(['Best epoch', `${whole(best)} of ${whole(history.length)}`]);
  return `<header>
<p class="kicker">VGG16 report</p>
<h1>${escapeText(title)}</h1>
<div class="headline">
<p class="score"><strong>${percent(accuracy)}</strong> of ${counted(count, 'validation picture')} classified rightly</p>
<p class="judgement">With ${whole(count)} to judge by, the true share lies between ${percent(low)} and
${percent(high)} (95% confidence). Always answering <q>${escapeText(majority.name)}</q> would be right for
${percent(majority.share)}.</p>
</div>
${notes.map((note) => `<p class="note">Note: ${escapeText(note)}.</p>`).join('\n')}
<dl class="figures">${figures.map(([name, value]) => `<div><dt>${name}</dt><dd>${value}</dd></div>`).join('\n')}</dl>
</header>`;
}

function section(heading: string, body: string): string {
  return `<section>\n<h2>${heading}</h2>\n${body}\n</section>`;
}

function learning({ history, best, choice, before }: ReportPage): string {
  const figures = curveFigures(history, best).map(inlineSvg);
  const seconds = history.reduce((total, row) => total + row.seconds, 0);
  const pace = history.map((row) => row.images_per_s).reduce((most, value) => Math.max(most, value), 0);
  const marked = history.find(({ epoch }) => epoch === best);
  const bestText = marked
    ? ` The best was epoch ${marked.epoch}${Number.isFinite(marked.val_loss) ? `, with a validation loss of ${short(marked.val_loss)}` : ''}:
${escapeText(choice)}. This page is about its weights.`
    : '';
  return `<div class="curves">
${figures.map((svg) => `<figure>${svg}</figure>`).join('\n')}
<p class="aside">${before === undefined ? '' : `${escapeText(before)}; `}${counted(history.length, 'epoch')} in ${duration(seconds)}, at most ${short(pace)} pictures a second.${bestText}</p>
</div>`;
}

function confusions(evaluation: Evaluation): string {
  return `<p class="lead">A row is a class, a column what its pictures were taken for; the stronger a cell's colour, the larger its
share of the row. Mistakes are orange.</p>
<div class="confusion">
<figure class="scroll" tabindex="0" role="region" aria-label="Confusion matrix">${inlineSvg(confusionFigure(evaluation))}</figure>
${pairTable(evaluation)}
</div>`;
}

function usage(weights: string): string {
  const path = escapeText(shellWord(weights));
  return `<p class="lead">The file of the weights holds the names of the classes, and how pictures are prepared.</p>
<pre tabindex="0"><code>vgg16 classify --weights ${path} photo.jpg
vgg16 eval more-photos/ --weights ${path}</code></pre>`;
}

function settings({ command, facts }: ReportPage): string {
  const again =
    command === undefined
      ? ''
      : `<p class="lead">The same run again:</p>
<pre tabindex="0"><code>${escapeText(command)}</code></pre>
`;
  return again + factList(facts);
}

function factList(facts: ReportPage['facts']): string {
  const rows = facts.map(
    ([name, value]) => `<div><dt>${escapeText(name)}</dt><dd>${escapeText(value)}</dd></div>`,
  );
  return `<dl class="facts">${rows.join('\n')}</dl>`;
}
