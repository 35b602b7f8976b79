// vgg16 weights: the files that weights live in.

import type { Command } from 'commander';
import type { ExitCode } from '../../errors.js';
import type { Terminal } from '../terminal.js';
import { addConvert } from './convert.js';
import { addDiff } from './diff.js';
import { addFetch } from './fetch.js';
import { addInspect } from './inspect.js';
import { addList } from './list.js';
import { addPath } from './path.js';
import { addRemove } from './remove.js';
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
