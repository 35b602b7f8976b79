// vgg16 weights: the files that weights live in.

import { existsSync } from 'node:fs';
import { dirname } from 'node:path';
import { Argument, type Command } from 'commander';
import { EXIT_CODES, type ExitCode } from '../../errors.js';
import { isPackaged, PACKAGED, packagedPath } from '../../node/embedded.js';
import { fetchWeights } from '../../node/fetch/fetch.js';
import { SOURCE_NAMES } from '../../node/fetch/manifest.js';
import {
  type CacheEntry,
  type CacheState,
  cachedPath,
  listCached,
  removeCached,
} from '../../node/fetch/weights_cache.js';
import { byteText } from '../../text.js';
import { checkedText, type FetchFlags, fetchWithBar, OFFLINE_OPTION } from '../fetching.js';
import { alignedRows } from '../table.js';
import { printable, type Terminal } from '../terminal.js';
import { addConvert } from './convert.js';
import { addDiff } from './diff.js';
import { addInspect } from './inspect.js';
import { addVerify } from './verify.js';

const EXAMPLES = `
Examples:
  $ vgg16 weights fetch
  $ vgg16 weights convert model.h5
  $ vgg16 weights diff embedded keras-notop
  $ vgg16 weights convert --help

NAME is one of those that \`vgg16 weights list\` shows. Wherever a command takes a
file of weights, a name will do; a file of that name comes first.`;

export function addWeights(program: Command, terminal: Terminal, finish: (code: ExitCode) => void): void {
  const weights = program
    .command('weights')
    .summary('fetch, convert, compare and check weights')
    .description('Fetches, converts, compares and checks files of weights.')
    .helpCommand(false)
    .addHelpText('after', EXAMPLES);
  const commands = [addFetch, addConvert, addList, addPath, addInspect, addDiff, addVerify, addRemove];
  for (const add of commands) add(weights, terminal, finish);
}

// vgg16 weights fetch: known weights into the cache.

const FETCH_EXAMPLES = `
Examples:
  $ vgg16 weights fetch
  $ vgg16 weights fetch keras-notop
  $ vgg16 weights fetch timm --url https://mirror.example/vgg16.safetensors
  $ vgg16 weights fetch keras --offline

Prints the file's path. What was fetched before is found in the cache; what was
broken off goes on where it ended. A file gets its name when its size and its
hash are right, and, where no publisher states a hash, it is a VGG16 with the
classes that it should have.

Environment:
  VGG16_WEIGHTS_URL        a folder on the web that holds the files: a mirror
  HTTPS_PROXY, HTTP_PROXY  and NO_PROXY: a proxy, and for which hosts none`;

export function addFetch(weights: Command, terminal: Terminal, finish: (code: ExitCode) => void): void {
  weights
    .command('fetch')
    .summary('download weights that are known by name into the cache')
    .description('Downloads weights that are known by name into the cache, and verifies them.')
    .addArgument(
      new Argument('[name]', 'which; torchvision where absent').choices(SOURCE_NAMES).default('torchvision'),
    )
    .option('--url <url>', 'download the file from this address instead')
    .option(...OFFLINE_OPTION)
    .addHelpText('after', FETCH_EXAMPLES)
    .action(async (name: string, flags: FetchFlags) => finish(await fetch(name, flags, terminal)));
}

async function fetch(name: string, flags: FetchFlags, terminal: Terminal): Promise<ExitCode> {
  const { path, checked, fetched } = await fetchWithBar(flags, terminal, (options) =>
    fetchWeights(name, options),
  );
  if (fetched) terminal.note(`verified: ${checkedText(checked)}`);
  else if (flags.url !== undefined) {
    terminal.note(`found in the cache, nothing was downloaded (\`vgg16 weights rm ${name}\` removes it)`);
  }
  terminal.print(path);
  return EXIT_CODES.ok;
}

// vgg16 weights list: weights that are known by name, and which of them are here.

const LIST_EXAMPLES = `
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
    .addHelpText('after', LIST_EXAMPLES)
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
    ...Object.entries(PACKAGED).map(([name, { row }]) => [name, ...row, 'in the package']),
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

// vgg16 weights path: where weights are, for scripts.

const PATH_EXAMPLES = `
Examples:
  $ vgg16 weights path
  $ vgg16 weights path torchvision

Where a file is, or would be: to put it there by hand, give it this name. It is
verified before it is first used.`;

export function addPath(weights: Command, terminal: Terminal, finish: (code: ExitCode) => void): void {
  weights
    .command('path')
    .summary('print where weights are, or would be')
    .description("Prints where weights are, or would be; the cache's folder where none are named.")
    .addArgument(new Argument('[name]', 'which').choices([...Object.keys(PACKAGED), ...SOURCE_NAMES]))
    .addHelpText('after', PATH_EXAMPLES)
    .action((name: string | undefined) => finish(path(name, terminal)));
}

function path(name: string | undefined, terminal: Terminal): ExitCode {
  if (name === undefined) {
    terminal.print(dirname(cachedPath(SOURCE_NAMES[0])));
    return EXIT_CODES.ok;
  }
  const file = isPackaged(name) ? packagedPath(name) : cachedPath(name as (typeof SOURCE_NAMES)[number]);
  if (!existsSync(file)) terminal.note(`it is not there; \`vgg16 weights fetch ${name}\` fetches it`);
  terminal.print(file);
  return EXIT_CODES.ok;
}

// vgg16 weights rm: known weights out of the cache.

const REMOVE_EXAMPLES = `
Examples:
  $ vgg16 weights rm timm
  $ vgg16 weights rm keras-notop

Prints what was removed: the file, or what there was of it.`;

export function addRemove(weights: Command, terminal: Terminal, finish: (code: ExitCode) => void): void {
  weights
    .command('rm')
    .summary('remove weights from the cache')
    .description('Removes weights from the cache.')
    .addArgument(new Argument('<name>', 'which').choices(SOURCE_NAMES))
    .addHelpText('after', REMOVE_EXAMPLES)
    .action(async (name: string) => finish(await remove(name, terminal)));
}

async function remove(name: string, terminal: Terminal): Promise<ExitCode> {
  const onWait = () => terminal.note('waiting for another process that fetches it');
  const paths = await removeCached(name, { signal: terminal.signal, onWait });
  if (paths.length === 0) terminal.note(`nothing of the ${name} weights is in the cache`);
  else terminal.print(paths.map(printable).join('\n'));
  return EXIT_CODES.ok;
}
