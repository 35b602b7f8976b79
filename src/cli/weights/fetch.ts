// vgg16 weights fetch: known weights into the cache.

import { Argument, type Command } from 'commander';
import { EXIT_CODES, type ExitCode } from '../../errors.js';
import { fetchWeights } from '../../node/fetch/fetch.js';
import { SOURCE_NAMES } from '../../node/fetch/manifest.js';
import { checkedText, type FetchFlags, fetchWithBar, OFFLINE_OPTION } from '../fetching.js';
import type { Terminal } from '../terminal.js';

const EXAMPLES = `
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
    .addHelpText('after', EXAMPLES)
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
