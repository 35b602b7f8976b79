// vgg16 weights rm: known weights out of the cache.

import { Argument, type Command } from 'commander';
import { EXIT_CODES, type ExitCode } from '../../errors.js';
import { SOURCE_NAMES } from '../../node/fetch/manifest.js';
import { removeCached } from '../../node/fetch/weights_cache.js';
import { printable, type Terminal } from '../terminal.js';

const EXAMPLES = `
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
    .addHelpText('after', EXAMPLES)
    .action(async (name: string) => finish(await remove(name, terminal)));
}

async function remove(name: string, terminal: Terminal): Promise<ExitCode> {
  const onWait = () => terminal.note('waiting for another process that fetches it');
  const paths = await removeCached(name, { signal: terminal.signal, onWait });
  if (paths.length === 0) terminal.note(`nothing of the ${name} weights is in the cache`);
  else terminal.print(paths.map(printable).join('\n'));
  return EXIT_CODES.ok;
}
