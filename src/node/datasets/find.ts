// A data set found on disk: a folder of class folders, one with train/ and val/, or a table. No picture is opened.

import { UsageError } from '../../errors.js';
import { CHECKED_IN_USE, checkOptions, type OptionRules, signal, whole } from '../../options.js';
import { listed } from '../../text.js';
import type { Dataset } from '../../train/dataset.js';
import { datasetOf } from '../../train/dataset.js';
import { randomStream } from '../../train/random.js';
import { classesOf, structureFaults } from './faults.js';
import type { ClassFiles, Survey } from './found.js';
import { samplesOf } from './found.js';
import { surveyDataset } from './survey.js';

/** The share of each class that validates by default. */
export const VAL_SHARE = 0.2;

export interface FindOptions {
  /** Decides which pictures validate where the data set does not say so. */
  readonly seed: number;
  /** Their share of each class, above 0 and below 1. */
  readonly valShare?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

const FIND_OPTIONS: OptionRules<FindOptions> = { seed: whole(0), valShare: CHECKED_IN_USE, signal };

/**
 * The pictures under a path: names and labels, 100,000 in a second or two.
 *
 * @param path  a folder with one folder a class; a folder with such folders called train, val (valid, validation) and
 *   test (testing), of which train is needed; or a CSV with a column file (path, image, filename), a column label
 *   (class), and perhaps one split (part, set)
 * @throws UsageError where the structure leaves no two classes to learn, or val or test has a class that train lacks;
 *   the signal's reason
 */
export async function findDataset(path: string, options: FindOptions): Promise<Dataset> {
  checkOptions('findDataset()', options, FIND_OPTIONS, ['seed']);
  const { seed, valShare = VAL_SHARE, signal } = options;
  checkShare(valShare);
  const survey = await surveyDataset(path, signal);
  const [fault, ...more] = structureFaults(survey);
  if (fault !== undefined) {
    const besides = more.length > 0 ? ` (and ${more.length} more: \`vgg16 data check\` lists them)` : '';
    throw new UsageError(`${survey.name}: ${fault}${besides}`);
  }
  return datasetFrom(survey, seed, valShare);
}

/** @throws UsageError for a share of pictures to validate with that is none */
export function checkShare(valShare: number): void {
  if (valShare > 0 && valShare < 1) return;
  throw new UsageError(`the share of pictures to validate with is ${valShare}; it must lie between 0 and 1`);
}

/** The data set that training makes of what was found, where `structureFaults` has nothing to say of it. */
export function datasetFrom(survey: Survey, seed: number, valShare: number): Dataset {
  const classes = classesOf(survey);
  const found = survey.parts.train!;
  const { train, val, single } = survey.parts.val
    ? { train: found, val: survey.parts.val, single: [] }
    : divided(found, seed, valShare);
  const samples = (files: ClassFiles = new Map()) => samplesOf(survey.folder, classes, files);
  const notes = [...survey.notes];
  if (single.length > 0) notes.push(`only one picture each of ${listed(single)}: it is trained on`);
  return datasetOf(
    classes,
    { train: samples(train), val: samples(val), test: samples(survey.parts.test) },
    { name: survey.name, notes },
  );
}

function divided(found: ClassFiles, seed: number, share: number) {
  const train = new Map<string, readonly string[]>();
  const val = new Map<string, readonly string[]>();
  for (const [name, files] of found) {
    const parts = divide(files, seed, share);
    train.set(name, parts.train);
    val.set(name, parts.val);
  }
  return { train, val, single: [...found.keys()].filter((name) => found.get(name)!.length === 1) };
}

interface Divided {
  readonly train: readonly string[];
  readonly val: readonly string[];
}

/**
 * Divides a class: the `share` of its pictures with the lowest draws is for validation, at least one and never all of
 * them; a single picture is for training. Each picture draws from a stream of its own name, so that its part does not
 * hang on other classes, on the order of the files, or, but for a few at the edge, on pictures that come and go.
 *
 * @param files  names below the data set's folder, in the order that both parts keep
 */
function divide(files: readonly string[], seed: number, share: number): Divided {
  const held = Math.min(Math.max(Math.round(files.length * share), 1), files.length - 1);
  const drawn = files.map((file) => ({ file, draw: randomStream(seed, 'split', file).uint32() }));
  drawn.sort((a, b) => a.draw - b.draw || (a.file < b.file ? -1 : 1));
  const val = new Set(drawn.slice(0, held).map(({ file }) => file));
  return { train: files.filter((file) => !val.has(file)), val: files.filter((file) => val.has(file)) };
}
