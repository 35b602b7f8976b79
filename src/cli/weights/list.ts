// vgg16 weights list: weights that are known by name, and which of them are here.

import type { Command } from 'commander';
import { EXIT_CODES, type ExitCode } from '../../errors.js';
import { EMBEDDED } from '../../node/embedded.js';
import { type CacheEntry, type CacheState, listCached } from '../../node/fetch/weights_cache.js';
import { alignedRows } from '../table.js';
import { printable, type Terminal } from '../terminal.js';
import { byteText } from '../units.js';

const EXAMPLES = `
Examples:
  $ vgg16 weights list
  $ vgg16 weights list | grep here

The names are good wherever a command takes a file of weights, and are fetched
on first use.`;

export function addList(weights: Command, terminal: Terminal, finish: (code: ExitCode) => void): void {
  weights
    .command('list')
    .summary('list weights that are known by name, and which are here')
    .description('Lists the weights that are known by name, and which of them are here.')
    .addHelpText('after', EXAMPLES)
    .action(async () => finish(await list(terminal)));
}

const STATES: Readonly<Record<CacheState, string>> = {
  absent: 'not fetched',
  part: 'fetched in part',
  unverified: 'here, not verified yet',
  verified: 'here',
};

async function list(terminal: Terminal): Promise<ExitCode> {
  const { bold, dim } = terminal.colours;
  const rows = [
    ['name', 'size', 'classes', 'preprocess', 'licence', 'state'],
    [EMBEDDED, '29.4 MB', 'none', 'caffe', 'CC BY 4.0', 'in the package'],
    ...(await listCached()).map(rowOf),
  ];
  const [heading, ...lines] = alignedRows(rows, [
    { style: bold },
    { align: 'right' },
    { align: 'right' },
    {},
    {},
    {},
  ]);
  terminal.print([dim(heading!), ...lines].join('\n'));
  return EXIT_CODES.ok;
}

function rowOf({ source, state, size, path }: CacheEntry): string[] {
  const { name, megabytes, top, preprocess, licence } = source;
  const isHere = state === 'verified' || state === 'unverified';
  const place = isHere ? `: ${printable(path)}` : state === 'part' ? `: ${byteText(size)}` : '';
  const bytes = isHere ? size : megabytes * 1e6;
  return [name, byteText(bytes), top ? '1000' : 'none', preprocess, licence, `${STATES[state]}${place}`];
}
