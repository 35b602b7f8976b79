// Pictures to put a trained head to the test with: its own classes, in a folder of any of the layouts.

import { UsageError } from '../../errors.js';
import { callback, checkOptions, type OptionRules, oneOf, signal } from '../../options.js';
import { listed } from '../../text.js';
import { PARTS, type Part, type Sample } from '../../train/dataset.js';
import { countFiles, samplesOf } from './found.js';
import { surveyDataset } from './survey.js';

export interface FindSamplesOptions {
  /** Of a data set that says what is for what; `val` by default. */
  readonly part?: Part | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Told what was left out, for instance pictures of formats that cannot be decoded. */
  readonly onNote?: ((note: string) => void) | undefined;
}

const FIND_SAMPLES_OPTIONS: OptionRules<FindSamplesOptions> = {
  part: oneOf(...PARTS),
  signal,
  onNote: callback(),
};

/**
 * The pictures of a part of a data set; all of them where it has no parts.
 *
 * @param path  as for `findDataset`, but one class will do
 * @param classes  those of the head, in the order of its labels
 * @throws UsageError where a class is none of the head's, the part is missing, or there is no picture
 */
export async function findSamples(
  path: string,
  classes: readonly string[],
  options: FindSamplesOptions = {},
): Promise<Sample[]> {
  checkOptions('findSamples()', options, FIND_SAMPLES_OPTIONS);
  const { part, signal, onNote = () => {} } = options;
  const { name, folder, isDivided, parts, notes } = await surveyDataset(path, signal);
  for (const note of notes) onNote(note);
  if (part && !isDivided)
    throw new UsageError(`${name} has no parts, so no ${part} either; leave the part out`);
  const chosen = isDivided ? (part ?? 'val') : 'train';
  const files = parts[chosen];
  if (!files) {
    const there = Object.keys(parts).join(' and ');
    throw new UsageError(`${name} has no part called ${chosen}; it has ${there}`);
  }
  const unknown = [...files.keys()].filter((name) => files.get(name)!.length > 0 && !classes.includes(name));
  if (unknown.length > 0) {
    throw new UsageError(
      `${name} has what the head does not know: ${listed(unknown)} (it knows ${listed(classes)})`,
    );
  }
  if (countFiles(files) === 0) throw new UsageError(`${name}: there is no picture in a class folder`);
  return samplesOf(folder, classes, files);
}
