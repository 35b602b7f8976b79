// Where a command speaks: results on stdout, everything else on stderr.

import type pc from 'picocolors';
import { coloursFor, type ProgressStream } from './progress.js';

export type Colours = ReturnType<typeof pc.createColors>;

export class Terminal {
  readonly #stdout: ProgressStream;

  constructor(
    stdout: ProgressStream,
    readonly stderr: ProgressStream,
    /** Aborted when the user has had enough, or nobody reads the results any more. */
    readonly signal: AbortSignal,
  ) {
    this.#stdout = stdout;
  }

  /** Colours for results. */
  get colours(): Colours {
    return coloursFor(this.#stdout);
  }

  /** Whether results appear before a person's eyes as they come. */
  get isWatched(): boolean {
    return this.#stdout.isTTY === true;
  }

  /** Prints a result. */
  print(text: string): void {
    this.#stdout.write(`${text}\n`);
  }

  /** A message that stops nothing. */
  note(text: string): void {
    this.#say(coloursFor(this.stderr).yellow('note:'), text);
  }

  /** Something that was left out, and why. */
  skipped(text: string): void {
    this.#say(coloursFor(this.stderr).red('skipped:'), text);
  }

  /** What went wrong. */
  error(text: string): void {
    this.#say(coloursFor(this.stderr).red('error:'), text);
  }

  #say(what: string, text: string): void {
    // A progress bar may stand on the line; it draws itself again.
    const clear = this.stderr.isTTY ? '\r\x1b[K' : '';
    this.stderr.write(`${clear}${what} ${printable(text)}\n`);
  }
}

/**
 * On one line, and unable to steer a terminal or to turn the reading direction: names of files may contain anything.
 * What is replaced is written as JSON writes it.
 */
export function printable(text: string): string {
  return text.replace(
    /[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu,
    (c) => ESCAPES[c] ?? `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

const ESCAPES: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };
