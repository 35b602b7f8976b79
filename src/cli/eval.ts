// vgg16 eval: how well a classifier does on pictures with known classes.

import { type Command, Option } from 'commander';
import { EXIT_CODES, type ExitCode, PictureError, UsageError, WeightsError } from '../errors.js';
import { Oddities } from '../model/oddity.js';
import type { VGG16 } from '../model/vgg16.js';
import { findSamples } from '../node/datasets/find_samples.js';
import { countTrainedOn } from '../node/runs/split.js';
import { checkExclusive, evaluateModel } from '../node/training/evaluate.js';
import { counted } from '../text.js';
import { PARTS, type Part, type Sample } from '../train/dataset.js';
import type { Evaluation } from '../train/metrics.js';
import { addCacheOption, BATCH_OPTION, type CacheFlags, reuseOf } from './cache_options.js';
import { addDtypeOption, addWeightsOption, type ModelFlags, openNamedModel } from './model_options.js';
import { createProgress } from './progress.js';
import { heedingInterrupts } from './stopping.js';
import { printable, type Terminal } from './terminal.js';
import { Skips } from './training_display.js';
import { evaluationText } from './training_text.js';
import { activationOption } from './weights_file.js';

interface EvalFlags extends ModelFlags, CacheFlags {
  readonly part?: Part;
  readonly batch?: number;
  readonly json?: true;
}

const EXAMPLES = `
Examples:
  $ vgg16 eval more-photos/ --weights runs/train-1
  $ vgg16 eval photos/ --weights runs/train-1 --part test --json > test.json

DIR is laid out as for \`vgg16 train\`, its class folders named as the classes
that the head knows. Broken pictures are left out, and the exit code is 3.
A run does better on the pictures that it was trained on than on others. What
training computed of them comes from the cache. A classifier of independent
classes (sigmoid) is refused: accuracy counts one class per picture.

--json prints {"accuracy", "interval", "majority", "loss", "macroAccuracy",
"count", "perClass": [{"name", "count", "precision", "recall", "f1"}],
"classes", "confusion", "mostConfused", "worst"}, and "top5" of more than five
classes.`;

export function addEval(program: Command, terminal: Terminal, finish: (code: ExitCode) => void): void {
  const command = program
    .command('eval')
    .summary('say how good a classifier is, on pictures of known classes')
    .description('Says how well a classifier does on pictures with known classes.')
    .argument('<dir>', 'a folder of pictures, one folder a class, or a CSV')
    .addOption(new Option('--part <part>', 'of a folder that has parts (default: val)').choices([...PARTS]))
    .addOption(activationOption())
    .option(...BATCH_OPTION)
    .option('--json', 'print JSON and nothing else on stdout');
  addCacheOption(addDtypeOption(addWeightsOption(command, 'none, it must be named')))
    .addHelpText('after', EXAMPLES)
    .action(async (dir: string) => finish(await evaluate(dir, command.optsWithGlobals(), terminal)));
}

async function evaluate(dir: string, flags: EvalFlags, terminal: Terminal): Promise<ExitCode> {
  const { part, json, weights } = flags;
  if (weights === undefined) throw new UsageError('name a classifier: --weights runs/train-1');
  return heedingInterrupts(terminal, async () => {
    const model = await openNamedModel(flags, terminal);
    try {
      const classes = model.labels.map(({ label }) => label);
      if (classes.length === 0)
        throw new WeightsError(`${weights} has no classifier; name a run of \`vgg16 train\``);
      checkExclusive(model);
      const onNote = (note: string) => terminal.note(note);
      const samples = await findSamples(dir, classes, { part, signal: terminal.signal, onNote });
      const known = await countTrainedOn(weights, classes, samples);
      if (known > 0)
        terminal.note(
          `it was trained on ${known} of the ${counted(samples.length, 'picture')} here; others say more`,
        );
      const evaluation = await look(model, samples, flags, terminal);
      const left = samples.length - evaluation.count;
      if (left > 0) terminal.note(`${left} of ${counted(samples.length, 'picture')} left out, unreadable`);
      const pictures = `${counted(evaluation.count, 'picture')} of ${printable(dir)}`;
      terminal.print(
        json
          ? JSON.stringify(evaluation, undefined, 2)
          : evaluationText(pictures, evaluation, terminal.colours),
      );
      return left > 0 ? EXIT_CODES.picture : EXIT_CODES.ok;
    } finally {
      model.dispose();
    }
  });
}

/** Shows the model all of the pictures, with a bar. @throws PictureError where none can be read; as `evaluateModel` */
async function look(
  model: VGG16,
  samples: readonly Sample[],
  flags: EvalFlags,
  terminal: Terminal,
): Promise<Evaluation> {
  const { signal, stderr: stream } = terminal;
  const progress = createProgress({ label: 'eval', total: samples.length, unit: 'pictures', stream });
  const skips = new Skips(terminal);
  const oddities = new Oddities();
  let broken = 0;
  try {
    const evaluation = await evaluateModel(model, samples, {
      classes: model.labels.map(({ label }) => label),
      ...{ batch: flags.batch, signal, reuse: reuseOf(flags, terminal) },
      onProgress: progress.update,
      onOdd: (_, note) => oddities.add(note),
      onBroken: (_, { message }) => {
        broken++;
        skips.add(message);
      },
    });
    progress.done();
    if (oddities.note) terminal.note(oddities.note);
    return evaluation;
  } catch (error) {
    if (broken < samples.length) throw error;
    throw new PictureError(
      `${broken === 1 ? 'the only picture cannot' : `none of the ${broken} pictures can`} be read`,
      { cause: error },
    );
  } finally {
    progress.stop();
  }
}
