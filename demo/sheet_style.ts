// How the sheet looks: light and dark, wide and narrow.
import { CLASSES, type ClassName } from './classes.js';

/** One colour a class, readable on light and on dark. The PNG uses the same. */
export const CLASS_COLOURS: Readonly<Record<ClassName, string>> = {
  animals: '#d97706',
  food: '#db2777',
  faces: '#7c3aed',
  places: '#0891b2',
};

export const MISTAKE_COLOUR = '#dc2626';

const classRules = CLASSES.map(
  ({ name }) => `
.${name} { --class: ${CLASS_COLOURS[name]} }
body:has(#show-${name}:checked) .group:not(.${name}) { display: none }`,
).join('');

export const SHEET_STYLE = `
:root {
  color-scheme: light dark;
  --page: #f6f5f2; --card: #ffffff; --ink: #1c1b19; --soft: #6b6860; --line: #e3e0d8; --bad: ${MISTAKE_COLOUR};
  --bad-soft: #fdecec; --good: #15803d;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #16161a; --card: #212127; --ink: #f0eee9; --soft: #a3a09a; --line: #34343c; --bad: #f87171;
    --bad-soft: #3a2226; --good: #4ade80;
  }
}
* { box-sizing: border-box; margin: 0 }
body {
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; color: var(--ink); background: var(--page);
  max-width: 1360px; margin: 0 auto; padding: clamp(1rem, 3vw, 2.5rem);
}
h1 { font-size: clamp(1.6rem, 4vw, 2.5rem); line-height: 1.15; letter-spacing: -.02em; text-wrap: balance }
h2 {
  font-size: 1.15rem; margin: 2rem 0 .75rem; padding-left: .6rem; border-left: .3rem solid var(--class);
  line-height: 1.2; text-transform: capitalize;
}
h3 { font-size: .95rem; line-height: 1.25; overflow-wrap: anywhere }
h3::first-letter { text-transform: uppercase }
a { color: inherit }
.lead { color: var(--soft); font-size: 1.1rem; max-width: 42rem; margin-top: .6rem; text-wrap: pretty }
.summary { display: flex; flex-wrap: wrap; gap: 1.5rem 3rem; align-items: center; margin: 1.75rem 0 }
.score { color: var(--soft); line-height: 1.35 }
.score strong { display: block; color: var(--ink); font-size: 4rem; line-height: 1; letter-spacing: -.04em }
table { border-collapse: separate; border-spacing: 3px; font-size: .85rem; font-variant-numeric: tabular-nums }
caption { caption-side: bottom; color: var(--soft); font-size: .75rem; padding-top: .2rem }
th { font-weight: 500; color: var(--soft); text-align: right; padding: 0 .4rem }
thead th { text-align: center }
td { text-align: center; min-width: 3.4rem; height: 1.9rem; border-radius: .35rem }
td.hit { background: color-mix(in srgb, var(--good) calc(var(--share) * 55%), var(--card)) }
td.miss { background: color-mix(in srgb, var(--bad) calc(15% + var(--share) * 60%), var(--card)) }
td.none { background: var(--card); color: var(--soft) }
dl { display: grid; grid-template-columns: auto 1fr; gap: .15rem 1rem; font-size: .9rem; flex: 1 1 20rem }
dt { color: var(--soft) }
dd { overflow-wrap: anywhere }
nav {
  position: sticky; top: 0; z-index: 1; display: flex; flex-wrap: wrap; gap: .4rem; padding: .6rem 0;
  background: color-mix(in srgb, var(--page) 92%, transparent); backdrop-filter: blur(6px);
}
nav label {
  display: inline-flex; align-items: center; gap: .4rem; padding: .25rem .8rem; border-radius: 2rem; cursor: pointer;
  border: 1px solid var(--line); background: var(--card); font-size: .9rem; user-select: none;
}
nav label:has(:checked) { border-color: var(--class, var(--ink)); box-shadow: inset 0 0 0 1px var(--class, var(--ink)) }
nav label:has(:focus-visible) { outline: 2px solid var(--class, var(--ink)); outline-offset: 2px }
nav input[type="radio"] { position: absolute; opacity: 0; pointer-events: none }
nav input[type="checkbox"] { accent-color: var(--ink) }
.gap { flex: 1 }
.cards { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 19.5rem), 1fr)); gap: .75rem }
.card {
  display: grid; grid-template-columns: 4.5rem 1fr; gap: .6rem .8rem; align-items: center; padding: .8rem;
  background: var(--card); border: 1px solid var(--line); border-radius: .9rem;
}
.card.wrong { border-color: var(--bad); background: linear-gradient(var(--bad-soft), var(--card) 60%) }
.artist { color: var(--soft); font-size: .8rem }
.mistake { color: var(--bad); font-size: .85rem; font-weight: 600 }
.mistake::before { content: "✗ " }
.picture {
  display: block; aspect-ratio: 1; border-radius: .5rem; background: #fff var(--drawn) center / 84% no-repeat;
  border: 1px solid var(--line);
}
ol { grid-column: 1 / -1; list-style: none; padding: 0; display: grid; grid-template-columns: repeat(5, 1fr); gap: .4rem }
li { text-align: center; font-size: .75rem; color: var(--soft); font-variant-numeric: tabular-nums }
li .picture { border-bottom: 3px solid var(--class) }
footer { margin-top: 3rem; color: var(--soft); font-size: .85rem; display: grid; gap: .6rem; max-width: 60rem }
body:has(#only-mistakes:checked) .card.right { display: none }
body:has(#only-mistakes:checked) .group:not(:has(.wrong)) { display: none }
body:has(#as-seen:checked) .picture { background-image: var(--seen); background-size: 84%; image-rendering: pixelated }
${classRules}
@media (max-width: 34rem) { .gap { flex-basis: 100% } dl { font-size: .85rem } td { min-width: 2.9rem } }
@media print { nav { display: none } .card { break-inside: avoid } }
`;
