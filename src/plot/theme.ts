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
