// The command line: its commands, what they share, and what its help says.

import { Command } from 'commander';
import { EXIT_CODES, type ExitCode } from '../errors.js';
import { addBench } from './bench/bench.js';
import { addClassify } from './classify.js';
import { addData } from './data.js';
import { addDoctor } from './doctor.js';
import { addEval } from './eval.js';
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

/** In the order in which help shows them. */
const COMMANDS = [
  ...[addTrain, addClassify, addEval, addRuns, addLrFind, addData, addExport],
  ...[addPretrain, addFeatures, addWeights, addSummary, addBench, addTune, addDoctor],
];

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
    .description(
      'VGG16 on WebGPU: trains classifiers and labels pictures, on any GPU or, slowly, without one.',
    )
    .version(__VERSION__)
    .option(
      '--adapter <name>',
      'which adapter: swiftshader, null, or a part of its name (default: $VGG16_ADAPTER, else the best)',
    )
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
    .addHelpText('after', `\n${generalHelp()}`);
  for (const add of COMMANDS) add(program, terminal, finish);
  await program.parseAsync(ours, { from: 'user' });
  return code;
}

function generalHelp(): string {
  const codes = Object.entries(EXIT_CODES).map(([name, code]) => [
    String(code),
    EXIT_CODE_MEANINGS[name as keyof typeof EXIT_CODES],
  ]);
  return `Examples:
  $ vgg16 doctor
  $ vgg16 train photos/
  $ vgg16 classify cat.jpg --weights runs/train-1
  $ vgg16 classify cat.jpg
  $ vgg16 features photos/ --until block4_pool --pool avg --out features.npy
  $ vgg16 weights convert model.h5
  $ vgg16 classify --help

Results go to stdout, everything else to stderr.

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
