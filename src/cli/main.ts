// The command `vgg16`: joins the process to the program.

import type { ExitCode } from '../errors.js';
import { Interrupted, report, stdoutFailure } from './failure.js';
import { runProgram } from './program.js';
import { Terminal } from './terminal.js';

const stop = new AbortController();
const terminal = new Terminal(process.stdout, process.stderr, stop.signal);

// Once: a second Ctrl-C ends the process at once.
for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.once(name, () => stop.abort(new Interrupted()));
}
process.stdout.on('error', (error) => stop.abort(stdoutFailure(error)));
// Who does not want to hear it need not.
process.stderr.on('error', () => {});
process.on('uncaughtException', (error) => process.exit(report(error, terminal)));

let code: ExitCode | undefined;
let thrown: unknown;
try {
  code = await runProgram(process.argv.slice(2), terminal);
} catch (error) {
  thrown = error;
}
// That something could not be printed is told later than it was printed.
await new Promise((resolve) => process.stdout.write('', resolve));
process.exitCode = code === undefined || stop.signal.aborted ? report(thrown, terminal) : code;
