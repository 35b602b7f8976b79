// args.json: what a run was asked for, with everything that was not said filled in; and what may change when it is
// resumed.

import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { type FileHandle, open, readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { UsageError } from '../../errors.js';
import type { TensorDtype } from '../../gpu/tensor.js';
import { type ChoicesRecord, isChoicesRecord } from '../../network/choices.js';
import { OptionsError, optionsAgain } from '../../train/checks.js';
import { PARTS, type Part } from '../../train/dataset.js';
import type { ResolvedOptions } from '../../train/defaults.js';
import type { ChosenOptions } from '../../train/options.js';
import { areRules, OLDER_RULES, type RunRules } from '../../train/standing.js';
import type { Preprocess } from '../../weights/archive.js';
import { parsePreprocess } from '../../weights/preprocess.js';
import { refusing } from '../disk.js';
import { shellWord } from '../shell_word.js';
import { ENDED_EARLY, runFile } from './folder.js';

export interface RunArguments {
  /** What the data set was found under. */
  readonly data: string;
  /** The weights: `baseRefOf` their file. */
  readonly weights: string;
  /** The same of the base, where the weights are a trained head. */
  readonly base: string | null;
  /** How pixels are prepared; what the weights' file says, in runs that began before this was written down. */
  readonly preprocess?: Preprocess;
  /** How kernels are kept on the GPU. */
  readonly dtype: TensorDtype;
  /** The head file that training began with. */
  readonly initFrom: string | null;
  readonly options: ResolvedOptions;
  readonly rules: RunRules;
  /** How many the data set has of each; runs of older versions do not say. */
  readonly pictures?: Readonly<Record<Part, number>>;
  /** The share of each class that was to validate with, where it was said; the pictures are in split.json. */
  readonly valShare?: number;
  /** The rate that was found, where it was to be searched for. */
  readonly lr?: number;
  /** `tunedKernelsOf` the run as it began. */
  readonly kernels?: ChoicesRecord;
}

/**
 * Makes an empty folder this run's, by a file that only one process can create.
 *
 * @throws UsageError where another run was faster; OutputError
 */
export async function claimRun(path: string): Promise<void> {
  let file: FileHandle;
  try {
    file = await open(path, 'wx');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST')
      throw await refusing(path, () => Promise.reject(error));
    throw new UsageError(`${path} is there already: another run has taken this folder`);
  }
  await file.close();
}

/** @throws UsageError for a folder that is no run's, or one whose arguments are damaged */
export async function readArguments(path: string): Promise<RunArguments> {
  const fault = (what: string, cause?: unknown) => new UsageError(`${path}: ${what}`, { cause });
  let said: RunArguments;
  try {
    said = JSON.parse(await readFile(path, 'utf8'));
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const isBegun = code === 'ENOENT' && existsSync(runFile(dirname(path), 'environment'));
    if (isBegun) throw new UsageError(`${dirname(path)} ${ENDED_EARLY}; train anew`, { cause: error });
    const damage = error instanceof SyntaxError ? 'it is damaged (no JSON)' : message;
    const why = code === 'ENOENT' ? 'there is no such file' : damage;
    throw fault(`${why}; is its folder that of a run?`, error);
  }
  const { weights, base, preprocess, dtype, initFrom, options, kernels, pictures } = said ?? {};
  const { rules = OLDER_RULES } = said ?? {};
  const isWhole =
    typeof weights === 'string' &&
    (base === null || typeof base === 'string') &&
    (preprocess === undefined || parsePreprocess(preprocess) !== undefined) &&
    (dtype === 'f32' || dtype === 'f16') &&
    (initFrom === null || typeof initFrom === 'string') &&
    (kernels === undefined || isChoicesRecord(kernels)) &&
    areRules(rules) &&
    (pictures === undefined ? rules.best === 'accuracy' : PARTS.every((part) => pictures[part] >= 0)) &&
    typeof options === 'object' &&
    options !== null;
  if (!isWhole) throw fault('these are not the arguments of a run');
  return { ...said, options: optionsAgain(options), rules };
}

/**
 * The options of a resumed run: its own, for nearly all of them decide what it computes. Patience may change, which
 * decides only where a run ends. A run with a constant rate may be given more epochs, or fewer; other schedules
 * stretch over all epochs, so that those behind would have been others.
 *
 * @param asked  what is said now
 * @throws UsageError that names the options that differ
 */
export function resumedOptions(
  folder: string,
  { options, rules }: RunArguments,
  asked: ChosenOptions,
): ResolvedOptions {
  const deciding = decidingOptions(options, rules);
  const mayChange = (option: string) => ['epochs', 'patience'].includes(option) && !(option in deciding);
  const changed = Object.entries(asked).filter(([option, value]) => {
    const was = options[option as keyof ChosenOptions];
    return value !== undefined && !mayChange(option) && JSON.stringify(value) !== JSON.stringify(was);
  });
  if (changed.length === 0) {
    const { epochs = options.epochs, patience = options.patience } = asked;
    return optionsAgain({ ...options, epochs, patience });
  }
  const last = `${folder}/last.safetensors`;
  throw new OptionsError(({ option, choice }) => {
    const differences = changed.map(([name, value]) => {
      return `${option(name)} was ${say(options[name as keyof ChosenOptions])}, not ${say(value)}`;
    });
    return (
      `${folder} can only go on as it began: ${differences.join('; ')}; a new run can begin with its weights: ` +
      // A command line needs quotes around spaces.
      choice('initFrom', option('initFrom') === 'initFrom' ? last : shellWord(last))
    );
  });
}

function say(value: unknown): string {
  if (Array.isArray(value)) return value.join(',') || 'none';
  return value === undefined ? 'not limited' : String(value);
}

/** The options that decide what a run computes, and not only how long. */
function decidingOptions(options: ResolvedOptions, rules: RunRules): Partial<ResolvedOptions> {
  const { epochs, patience, unfreeze, gradual, lrBase, lrDecay, headEpochs, memory, ...others } = options;
  return {
    ...others,
    // How much memory a step takes decides how its sums are cut; and checkpoints of heads alone have never had any of it in their hash.
    ...(unfreeze !== 'none' && { unfreeze, gradual, lrBase, lrDecay, headEpochs, memory }),
    ...(options.schedule !== 'constant' && { epochs }),
    // Checkpoints of older versions have it in their hash.
    ...(rules.best === 'accuracy' && { patience }),
  };
}

/** What a checkpoint remembers of the options that it was computed with. */
export function hashOfOptions(options: ResolvedOptions, rules: RunRules): string {
  const deciding = decidingOptions(options, rules);
  const sorted = Object.entries(deciding).sort(([a], [b]) => (a < b ? -1 : 1));
  return createHash('sha256').update(JSON.stringify(sorted)).digest('hex');
}
