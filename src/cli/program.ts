// The command line: its commands, what they share, and what its help says.

import { Command } from 'commander';
import { EXIT_CODES, type ExitCode } from '../errors.js';
import { addBench } from './bench/bench.js';
import { addClassify } from './classify.js';
import { addData } from './data.js';
import { addDoctor } from './doctor.js';
import { addEval } from './eval.js';
import { addExplore } from './explore.js';
import { addExport } from './export.js';
import { EXIT_CODE_MEANINGS } from './failure.js';
import { addFeatures } from './features.js';
import { addLrFind } from './lr_find.js';
import { addPretrain } from './pretrain.js';
import { addRuns } from './runs.js';
import { addSummary } from './summary.js';
import { inOurSpelling, suggestionFor } from './synonyms.js';
import { alignedRows } from './table.js';
import type { Terminal } from './terminal.js';
import { addTrain } from './train.js';
import { addTune } from './tune.js';
import { addWeights } from './weights/weights.js';

type Add = (program: Command, terminal: Terminal, finish: (code: ExitCode) => void) => void;

/** In the order in which help shows them: what most people want comes first. */
const GROUPS: Readonly<Record<string, readonly Add[]>> = {
  'Start here:': [addTrain, addClassify, addBench],
  'Classifiers:': [addEval, addRuns, addLrFind, addData, addExport, addPretrain],
  'Weights and features:': [addExplore, addFeatures, addWeights, addSummary],
  'This machine:': [addDoctor, addTune, addCodes],
};

/**
 * Runs a command to its end.
 *
 * @param args  without the program's own name
 * @throws CommanderError for --help, --version and what cannot be parsed, once it has been said; whatever the command throws
 */
export async function runProgram(args: readonly string[], terminal: Terminal): Promise<ExitCode> {
  let code: ExitCode = EXIT_CODES.ok;
  const finish = (result: ExitCode) => {
    code = result;
  };
  const ours = inOurSpelling(args);
  const program: Command = new Command('vgg16')
    .usage('[options] <command>')
    .description('VGG16 on WebGPU: trains classifiers and labels pictures.')
    .version(__VERSION__, '-V, --version', 'print the version')
    .option('--adapter <name>', 'swiftshader, null, or a part of its name (default: the best)')
    .helpOption('-h, --help', 'print help, with examples for each command')
    .exitOverride()
    .configureHelp({ showGlobalOptions: true })
    .configureOutput({
      writeOut: (text) => terminal.print(text.trimEnd()),
      writeErr: (text) => terminal.stderr.write(text),
      outputError: (text) => {
        const said = text
          .replace(/^error: /, '')
          .trimEnd()
          .replaceAll('\n', ' ');
        const suggestion = suggestionFor(said, program, ours);
        terminal.error(suggestion ? `${said} (${suggestion})` : said);
      },
    })
    .helpCommand(false)
    .addHelpText('after', `\n${EXAMPLES}`);
  for (const [group, commands] of Object.entries(GROUPS)) {
    program.commandsGroup(group);
    for (const add of commands) add(program, terminal, finish);
  }
  // The names alone, so that all of it fits one screen; what belongs to a command is in its own help.
  program.configureHelp({ subcommandTerm: (command) => command.name() });
  await program.parseAsync(ours, { from: 'user' });
  return code;
}

const EXAMPLES = `Examples:
  $ vgg16 train photos/                             a folder for each class
  $ vgg16 classify new.jpg --weights runs/train-1   with that classifier
  $ vgg16 classify cat.jpg                          ImageNet's classes`;

function addCodes(program: Command, terminal: Terminal): void {
  program
    .command('codes')
    .summary('exit codes and environment variables')
    .description('Lists what the exit codes mean, and the environment variables that are heeded.')
    .action(() => terminal.print(codesText()));
}

function codesText(): string {
  const codes = Object.entries(EXIT_CODES).map(([name, code]) => [
    String(code),
    EXIT_CODE_MEANINGS[name as keyof typeof EXIT_CODES],
  ]);
  return `Results go to stdout, everything else to stderr.

Exit codes:
${alignedRows(codes, [{ align: 'right' }, {}])
  .map((line) => `  ${line}`)
  .join('\n')}

Environment:
  VGG16_ADAPTER      as --adapter
  VGG16_CACHE        where weights, drivers and the like are kept
  VGG16_OFFLINE=1    downloads nothing
  VGG16_WEIGHTS_URL  a folder on the web to download weights from
  VGG16_TUNED=0      leaves aside what \`vgg16 tune\` chose
  VGG16_DEBUG=1      shows where an error comes from, and Dawn's own warnings
  NO_COLOR           no colours`;
}
