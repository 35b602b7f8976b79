// The sheet: every drawing with its neighbours, one HTML file that needs nothing else. No script: the filters are CSS.
import { CHANCE, CLASSES } from './classes.js';
import { type ARTISTS, type Drawing, readable } from './drawings.js';
import { SHEET_STYLE } from './sheet_style.js';
import { type Judged, type Verdict, VOTERS } from './verdict.js';

/** Stands in every sheet, HTML and PNG, and tells it from a file that somebody else made. */
export const SHEET_MARK = 'vgg16-webgpu emoji demo';

export interface SheetFacts {
  readonly verdict: Verdict;
  /** What the network saw, as PNG files, in the verdict's order. */
  readonly pngs: readonly Uint8Array[];
  /** Side of those pictures in px. */
  readonly size: number;
  readonly seed: number;
  readonly adapter: string;
  readonly layer: string;
}

/** A whole HTML document. */
export function htmlSheet(facts: SheetFacts): string {
  const { verdict, pngs, size, layer } = facts;
  const { judged } = verdict;
  const perClass = judged.length / CLASSES.length;
  const cards = CLASSES.map(({ name }, label) => {
    const own = judged.flatMap((one, i) => (one.drawing.label === label ? [card(one, i, judged)] : []));
    return `<section class="group ${name}"><h2>${name}</h2><div class="cards">${own.join('\n')}</div></section>`;
  });
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="generator" content="${SHEET_MARK}">
<title>Emoji through the eyes of VGG16</title>
<style>
${SHEET_STYLE}
${pictureRules(judged, pngs)}
</style>
</head>
<body>
<header>
<h1>Emoji through the eyes of VGG16</h1>
<p class="lead">A network that learned from photos in 2014 looks at ${judged.length} drawings. Each is classified by the
${VOTERS} others that look most alike to it.</p>
<div class="summary">
<p class="score"><strong>${percent(verdict.accuracy)}</strong> of the drawings classified rightly<br><small>chance:
${percent(CHANCE)}</small></p>
${confusionTable(verdict)}
<dl>
<dt>adapter</dt><dd>${escapeHtml(facts.adapter)}</dd>
<dt>features</dt><dd>${layer}, averaged, less their mean; ImageNet weights</dd>
<dt>neighbours</dt><dd>by cosine similarity, leave one out; ${VOTERS} vote</dd>
<dt>drawings</dt><dd>${perClass} a class, ${size} × ${size} px, seed ${facts.seed}</dd>
</dl>
</div>
</header>
${filters(judged)}
<main>
${cards.join('\n')}
</main>
${FOOTER}
</body>
</html>
`;
}

function card(
  { drawing, neighbours, predicted, right }: Judged,
  index: number,
  all: readonly Judged[],
): string {
  const taken = right ? '' : `<p class="mistake">taken for ${CLASSES[predicted]!.one}</p>`;
  const others = neighbours.map((neighbour) => {
    const other = all[neighbour.index]!.drawing;
    return `<li class="${other.className}" title="${escapeHtml(caption(other))}">${pictureOf(neighbour.index, other)}<span>${neighbour.similarity.toFixed(2)}</span></li>`;
  });
  return `<article class="card ${right ? 'right' : 'wrong'}">${pictureOf(index, drawing)}
<div><h3>${escapeHtml(readable(drawing.name))}</h3><p class="artist">${ARTIST_NAMES[drawing.artist]}</p>${taken}</div>
<ol>${others.join('')}</ol></article>`;
}

const ARTIST_NAMES = { twemoji: 'Twemoji', noto: 'Noto Emoji' } as const satisfies Record<
  (typeof ARTISTS)[number],
  string
>;

function caption(drawing: Drawing): string {
  return `${readable(drawing.name)} (${drawing.className}, ${ARTIST_NAMES[drawing.artist]})`;
}

function pictureOf(index: number, drawing: Drawing): string {
  return `<i class="picture p${index}" role="img" aria-label="${escapeHtml(readable(drawing.name))}"></i>`;
}

/** Every picture stands in the file once, though it is shown many times: sharp as drawn, and as the network saw it. */
function pictureRules(judged: readonly Judged[], pngs: readonly Uint8Array[]): string {
  return judged
    .map(({ drawing }, i) => {
      const drawn = `url(data:image/svg+xml;base64,${base64(Buffer.from(drawing.svg))})`;
      return `.p${i}{--drawn:${drawn};--seen:url(data:image/png;base64,${base64(pngs[i]!)})}`;
    })
    .join('\n');
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64');
}

function confusionTable({ confusion }: Verdict): string {
  const head = CLASSES.map(({ name }) => `<th scope="col">${name}</th>`).join('');
  const rows = confusion.map((row, label) => {
    const total = row.reduce((sum, count) => sum + count, 0);
    const cells = row.map((count, predicted) => {
      const kind = predicted === label ? 'hit' : count > 0 ? 'miss' : 'none';
      return `<td class="${kind}" style="--share:${(count / total).toFixed(3)}">${count}</td>`;
    });
    return `<tr><th scope="row">${CLASSES[label]!.name}</th>${cells.join('')}</tr>`;
  });
  return `<table><caption>row: drawn, column: taken for</caption>
<thead><tr><td></td>${head}</tr></thead><tbody>${rows.join('')}</tbody></table>`;
}

function filters(judged: readonly Judged[]): string {
  const mistakes = judged.filter(({ right }) => !right).length;
  const classes = CLASSES.map(
    ({ name }) => `<label class="${name}"><input type="radio" name="show" id="show-${name}">${name}</label>`,
  );
  return `<nav aria-label="Which drawings are shown">
<label><input type="radio" name="show" id="show-all" checked>all ${judged.length}</label>
${classes.join('\n')}
<span class="gap"></span>
<label><input type="checkbox" id="only-mistakes">only the ${mistakes} mistakes</label>
<label><input type="checkbox" id="as-seen">as the network sees them</label>
</nav>`;
}

const FOOTER = `<footer>
<p>The coloured line under a neighbour says its class. Similarities are cosines of features less their mean: 1 is the
same direction, 0 is nothing in common. A thing is drawn once, by one of the two artists, who take turns.</p>
<p>Drawings: <a href="https://github.com/jdecked/twemoji">Twemoji</a>, © Twitter, Inc. and other contributors (jdecked),
<a href="https://creativecommons.org/licenses/by/4.0/">CC BY 4.0</a>; and
<a href="https://github.com/googlefonts/noto-emoji">Noto Emoji</a>, © Google LLC,
<a href="https://www.apache.org/licenses/LICENSE-2.0">Apache License 2.0</a>; both from the Iconify packages, rendered on
white. Weights: VGG16 by Karen Simonyan and Andrew Zisserman (University of Oxford),
<a href="https://creativecommons.org/licenses/by/4.0/">CC BY 4.0</a>, stored as f16.</p>
<p>Made by ${SHEET_MARK}.</p>
</footer>`;

function percent(share: number): string {
  return `${Math.round(100 * share)}%`;
}

/** Text that is safe between tags and in a quoted attribute. */
export function escapeHtml(text: string): string {
  const entities: Record<string, string> = {
    '&': '&amp;',
    '<': '&lt;',
    '>': '&gt;',
    '"': '&quot;',
    "'": '&#39;',
  };
  return text.replace(/[&<>"']/g, (character) => entities[character]!);
}
