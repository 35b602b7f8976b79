// vgg16 weights fetch: known weights into the cache.

import { Argument, type Command } from 'commander';
import { EXIT_CODES, type ExitCode } from '../../errors.js';
import { fetchWeights } from '../../weights/fetch/fetch.js';
import { SOURCE_NAMES } from '../../weights/fetch/manifest.js';
import { addOfflineOption, type FetchFlags, fetchWithBar } from '../fetching.js';
import type { Terminal } from '../terminal.js';

const EXAMPLES = `
Examples:
  $ vgg16 weights fetch
  $ vgg16 weights fetch keras-notop
  $ vgg16 weights fetch timm --url https://mirror.example/vgg16.safetensors
  $ vgg16 weights fetch keras --offline

Prints the file's path. What was fetched before is found in the cache; what was
broken off goes on where it ended. A file gets its name when its size and its
hash, where one is known, are right.

Environment:
  VGG16_WEIGHTS_URL        a folder on the web that holds the files: a mirror
  HTTPS_PROXY, HTTP_PROXY  and NO_PROXY: a proxy, and for which hosts none`;

export function addFetch(weights: Command, terminal: Terminal, finish: (code: ExitCode) => void): void {
  const command = weights
    .command('fetch')
    .summary('download weights that are known by name into the cache')
    .description('Downloads weights that are known by name into the cache, and verifies them.')
    .addArgument(
      new Argument('[name]', 'which; torchvision where absent').choices(SOURCE_NAMES).default('torchvision'),
    )
    .option('--url <url>', 'download the file from this address instead');
  addOfflineOption(command)
    .addHelpText('after', EXAMPLES)
    .action(async (name: string, flags: FetchFlags) => finish(await fetch(name, flags, terminal)));
}

async function fetch(name: string, flags: FetchFlags, terminal: Terminal): Promise<ExitCode> {
  const { path, checked, fetched } = await fetchWithBar(flags, terminal, (options) =>
    fetchWeights(name, options),
  );
  if (fetched) terminal.note(`verified: ${checked.join(', ')}`);
  terminal.print(path);
  return EXIT_CODES.ok;
}
