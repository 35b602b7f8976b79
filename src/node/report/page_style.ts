// How the report's page looks: light and dark, wide and narrow, on screen and on paper.

import { FIGURE_STYLE, FONT, inBothThemes } from '../../plot/svg.js';

export const PAGE_STYLE = `${inBothThemes(
  ({ paper, raised, ink, soft, line, main, miss }) =>
    `:root { --paper: ${paper}; --raised: ${raised}; --ink: ${ink}; --soft: ${soft}; --line: ${line}; --main: ${main}; --miss: ${miss} }`,
)}
:root { color-scheme: light dark }
* { box-sizing: border-box; margin: 0 }
body {
  font: 16px/1.55 ${FONT}; color: var(--ink); background: var(--paper);
  max-width: 68rem; margin: 0 auto; padding: clamp(1.25rem, 4vw, 3.5rem) clamp(1rem, 4vw, 2.5rem);
}
.kicker { color: var(--soft); font-size: .85rem; letter-spacing: .08em; text-transform: uppercase }
h1 {
  font-size: clamp(1.6rem, 4vw, 2.4rem); line-height: 1.15; letter-spacing: -.02em; margin-top: .2rem;
  overflow-wrap: anywhere; text-wrap: balance;
}
h2 { font-size: 1.25rem; line-height: 1.25; letter-spacing: -.01em; margin-bottom: .5rem }
section { margin-top: 2.75rem; padding-top: 1.5rem; border-top: 1px solid var(--line) }
.lead { color: var(--soft); max-width: 44rem; margin-bottom: 1.25rem; overflow-wrap: anywhere; text-wrap: pretty }
.headline { display: flex; flex-wrap: wrap; align-items: end; gap: 1rem 3rem; margin-top: 1.75rem }
.score { color: var(--soft); line-height: 1.35 }
.score strong {
  display: block; color: var(--ink); font-size: clamp(3.5rem, 12vw, 5.25rem); font-weight: 650; line-height: 1;
  letter-spacing: -.045em; font-variant-numeric: tabular-nums;
}
.judgement { flex: 1 1 18rem; max-width: 30rem; color: var(--soft); overflow-wrap: anywhere; text-wrap: pretty }
.headline + .note { margin-top: 1.5rem }
.note { max-width: 44rem; margin-top: .4rem; overflow-wrap: anywhere; text-wrap: pretty }
.figures {
  display: grid; grid-template-columns: repeat(auto-fit, minmax(8.5rem, 1fr)); gap: 1rem 1.5rem; margin-top: 2rem;
}
.figures div { border-top: 2px solid var(--ink); padding-top: .4rem }
.figures dt, .facts dt { color: var(--soft); font-size: .85rem }
.figures dd { font-size: 1.35rem; line-height: 1.3; font-variant-numeric: tabular-nums }
figure { min-width: 0 }
.figure { display: block }
.curves { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 24rem), 1fr)); gap: 1rem 2rem }
.curves .figure { width: 100%; height: auto; max-width: 34rem }
.aside { color: var(--soft); align-self: center; max-width: 28rem; text-wrap: pretty }
.confusion { display: flex; flex-wrap: wrap; gap: 2rem 3rem; align-items: flex-start }
.confusion .pairs { flex: 1 1 16rem; max-width: 34rem }
.scroll { max-width: 100%; overflow-x: auto }
table { border-collapse: collapse; width: 100%; font-size: .95rem; font-variant-numeric: tabular-nums }
caption { text-align: left; font-weight: 600; padding-bottom: .4rem }
th, td { text-align: right; padding: .35rem clamp(.35rem, 1.5vw, .75rem); border-bottom: 1px solid var(--line); vertical-align: top }
th:first-child, td:first-child, .pairs :is(th, td):nth-child(2) { text-align: left }
th:first-child, td:first-child { padding-left: 0 }
thead th { color: var(--soft); font-size: .85rem; font-weight: 500; vertical-align: bottom }
tbody th, .pairs td:nth-child(-n+2) { font-weight: 500; overflow-wrap: anywhere; min-width: 5.5rem }
.share {
  min-width: 4.5rem; background: linear-gradient(var(--main), var(--main)) left .5rem bottom 3px / calc((100% - 1rem) * var(--share)) 2px no-repeat;
}
.none { color: var(--soft); text-align: center }
.mistakes {
  list-style: none; padding: 0; display: grid; gap: 1.75rem 1.25rem;
  grid-template-columns: repeat(auto-fill, minmax(min(45%, 9.5rem), 1fr));
}
.mistakes li { font-size: .9rem; line-height: 1.35; overflow-wrap: anywhere; break-inside: avoid }
.picture {
  display: grid; place-items: center; aspect-ratio: 1; margin-bottom: .5rem; overflow: hidden; border-radius: .25rem;
  background: color-mix(in srgb, var(--ink) 5%, var(--paper));
}
.picture img { display: block; width: 100%; height: 100%; object-fit: contain }
.gone { color: var(--soft); padding: 1rem; text-align: center }
.truth { font-weight: 600 }
.taken { color: var(--miss) }
.file { color: var(--soft); font-size: .8rem; margin-top: .15rem }
code { font: .9em/1.5 ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace }
pre {
  padding: .9rem 1.1rem; overflow-x: auto; background: var(--raised); border: 1px solid var(--line);
  border-radius: .35rem;
}
.facts { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 19rem), 1fr)); gap: .75rem 2rem }
pre + .facts { margin-top: 1.25rem }
.facts dd { overflow-wrap: anywhere }
:focus-visible { outline: 2px solid var(--main); outline-offset: 3px }
footer { margin-top: 3rem; padding-top: 1rem; border-top: 1px solid var(--line); color: var(--soft); font-size: .85rem }
@media (max-width: 30rem) {
  table { font-size: .85rem }
  .share { min-width: 3.5rem }
  tbody th, .pairs td:nth-child(-n+2) { min-width: 4rem }
}
@media print {
  :root { --paper: #ffffff; print-color-adjust: exact }
  body { max-width: none; padding: 0; font-size: 10.5pt }
  section { margin-top: 1.5rem; padding-top: 1rem }
  h2, .lead { break-after: avoid }
  figure, tr, .lead { break-inside: avoid }
  .curves { grid-template-columns: 1fr 1fr }
  .confusion .figure { max-width: 100%; height: auto }
  .mistakes { grid-template-columns: repeat(5, 1fr) }
  pre { white-space: pre-wrap; overflow-wrap: anywhere }
}
${FIGURE_STYLE}`;
