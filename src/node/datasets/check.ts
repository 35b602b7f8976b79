// Everything that is wrong with a data set: in its structure, in each file, and between pictures.

import { ahead } from '../../ahead.js';
import { oddityOf } from '../../model/oddity.js';
import { CHECKED_IN_USE, callback, checkOptions, type OptionRules, signal, whole } from '../../options.js';
import { type Dataset, PARTS } from '../../train/dataset.js';
import { examine, examineOther, type PlacedFile, type Problem, SEVERITIES } from './examine.js';
import { structureFaults } from './faults.js';
import { checkShare, datasetFrom, VAL_SHARE } from './find.js';
import { countFiles, pathsIn, type Survey } from './found.js';
import { refusalsOf } from './refusals.js';
import { surveyDataset } from './survey.js';

/** What training would be told, for it decides which pictures are for what where the data set does not say so. */
export interface Division {
  /** 0 by default. */
  readonly seed?: number | undefined;
  /** Share of each class to validate with, above 0 and below 1; 0.2 by default. */
  readonly valShare?: number | undefined;
}

export interface CheckOptions extends Division {
  /** Told after each file that was looked into, and how many there are. */
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

const CHECK_OPTIONS: OptionRules<CheckOptions> = {
  onProgress: callback(),
  seed: whole(0),
  valShare: CHECKED_IN_USE,
  signal,
};

/** Files in work while one is looked at: decoded pictures are large, and sharp has no more threads by default. */
const AHEAD = 4;

/**
 * Looks into every file of a data set and gives what is wrong, as it is found; last, why training would stop at it. All that
 * is held is names, 16 bytes of each picture, and the few that are being decoded.
 *
 * @param found  a path, as for `findDataset`, or what was found there
 * @throws UsageError for a share to validate with that is none; as `surveyDataset`; the signal's reason
 */
export async function* checkDataset(
  found: string | Survey,
  options: CheckOptions = {},
): AsyncGenerator<Problem> {
  checkOptions('checkDataset()', options, CHECK_OPTIONS);
  const { onProgress, signal, ...division } = options;
  const survey = typeof found === 'string' ? await surveyDataset(found, signal) : found;
  const { name, folder, strays, others } = survey;
  const dataset = trainedOn(survey, division);
  for (const reason of structureFaults(survey)) yield { kind: 'structure', path: name, reason };
  // Where there is nothing else, the structure's fault names them.
  const besides = countFiles(survey.parts.train) > 0 ? strays : [];
  for (const path of besides) yield { kind: 'stray', path, reason: 'it lies in no class folder' };
  const total = PARTS.reduce((sum, part) => sum + countFiles(survey.parts[part]), others.length);
  let done = 0;
  const placeOf = pathsIn(folder);
  const broken = new Set<string>();
  const twins = new Twins();
  const look = async (file: PlacedFile) => {
    signal?.throwIfAborted();
    return { file, ...(await examine(file.path, placeOf(file.path))) };
  };
  for await (const { file, problem, digest, size } of ahead(filesOf(survey), AHEAD, look)) {
    if (problem) yield problem;
    if (problem && SEVERITIES[problem.kind] === 'broken') broken.add(placeOf(file.path));
    const oddity = size && oddityOf(size);
    if (oddity) yield { ...oddity, path: file.path };
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
  const refusals = dataset ? refusalsOf(dataset, ({ name: place }) => broken.has(place)) : [];
  for (const reason of refusals) yield { kind: 'refused', path: name, reason };
}

/** What the owner of a data set should know, a line each: the same that training says. @throws UsageError as `checkDataset` */
export function notesOn(survey: Survey, division: Division = {}): readonly string[] {
  if (countFiles(survey.parts.train) === 0) return [];
  return (trainedOn(survey, division) ?? survey).notes;
}

/** The data set that training would make of it; undefined where its structure has faults. @throws UsageError for a share that is none */
function trainedOn(survey: Survey, { seed = 0, valShare = VAL_SHARE }: Division): Dataset | undefined {
  checkShare(valShare);
  return structureFaults(survey).length > 0 ? undefined : datasetFrom(survey, seed, valShare);
}

function* filesOf({ parts }: Survey): Generator<PlacedFile> {
  for (const part of PARTS) {
    for (const [className, files] of parts[part] ?? []) {
      for (const path of files) yield { path, part, className };
    }
  }
}

/** Finds pictures that are the same, byte for byte: harmless copies, contradictions, and pictures that are both learnt and asked. */
class Twins {
  /** The pictures that were seen first, by their digest. */
  readonly #first = new Map<string, PlacedFile>();

  /** What is wrong where the same bytes were seen before. */
  problemOf(file: PlacedFile, digest: string): Problem | undefined {
    const first = this.#first.get(digest);
    if (!first) {
      this.#first.set(digest, file);
      return undefined;
    }
    const { path } = file;
    const same = `it is the same as ${first.path}`;
    if (first.className !== file.className) {
      return { kind: 'contradiction', path, reason: `${same}, which is of the class ${first.className}` };
    }
    if (first.part !== file.part) {
      return { kind: 'leak', path, reason: `${same}, which is in ${first.part}` };
    }
    return { kind: 'duplicate', path, reason: same };
  }
}
