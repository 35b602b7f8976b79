// The demo from the first line to the last.
import { relative } from 'node:path';
import { coloursFor, createProgress, duration } from '../src/cli/progress.js';
import { Terminal } from '../src/cli/terminal.js';
import { createTrainingDisplay } from '../src/cli/training_display.js';
import {
  createNumberedRun,
  datasetOf,
  type Sample,
  type TrainResult,
  trainHead,
  VGG16,
} from '../src/index.js';
import { unseenOf } from './budget.js';
import { CLASSES } from './classes.js';
import {
  ARTIST_NAMES,
  ARTISTS,
  type Choice,
  chooseDrawings,
  type Drawing,
  loadIconSets,
  readable,
} from './drawings.js';
import type { DemoOptions } from './options.js';
import { LAYER, makePlan } from './plan.js';
import { rendered, renderingsFolder } from './render.js';
import { examplesText, scoreText } from './report.js';
import type { Surroundings } from './surroundings.js';

/** Of this many known drawings one is not trained on but says which epoch is best. */
const VALIDATE_EVERY = 5;

/** Held-out drawings that are shown with what the saved head makes of them. */
const EXAMPLES = 3;

const [TEACHER, EXAMINER] = ARTISTS;

/** @throws the errors of src/errors.ts, and the signal's reason when it is aborted */
export async function runDemo(options: DemoOptions, around: Surroundings): Promise<void> {
  const { stderr, now } = around;
  const sets = await loadIconSets();
  introduce(around);
  const model = await loadWithProgress(around);
  try {
    introduceAdapter(model, around);
    const { size, perClass } = await makePlan(model, options, around);
    const counts = { known: perClass, unseen: unseenOf(perClass) };
    const choice = chooseDrawings(sets, counts, options.seed);
    const samples = await renderAll(choice, size, around);
    const result = await train(model, samples, size, options, around);
    await examine(model, result, samples.unseen, around);
  } finally {
    model.dispose();
  }
  stderr.write(`${coloursFor(stderr).dim(`${duration(1000 * now())} in all`)}\n`);
}

function introduce({ stderr }: Surroundings): void {
  const { bold } = coloursFor(stderr);
  stderr.write(
    `${bold('VGG16 learns to tell drawings apart')}\n` +
      `${CLASSES.map(({ name }) => name).join(', ')}: a network that has only ever seen photos gets a new last layer, which learns from drawings by\n` +
      `${ARTIST_NAMES[TEACHER]} and is examined on ${ARTIST_NAMES[EXAMINER]}'s, of things that it has not seen drawn at all.\n\n`,
  );
}

async function loadWithProgress({ stderr, signal }: Surroundings): Promise<VGG16> {
  const progress = createProgress({ label: 'weights ', total: 0, unit: 'B', stream: stderr });
  try {
    return await VGG16.load({ signal, onProgress: ({ loaded, total }) => progress.update(loaded, total) });
  } finally {
    progress.done();
  }
}

function introduceAdapter({ gpu: { info } }: VGG16, { stderr }: Surroundings): void {
  const { bold, yellow } = coloursFor(stderr);
  stderr.write(`adapter  ${bold(info.description)}\n`);
  if (info.isSoftware) {
    const warning = 'NO GPU: this is software on the CPU, correct but very slow; all is sized for it';
    stderr.write(`         ${yellow(warning)}\n`);
  }
}

interface Samples {
  readonly known: readonly Sample[];
  readonly unseen: readonly Sample[];
}

async function renderAll(
  { known, unseen }: Choice,
  size: number,
  { stderr }: Surroundings,
): Promise<Samples> {
  const folder = renderingsFolder();
  const total = known.length + unseen.length;
  const progress = createProgress({ label: 'render  ', total, unit: 'drawings', stream: stderr });
  let uncached: Error | undefined;
  let done = 0;
  const sample = async (drawing: Drawing): Promise<Sample> => {
    const picture = await rendered(drawing, size, folder, (reason) => {
      uncached = reason;
    });
    progress.update(++done);
    return {
      name: `${readable(drawing.name)} (${ARTIST_NAMES[drawing.artist]})`,
      picture,
      label: drawing.label,
    };
  };
  try {
    return { known: await Promise.all(known.map(sample)), unseen: await Promise.all(unseen.map(sample)) };
  } finally {
    progress.done();
    if (uncached) stderr.write(`the rendered drawings are not kept for the next time: ${uncached.message}\n`);
  }
}

/** What a user would do with photos, in code. */
async function train(
  model: VGG16,
  { known, unseen }: Samples,
  size: number,
  { seed, out }: DemoOptions,
  { stdout, stderr, signal }: Surroundings,
): Promise<TrainResult> {
  const turn = (i: number) => Math.floor(i / CLASSES.length) % VALIDATE_EVERY;
  const dataset = datasetOf(
    CLASSES.map(({ name }) => name),
    {
      train: known.filter((_, i) => turn(i) !== 0),
      val: known.filter((_, i) => turn(i) === 0),
      test: unseen,
    },
    { name: 'emoji drawings' },
  );
  const display = createTrainingDisplay(new Terminal(stdout, stderr, signal));
  let succeeded = false;
  try {
    const result = await trainHead(model, dataset, {
      features: LAYER,
      pool: 'avg',
      size,
      seed,
      out: out ?? (await createNumberedRun()),
      onEvent: display.onEvent,
      signal,
    });
    succeeded = true;
    return result;
  } finally {
    display.end(succeeded);
  }
}

/** How the head does on the unseen artist's drawings; and a few of them shown to the file that was saved. */
async function examine(
  { gpu }: VGG16,
  { test, folder }: TrainResult,
  unseen: readonly Sample[],
  { stdout }: Surroundings,
): Promise<void> {
  const colours = coloursFor(stdout);
  const best = `${folder}/best.safetensors`;
  const trained = await VGG16.load({ weights: best, gpu });
  try {
    const shown = unseen.slice(0, EXAMPLES);
    const predictions = await trained.classify(shown.map(({ picture }) => picture));
    stdout.write(`\n${scoreText(test!, ARTIST_NAMES[EXAMINER], colours)}\n\n`);
    stdout.write(`${examplesText(shown, predictions, colours)}\n\n`);
  } finally {
    trained.dispose();
  }
  const run = relative(process.cwd(), folder!) || '.';
  stdout.write(
    `Report   ${run}/report.html\n` +
      `Yours    npx vgg16 train photos/    npx vgg16 classify cat.jpg --weights ${run}/best.safetensors\n`,
  );
}
