// vgg16 weights path: where weights are, for scripts.

import { existsSync } from 'node:fs';
import { dirname } from 'node:path';
import { Argument, type Command } from 'commander';
import { EXIT_CODES, type ExitCode } from '../../errors.js';
import { EMBEDDED, embeddedBasePath } from '../../node/embedded.js';
import { SOURCE_NAMES } from '../../node/fetch/manifest.js';
import { cachedPath } from '../../node/fetch/weights_cache.js';
import type { Terminal } from '../terminal.js';

const EXAMPLES = `
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
    .addArgument(new Argument('[name]', 'which').choices([EMBEDDED, ...SOURCE_NAMES]))
    .addHelpText('after', EXAMPLES)
    .action((name: string | undefined) => finish(path(name, terminal)));
}

function path(name: string | undefined, terminal: Terminal): ExitCode {
  if (name === undefined) {
    terminal.print(dirname(cachedPath(SOURCE_NAMES[0])));
    return EXIT_CODES.ok;
  }
  const file = name === EMBEDDED ? embeddedBasePath() : cachedPath(name);
  if (!existsSync(file)) terminal.note(`it is not there; \`vgg16 weights fetch ${name}\` fetches it`);
  terminal.print(file);
  return EXIT_CODES.ok;
}
