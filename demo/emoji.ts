// npm start: a head that learns to tell emoji drawings apart, from one artist's, and is examined on another's.
import { EXIT_CODES, VggError } from '../src/errors.js';
import { HELP, parseOptions } from './options.js';
import { runDemo } from './run.js';

async function main(): Promise<number> {
  // `npm start | head` closes the pipe early; that is no error.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1));
  const interrupt = abortedByCtrlC();
  try {
    const options = parseOptions(process.argv.slice(2));
    if (!options) {
      process.stdout.write(HELP);
      return EXIT_CODES.ok;
    }
    await runDemo(options, {
      stdout: process.stdout,
      stderr: process.stderr,
      now: () => performance.now() / 1000,
      signal: interrupt,
    });
    return EXIT_CODES.ok;
  } catch (error) {
    if (interrupt.aborted) {
      process.stderr.write('interrupted\n');
      return EXIT_CODES.interrupted;
    }
    if (error instanceof VggError) {
      process.stderr.write(`error: ${error.message}\n`);
      return error.exitCode;
    }
    throw error;
  }
}

/** The first Ctrl-C stops after the batch at hand; a second one, a second later, ends the process at once. */
function abortedByCtrlC(): AbortSignal {
  const interrupt = new AbortController();
  let abortedAt = 0;
  process.on('SIGINT', () => {
    if (!interrupt.signal.aborted) {
      abortedAt = performance.now();
      interrupt.abort();
    } else if (performance.now() - abortedAt > 1000) {
      // Not before: under npm one Ctrl-C may arrive twice, from the terminal and from npm.
      process.exit(EXIT_CODES.interrupted);
    }
  });
  return interrupt.signal;
}

process.exitCode = await main();
