// The demo from the first line to the last, given a way to load the model.
import { relative } from 'node:path';
import { coloursFor, createProgress, duration } from '../src/cli/progress.js';
import { MOST_PER_CLASS } from './budget.js';
import { CLASSES } from './classes.js';
import { chooseDrawings, type Drawing, loadIconSets } from './drawings.js';
import { BATCH, featuresInTime } from './extract.js';
import { type DemoModel, LAYER, type LoadModel } from './model.js';
import type { DemoOptions } from './options.js';
import { claim, type SheetPaths, sheetPaths, writeSheet } from './output.js';
import { makePlan, type Plan } from './plan.js';
import { type Rendered, rendered, renderingsFolder } from './render.js';
import { accuracyText, examplesText, timingsText } from './report.js';
import { htmlSheet, type SheetFacts } from './sheet.js';
import { pngSheet } from './sheet_png.js';
import type { Surroundings } from './surroundings.js';
import { judge } from './verdict.js';

/** Fewer drawings a class than this say nothing: that many are computed even when the clock has run out. */
const FEWEST_PER_CLASS = 8;

/** @throws the errors of src/errors.ts, and the signal's reason when it is aborted */
export async function runDemo(options: DemoOptions, load: LoadModel, around: Surroundings): Promise<void> {
  const { stderr, now } = around;
  const dim = coloursFor(stderr).dim;
  const paths = sheetPaths(options.out);
  await claim(paths);
  const { perClass = MOST_PER_CLASS, seed } = options;
  const drawings = chooseDrawings(await loadIconSets(), { perClass, seed });

  introduce(around);
  const model = await loadWithProgress(load, around);
  try {
    introduceAdapter(model, around);
    const plan = await makePlan(model, options, around);
    await compare(model, drawings, plan, seed, paths, around);
  } finally {
    model.dispose();
  }
  stderr.write(`${dim(`${duration(1000 * now())} in all`)}\n`);
}

function introduce({ stderr }: Surroundings): void {
  const { bold } = coloursFor(stderr);
  stderr.write(
    `${bold('Emoji through the eyes of VGG16')}\n` +
      `Drawings of ${CLASSES.map(({ name }) => name).join(', ')}: each is classified by those others that look most alike\n` +
      'to a network that learned from photos (ImageNet) and never saw a drawing.\n\n',
  );
}

async function loadWithProgress(load: LoadModel, { stderr, signal }: Surroundings): Promise<DemoModel> {
  const progress = createProgress({ label: 'weights ', total: 0, unit: 'B', stream: stderr });
  try {
    return await load({ signal, onProgress: ({ loaded, total }) => progress.update(loaded, total) });
  } finally {
    progress.done();
  }
}

function introduceAdapter({ gpu: { info } }: DemoModel, { stderr }: Surroundings): void {
  const { bold, yellow } = coloursFor(stderr);
  stderr.write(`adapter  ${bold(info.description)}\n`);
  if (info.isSoftware) {
    const warning = 'NO GPU: this is software on the CPU, correct but very slow; all is sized for it';
    stderr.write(`         ${yellow(warning)}\n`);
  }
}

/** The drawings rendered, seen and judged, and the results told. */
async function compare(
  model: DemoModel,
  all: readonly Drawing[],
  { setting: { size, perClass }, stopAt }: Plan,
  seed: number,
  paths: SheetPaths,
  around: Surroundings,
): Promise<void> {
  const { stdout, stderr, signal } = around;
  const wanted = all.slice(0, perClass * CLASSES.length);
  const pictures = await renderAll(wanted, size, around);
  const features = await seeAll(model, pictures, stopAt, around);
  const drawings = wanted.slice(0, features.length);
  if (drawings.length < wanted.length) {
    const reached = `going on with ${drawings.length / CLASSES.length} of ${perClass} drawings a class`;
    stderr.write(`late     ${coloursFor(stderr).yellow(`slower than the probe said; ${reached}`)}\n`);
  }

  const verdict = judge(drawings, features);
  const colours = coloursFor(stdout);
  stdout.write(`\n${accuracyText(verdict, colours)}\n\n${examplesText(verdict, colours)}\n\n`);

  stderr.write('timings  one batch once more, layer by layer\n');
  const input = { batch: BATCH, height: size, width: size };
  const layers = await model.profile(input, LAYER, { passes: 1 });
  signal.throwIfAborted();
  if (layers) stdout.write(`${timingsText(layers, colours)}\n\n`);
  else stderr.write('no times of single layers: the adapter has no timestamps (timestamp-query)\n');

  const { description } = model.gpu.info;
  const pngs = pictures.slice(0, drawings.length).map(({ png }) => png);
  const facts: SheetFacts = { verdict, pngs, size, seed, adapter: description, layer: LAYER };
  await writeSheet(paths.html, Buffer.from(htmlSheet(facts)));
  await writeSheet(paths.png, await pngSheet(verdict));
  stdout.write(`Adapter  ${description}\nSheet    ${shown(paths.html)} and ${shown(paths.png)}\n`);
}

async function renderAll(
  drawings: readonly Drawing[],
  size: number,
  { stderr }: Surroundings,
): Promise<Rendered[]> {
  const folder = renderingsFolder();
  const progress = createProgress({
    label: 'render  ',
    total: drawings.length,
    unit: 'drawings',
    stream: stderr,
  });
  let uncached: Error | undefined;
  let done = 0;
  const one = async (drawing: Drawing): Promise<Rendered> => {
    const result = await rendered(drawing, size, folder, (reason) => {
      uncached = reason;
    });
    progress.update(++done);
    return result;
  };
  try {
    return await Promise.all(drawings.map(one));
  } finally {
    progress.done();
    if (uncached) stderr.write(`the rendered drawings are not kept for the next time: ${uncached.message}\n`);
  }
}

async function seeAll(
  model: DemoModel,
  pictures: readonly Rendered[],
  stopAt: number,
  { stderr, now, signal }: Surroundings,
): Promise<Float32Array[]> {
  const progress = createProgress({
    label: 'features',
    total: pictures.length,
    unit: 'drawings',
    stream: stderr,
  });
  const clock = { now, stopAt, atLeast: FEWEST_PER_CLASS * CLASSES.length };
  const inputs = pictures.map(({ picture }) => picture);
  try {
    return await featuresInTime(model, inputs, clock, (done) => progress.update(done), signal);
  } finally {
    progress.done();
  }
}

/** A path as one would type it here. */
function shown(path: string): string {
  const short = relative(process.cwd(), path);
  return short.startsWith('..') ? path : short;
}
