// What is said and what the exit code is when a command fails.

import { CommanderError } from 'commander';
import { EXIT_CODES, type ExitCode, OutputError, VggError } from '../errors.js';
import { OptionsError } from '../train/checks.js';
import type { Terminal } from './terminal.js';

/** For `vgg16 codes`. */
export const EXIT_CODE_MEANINGS: Readonly<Record<keyof typeof EXIT_CODES, string>> = {
  ok: 'all went well',
  bug: 'an error that nobody foresaw: please report it',
  usage: 'arguments that make no sense',
  picture: 'a picture could not be used (the others were)',
  weights: 'weights are missing, damaged, no VGG16, or have no classifier',
  noAdapter: 'no WebGPU adapter; `vgg16 doctor` says what to install',
  gpu: 'the GPU refused (memory, a limit) or failed the self-test',
  deviceLost: 'the GPU device was lost',
  output: 'a result could not be written',
  differ: '`weights diff`: the networks differ',
  training: 'training failed: the loss is no number any more; a lower --lr helps',
  interrupted: 'interrupted by Ctrl-C',
};

/** Why the signal of a Terminal was aborted: somebody asked the process to stop. */
export class Interrupted extends Error {}

/** Why the signal of a Terminal was aborted: who read the results has left, as `head` does. */
export class ReaderGone extends Error {}

/** Says what went wrong, if that is not known already. */
export function report(thrown: unknown, terminal: Terminal): ExitCode {
  // After an abort the device is gone, and with it whatever was being computed: the reason is the cause.
  const error: unknown = terminal.signal.aborted ? terminal.signal.reason : thrown;
  if (error instanceof ReaderGone) return EXIT_CODES.ok;
  if (error instanceof CommanderError) {
    // Commander has said it; 0 is for --help and --version.
    return error.exitCode === 0 ? EXIT_CODES.ok : EXIT_CODES.usage;
  }
  if (error instanceof Interrupted) terminal.error('interrupted');
  else if (error instanceof OptionsError) terminal.error(error.asTyped);
  else if (error instanceof VggError) terminal.error(error.message);
  else terminal.error(`unexpected: ${messageOf(error)} (VGG16_DEBUG=1 shows where; please report it)`);
  if (process.env.VGG16_DEBUG === '1' && error instanceof Error) terminal.stderr.write(`${traceOf(error)}\n`);
  if (error instanceof Interrupted) return EXIT_CODES.interrupted;
  return error instanceof VggError ? error.exitCode : EXIT_CODES.bug;
}

/** What an error event of stdout means. */
export function stdoutFailure(error: NodeJS.ErrnoException): ReaderGone | OutputError {
  if (error.code === 'EPIPE') return new ReaderGone();
  return new OutputError(`cannot write to the standard output: ${error.message}`, { cause: error });
}

function messageOf(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split('\n')[0] ?? '';
}

function traceOf(error: Error): string {
  const cause = error.cause instanceof Error ? `\ncaused by ${traceOf(error.cause)}` : '';
  return `${error.stack}${cause}`;
}
