// vgg16 bench first: one engine's first pass, as `e2e --cold` starts it. Not for people, and not in the help.

import { type Command, Option } from 'commander';
import type { FirstPassLine } from '../../bench/cold.js';
import { type FirstPassRequest, firstPass } from '../../bench/first_pass.js';
import { TFJS_NAMES } from '../../bench/peers/engines.js';
import { EXIT_CODES, type ExitCode } from '../../errors.js';
import { count } from '../arguments.js';
import type { Terminal } from '../terminal.js';

export function addFirst(bench: Command, terminal: Terminal, finish: (code: ExitCode) => void): void {
  const command = bench
    .command('first', { hidden: true })
    .addOption(new Option('--engine <name>').choices(['vgg16-webgpu', ...TFJS_NAMES]).makeOptionMandatory())
    .addOption(new Option('--scope <name>').choices(['convs', 'all']).makeOptionMandatory())
    .requiredOption('--side <px>', '', count)
    .requiredOption('--weights <file>')
    .option('--untuned')
    .action(async () => {
      const end = await firstPass(
        requestOf(command.optsWithGlobals()),
        ({ buffer, byteOffset, byteLength }) => {
          const line: FirstPassLine = {
            output: Buffer.from(buffer, byteOffset, byteLength).toString('base64'),
          };
          terminal.print(JSON.stringify(line));
        },
      );
      terminal.print(JSON.stringify(end));
      finish(EXIT_CODES.ok);
    });
}

function requestOf(flags: Omit<FirstPassRequest, 'tuned'> & { untuned?: true }): FirstPassRequest {
  return { ...flags, tuned: !flags.untuned };
}

/** Node's arguments for a process that does it. */
export function firstPassCommand(request: FirstPassRequest): string[] {
  const { engine, scope, side, weights, adapter, tuned } = request;
  const asked = ['--engine', engine, '--scope', scope, '--side', String(side), '--weights', weights];
  const global = adapter ? ['--adapter', adapter] : [];
  return [process.argv[1]!, ...global, 'bench', 'first', ...asked, ...(tuned ? [] : ['--untuned'])];
}
