// Which file is meant where a command takes weights: a file, or a name for one that this package knows where to find.

import { InvalidArgumentError, Option } from 'commander';
import type { Activation } from '../architecture.js';
import { EMBEDDED } from '../node/embedded.js';
import { fetchWeights } from '../node/fetch/fetch.js';
import { type LocatedWeights, locateWeights, namedSource } from '../node/weights/locate.js';
import { type OpenOptions, openWeights } from '../node/weights/open.js';
import { ACTIVATIONS } from '../weights/activation.js';
import type { Preprocess } from '../weights/archive.js';
import type { OpenedWeights } from '../weights/opened.js';
import { PREPROCESSES, parsePreprocess, RECIPE_HINT } from '../weights/preprocess.js';
import { type FetchFlags, fetchWithBar } from './fetching.js';
import type { Terminal } from './terminal.js';

/** For `command.option`, wherever a trained head is taken for weights. */
export const BASE_OPTION = ['--base <file>', 'what a trained head stands on, where it moved'] as const;

/** For `command.addOption`, wherever weights are named. */
export function preprocessOption(): Option {
  const text =
    `how the network expects its pixels: ${PREPROCESSES.join(', ')}, ${RECIPE_HINT} (default: what the file says, or a ` +
    'guess, which a note tells)';
  return new Option('--preprocess <how>', text).argParser((said) => {
    const known = parsePreprocess(said);
    if (known) return known;
    throw new InvalidArgumentError(`It is ${PREPROCESSES.join(', ')}, ${RECIPE_HINT}.`);
  });
}

/** For `command.addOption`, wherever the probabilities of a classifier matter. */
export function activationOption(): Option {
  const text =
    'what makes probabilities of the outputs: softmax if a picture has one class, sigmoid if it may have several ' +
    '(default: what the file says, or softmax, with a note)';
  return new Option('--activation <name>', text).choices(ACTIVATIONS);
}

/** What may be said of a weights file that it does not say itself. */
export interface WeightsFlags extends BaseFlags {
  readonly preprocess?: Preprocess | undefined;
  readonly activation?: Activation | undefined;
}

export interface BaseFlags extends Pick<FetchFlags, 'offline'> {
  readonly base?: string | undefined;
}

/** Whether the name stands for weights that are downloaded where they are not in the cache. */
export function isFetched(name: string): boolean {
  return typeof namedSource(name) === 'object';
}

/**
 * The file that is meant, as `locateWeights` finds it, with a bar where it has to be fetched; the embedded base where nothing is
 * named.
 *
 * @throws as `locateWeights`
 */
export async function weightsFile(
  name: string | undefined,
  { offline }: Pick<FetchFlags, 'offline'>,
  terminal: Terminal,
): Promise<LocatedWeights> {
  return locateWeights(name ?? EMBEDDED, (known) =>
    fetchWithBar({ offline }, terminal, (options) => fetchWeights(known, options)),
  );
}

/**
 * The base that is to stand below a head, where one is named.
 *
 * @throws as `fetchWeights`
 */
export async function baseFile(
  { base, offline }: BaseFlags,
  terminal: Terminal,
): Promise<string | undefined> {
  if (base === undefined) return undefined;
  const { path } = await weightsFile(base, { offline }, terminal);
  return path;
}

/** Keeps a file open for as long as `use` takes. @throws as `openWeights` and `use` */
export async function withWeights<T>(
  path: string,
  use: (source: OpenedWeights) => T | Promise<T>,
  options: OpenOptions = {},
): Promise<T> {
  const source = await openWeights(path, options);
  try {
    return await use(source);
  } finally {
    await source.close();
  }
}
