// vgg16 runs: what was trained, how well it does, and in what runs differ.

import { basename } from 'node:path';
import type { Command } from 'commander';
import { EXIT_CODES, type ExitCode } from '../errors.js';
import type { RunArguments } from '../node/runs/args.js';
import { listRuns, type Run, readRun } from '../node/runs/list.js';
import { flagOf } from '../train/checks.js';
import { alignedRows } from './table.js';
import { printable, type Terminal } from './terminal.js';
import { percent } from './training_text.js';

interface RunsFlags {
  readonly dir: string;
  readonly json?: true;
}

const EXAMPLES = `
Examples:
  $ vgg16 runs
  $ vgg16 runs --dir experiments
  $ vgg16 runs runs/train-1 runs/train-4

Without a run all of them are listed; with some of them, only these, and in what
they differ. Accuracy and loss are of the best epoch's validation.

A run is running while a process trains it, diverged where its loss is not
finite any more, and unfinished where it was interrupted: \`vgg16 train --resume\`
goes on with it.

--json prints [{"folder", "changed", "epochs", "state", "finished", "best",
"arguments"}].`;

export function addRuns(program: Command, terminal: Terminal, finish: (code: ExitCode) => void): void {
  program
    .command('runs')
    .summary('list trained runs, or compare some')
    .description('Lists trained runs, or compares some of them.')
    .argument('[runs...]', "runs' folders")
    .option('--dir <folder>', 'where runs are looked for', 'runs')
    .option('--json', 'print JSON and nothing else on stdout')
    .addHelpText('after', EXAMPLES)
    .action(async (folders: string[], flags: RunsFlags) => finish(await runs(folders, flags, terminal)));
}

async function runs(
  folders: readonly string[],
  { dir, json }: RunsFlags,
  terminal: Terminal,
): Promise<ExitCode> {
  const found =
    folders.length > 0
      ? await Promise.all(folders.map(readRun))
      : await listRuns(dir, ({ message }) => terminal.skipped(message));
  if (json) {
    terminal.print(JSON.stringify(found.map(plain), undefined, 2));
    return EXIT_CODES.ok;
  }
  if (found.length === 0) terminal.print(`${printable(dir)} has no run yet; \`vgg16 train\` makes one`);
  else terminal.print(tableOf(found, terminal).join('\n'));
  if (folders.length > 1) terminal.print(differences(found, terminal));
  return EXIT_CODES.ok;
}

function plain({ folder, args, history, best, state, changed }: Run) {
  return {
    folder,
    changed: changed.toISOString(),
    epochs: history.length,
    state,
    finished: state === 'finished',
    best: best ?? null,
    arguments: args,
  };
}

function tableOf(found: readonly Run[], { colours }: Terminal): string[] {
  const rows = found.map(({ folder, args, history, best, state, changed }) => {
    const { head, features, pool, size, epochs } = args.options;
    return [
      printable(folder),
      printable(basename(args.data)),
      head,
      `${features}, ${pool}, ${size} px`,
      `${history.length}/${epochs}`,
      best ? percent(best.val_accuracy) : '-',
      best ? best.val_loss.toFixed(4) : '-',
      localTime(changed),
      state === 'finished' ? '' : state,
    ];
  });
  const heading = ['run', 'pictures', 'head', 'reads', 'epochs', 'accuracy', 'loss', 'last written', ''];
  const right = { align: 'right' } as const;
  const lines = alignedRows([heading, ...rows], [{}, {}, {}, {}, right, right, right, {}, {}]);
  return lines.map((line, i) => (i === 0 ? colours.dim(line.trimEnd()) : line.trimEnd()));
}

/** "2026-03-01 09:30", as clocks here show it. */
function localTime(date: Date): string {
  return date.toLocaleString('sv').slice(0, 'YYYY-MM-DD hh:mm'.length);
}

/** What is not the same in all of them, of all that they were asked for. */
function differences(found: readonly Run[], { colours }: Terminal): string {
  const asked = found.map(({ args }) => askedFor(args));
  const names = [...new Set(asked.flatMap((one) => [...one.keys()]))];
  const rows = names
    .map((name) => [name, ...asked.map((one) => one.get(name) ?? '-')])
    .filter(([, first, ...others]) => others.some((other) => other !== first));
  if (rows.length === 0) return '\nThey were asked for the same.';
  const heading = ['differs in', ...found.map(({ folder }) => folder)];
  const lines = alignedRows(
    [heading, ...rows].map((row) => row.map(printable)),
    heading.map(() => ({})),
  );
  return `\n${lines.map((line, i) => (i === 0 ? colours.dim(line) : line)).join('\n')}`;
}

/** By the names that the command has for it. */
function askedFor({ data, weights, base, dtype, initFrom, lr, options }: RunArguments): Map<string, string> {
  const said = (value: unknown) => (Array.isArray(value) ? value.join(',') || 'none' : String(value));
  return new Map([
    ['pictures', data],
    ['--weights', weights],
    ['--base', base ?? 'none'],
    ['--dtype', dtype],
    ['--init-from', initFrom ?? 'none'],
    ...Object.entries(options).map(([option, value]): [string, string] => [flagOf(option), said(value)]),
    ...(lr === undefined ? [] : [['--lr auto found', lr.toPrecision(3)] as [string, string]]),
  ]);
}
