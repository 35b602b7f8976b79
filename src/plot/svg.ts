// The colours and type of plots and page, on light and on dark. Blue and orange stay apart for every kind of eye.

export interface Theme {
  readonly paper: string;
  readonly raised: string;
  readonly ink: string;
  readonly soft: string;
  readonly line: string;
  /** What is right, and what the eye shall follow. */
  readonly main: string;
  /** What is wrong. */
  readonly miss: string;
}

/** Everything but `line` is written with, at a contrast of at least 4.5 : 1 to `paper` and `raised`. */
export const LIGHT: Theme = {
  paper: '#faf9f6',
  raised: '#ffffff',
  ink: '#1c1b19',
  soft: '#67645c',
  line: '#e2dfd6',
  main: '#1a5fb4',
  miss: '#b8450c',
};

export const DARK: Theme = {
  paper: '#17181b',
  raised: '#202125',
  ink: '#efede8',
  soft: '#a5a29b',
  line: '#36373c',
  main: '#6ea8f0',
  miss: '#f08a4b',
};

export const FONT = 'system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "DejaVu Sans", sans-serif';

/** Rules in both colourings; paper is light. */
export function inBothThemes(rules: (theme: Theme) => string): string {
  return `${rules(LIGHT)}\n@media screen and (prefers-color-scheme: dark) {\n${rules(DARK)}\n}`;
}

// Names of files and classes may be anything; here they become text that means nothing to HTML, SVG or a reader's eye.

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/**
 * Text that is safe between tags and in a quoted attribute, in HTML and in XML. Characters that XML forbids, that break
 * a line, or that turn the reading direction become U+FFFD.
 */
export function escapeText(text: string): string {
  return text
    .replace(/[\p{Cc}\p{Cs}\u2028\u2029\u202a-\u202e\u2066-\u2069\ufffe\uffff]/gu, '\ufffd')
    .replace(/[&<>"']/g, (character) => ENTITIES[character]!);
}

/** At most `longest` characters as a reader counts them; what is cut off shows as an ellipsis. */
export function shortened(text: string, longest: number): string {
  // Of a name of a million characters only the beginning is taken apart.
  const characters = Array.from(GRAPHEMES.segment(text.slice(0, 20 * longest)), ({ segment }) => segment);
  if (characters.length <= longest && text.length <= 20 * longest) return text;
  return `${characters
    .slice(0, longest - 1)
    .join('')
    .trimEnd()}…`;
}

const GRAPHEMES = new Intl.Segmenter('en');

// A plot as an SVG: a file of its own, or a part of a page. No custom properties, for many viewers know none.

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
