// Everything that is wrong with a data set: in its structure, in each file, and between pictures.

import { callback, checkOptions, type OptionRules, signal } from '../../options.js';
import { ahead } from '../features/ahead.js';
import { PARTS } from '../samples.js';
import { examine, examineOther } from './examine.js';
import { structureFaults } from './faults.js';
import type { PlacedFile, Problem } from './problems.js';
import { pathsIn } from './samples_of.js';
import { countFiles, type Survey, surveyDataset } from './survey.js';
import { Twins } from './twins.js';

export interface CheckOptions {
  /** Told after each file that was looked into, and how many there are. */
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

const CHECK_OPTIONS: OptionRules<CheckOptions> = { onProgress: callback(), signal };

/** Files in work while one is looked at: decoded pictures are large, and sharp has no more threads by default. */
const AHEAD = 4;

/**
 * Looks into every file of a data set and gives what is wrong, as it is found. All that is held is names, 16 bytes of
 * each picture, and the few that are being decoded.
 *
 * @param found  a path, as for `findDataset`, or what was found there
 * @throws as `surveyDataset`; the signal's reason
 */
export async function* checkDataset(
  found: string | Survey,
  options: CheckOptions = {},
): AsyncGenerator<Problem> {
  checkOptions('checkDataset()', options, CHECK_OPTIONS);
  const { onProgress, signal } = options;
  const survey = typeof found === 'string' ? await surveyDataset(found, signal) : found;
  const { name, folder, strays, others } = survey;
  for (const reason of structureFaults(survey)) yield { kind: 'structure', path: name, reason };
  for (const path of strays) yield { kind: 'stray', path, reason: 'it lies in no class folder' };
  const total = PARTS.reduce((sum, part) => sum + countFiles(survey.parts[part]), others.length);
  let done = 0;
  const placeOf = pathsIn(folder);
  const twins = new Twins();
  const look = async (file: PlacedFile) => {
    signal?.throwIfAborted();
    return { file, ...(await examine(file.path, placeOf(file.path))) };
  };
  for await (const { file, problem, digest } of ahead(filesOf(survey), AHEAD, look)) {
    if (problem) yield problem;
    const twin = digest && twins.problemOf(file, digest);
    if (twin) yield twin;
    onProgress?.(++done, total);
  }
  const lookAtOther = async (path: string) => {
    signal?.throwIfAborted();
    return examineOther(path, placeOf(path));
  };
  for await (const problem of ahead(others, AHEAD, lookAtOther)) {
    yield problem;
    onProgress?.(++done, total);
  }
}

function* filesOf({ parts }: Survey): Generator<PlacedFile> {
  for (const part of PARTS) {
    for (const [className, files] of parts[part] ?? []) {
      for (const path of files) yield { path, part, className };
    }
  }
}
