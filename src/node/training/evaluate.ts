// How well a classifier does on pictures with known classes.

import { UsageError } from '../../errors.js';
import { RUN_OPTIONS, type RunOptions } from '../../model/options.js';
import type { VGG16 } from '../../model/vgg16.js';
import { callback, checkOptions, group, listOf, type OptionRules, text, whole } from '../../options.js';
import { listed } from '../../text.js';
import type { Sample } from '../../train/dataset.js';
import { createEvaluation, type Evaluation } from '../../train/metrics.js';
import { classifyReusing, REUSE_OPTIONS, type Reuse } from '../features/reuse.js';

export interface EvaluateOptions extends RunOptions {
  /** Names of the samples' labels, each a class of the model; which ones they are there goes by the name alone. */
  readonly classes: readonly string[];
  /** Mistakes that are kept. */
  readonly worst?: number | undefined;
  /**
   * Told of each picture that cannot be read, which is then left out. Without it, the first such picture ends it all.
   */
  readonly onBroken?: ((sample: Sample, error: Error) => void) | undefined;
  /** Told in a line of each picture of which hardly anything is seen: it is very small or very long. */
  readonly onOdd?: ((sample: Sample, note: string) => void) | undefined;
  /** Takes what training computed of the pictures from its cache, and adds to it. Without it, all is computed anew. */
  readonly reuse?: Reuse | undefined;
}

const EVALUATE_OPTIONS: OptionRules<EvaluateOptions> = {
  ...RUN_OPTIONS,
  classes: listOf(text),
  worst: whole(0),
  onBroken: callback(),
  onOdd: callback(),
  reuse: group(REUSE_OPTIONS),
};

/**
 * Shows a classifier pictures, one batch after another.
 *
 * @returns in the classes of the model, of which some may have no picture
 * @throws UsageError for a model without a classifier, or whose classes do not exclude each other, and for classes that it does not know; otherwise as
 *   `VGG16.classify`
 */
export async function evaluateModel(
  model: VGG16,
  samples: readonly Sample[],
  evaluateOptions: EvaluateOptions,
): Promise<Evaluation> {
  checkOptions('evaluateModel()', evaluateOptions, EVALUATE_OPTIONS, ['classes']);
  const { classes, worst, onBroken, onOdd: onOddSample, reuse, ...options } = evaluateOptions;
  checkExclusive(model);
  const names = model.labels.map(({ label }) => label);
  const labels = matchClasses(classes, names, model.path);
  const evaluation = createEvaluation(names, worst === undefined ? {} : { worst });
  const row = new Float32Array(names.length);
  const pictures = samples.map(({ picture }) => picture);
  const onError = onBroken && ((error: Error, index: number) => onBroken(samples[index]!, error));
  const onOdd = onOddSample && ((note: string, index: number) => onOddSample(samples[index]!, note));
  const asked = { ...options, topK: Math.max(1, names.length), onError, onOdd };
  const answers = reuse
    ? classifyReusing(model, pictures, asked, reuse)
    : model.classifyEach(pictures, asked);
  for await (const { index, predictions } of answers) {
    for (const prediction of predictions) row[prediction.index] = prediction.score;
    const { name, label } = samples[index]!;
    evaluation.add({ name, label: labels[label]! }, row);
  }
  return evaluation.result();
}

/** @throws UsageError for a model whose classes do not exclude each other: of a picture that has several, none is the answer */
export function checkExclusive({ path, activation }: VGG16): void {
  if (activation === 'softmax') return;
  throw new UsageError(
    `${path}: its classes do not exclude each other (sigmoid), and accuracy counts one class per picture; ` +
      '`vgg16 classify` gives the probability of each',
  );
}

/** The position among a model's classes of each of a data set's. */
function matchClasses(classes: readonly string[], names: readonly string[], path: string): number[] {
  // Without a classifier there are none, and classifyEach says so.
  if (names.length === 0) return [];
  const unknown = classes.filter((name) => !names.includes(name));
  if (unknown.length > 0) {
    throw new UsageError(
      `${path} does not know ${listed(unknown)}; its ${names.length} classes are ${listed(names)}`,
    );
  }
  const twice = classes.find((name) => names.indexOf(name) !== names.lastIndexOf(name));
  if (twice !== undefined) throw new UsageError(`${path} has two classes called ${twice}`);
  return classes.map((name) => names.indexOf(name));
}
