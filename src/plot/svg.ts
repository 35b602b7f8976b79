// A plot as an SVG: a file of its own, or a part of a page. No custom properties, for many viewers know none.

import { escapeText } from './escape.js';
import { FONT, inBothThemes, LIGHT } from './theme.js';

export interface Figure {
  /** In px at its natural size. */
  readonly width: number;
  readonly height: number;
  /** What it is, and what it says, for those who do not see it. Plain text. */
  readonly title: string;
  readonly description: string;
  /** SVG elements. */
  readonly body: string;
}

/** The rules that the plots are drawn with. A page that holds plots has them once. */
export const FIGURE_STYLE = `.figure text { font: 12px ${FONT}; font-variant-numeric: tabular-nums }
.figure .heading { font-size: 14px; font-weight: 600 }
.figure .label, .figure .strong { font-weight: 600 }
.figure .end { text-anchor: end }
.figure .middle { text-anchor: middle }
.figure .curve { fill: none; stroke-width: 2; stroke-linejoin: round; stroke-linecap: round }
.figure .side { stroke-width: 1.5 }
.figure .axis, .figure .grid, .figure .mark { fill: none; stroke-width: 1; shape-rendering: crispEdges }
.figure .mark { stroke-dasharray: 3 3 }
${inBothThemes(
  ({ paper, raised, ink, soft, line, main, miss }) => `.figure .paper { fill: ${paper} }
.figure text { fill: ${soft} }
.figure .heading { fill: ${ink} }
.figure .label.main { fill: ${main} }
.figure .grid { stroke: ${line} }
.figure .axis, .figure .mark { stroke: ${soft} }
.figure .curve.main { stroke: ${main} }
.figure .curve.side { stroke: ${soft} }
.figure .dot.main, .figure .hit { fill: ${main} }
.figure .dot.side { fill: ${soft} }
.figure .miss { fill: ${miss} }
.figure .empty { fill: ${raised}; stroke: ${line} }
.figure .ring { fill: ${paper}; stroke: ${main}; stroke-width: 2 }
.figure text.ink { fill: ${ink} }
.figure text.mid { fill: ${LIGHT.ink} }
.figure text.on { fill: ${paper} }`,
)}`;

/** A figure as a part of an HTML page that has FIGURE_STYLE. */
export function inlineSvg(figure: Figure): string {
  return element(figure, figure.body);
}

/** A figure as a file. */
export function standaloneSvg(figure: Figure): string {
  const ground = `<style>\n${FIGURE_STYLE}\n</style>\n<rect class="paper" width="100%" height="100%"/>`;
  return `<?xml version="1.0" encoding="UTF-8"?>\n${element(figure, `${ground}\n${figure.body}`)}\n`;
}

function element({ width, height, title, description }: Figure, body: string): string {
  const box = `width="${width}" height="${height}" viewBox="0 0 ${width} ${height}"`;
  return `<svg xmlns="http://www.w3.org/2000/svg" class="figure" ${box} role="img">
<title>${escapeText(title)}</title>
<desc>${escapeText(description)}</desc>
${body}
</svg>`;
}

export interface LabelLook {
  /** In px, where it is not the style's. */
  readonly size?: number;
  /** Degrees clockwise around the anchor. */
  readonly turned?: number;
  /** What hovering says. */
  readonly hint?: string;
}

/** Text with its anchor at x, y, in one or more of FIGURE_STYLE's classes. `text` is escaped here. */
export function label(x: number, y: number, text: string, className = '', look: LabelLook = {}): string {
  const { size, turned, hint } = look;
  const attributes = [
    turned ? `transform="translate(${px(x)} ${px(y)}) rotate(${turned})"` : `x="${px(x)}" y="${px(y)}"`,
    ...(className ? [`class="${className}"`] : []),
    ...(size ? [`style="font-size:${px(size)}px"`] : []),
  ];
  const title = hint ? `<title>${escapeText(hint)}</title>` : '';
  return `<text ${attributes.join(' ')}>${title}${escapeText(text)}</text>`;
}

/** A coordinate, to a tenth of a px. */
export function px(value: number): string {
  return String(Math.round(10 * value) / 10);
}
