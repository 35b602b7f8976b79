// Opens a weights file, whatever its format; a head alone together with its base.

import { createHash } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { UsageError, WeightsError } from '../../errors.js';
import { checkOptions, type OptionRules, path } from '../../options.js';
import { ACTIVATION } from '../../weights/activation.js';
import { checkBase, NAME_ANOTHER, type OpenedBase, withBase } from '../../weights/compose.js';
import { fingerprintOf } from '../../weights/fingerprint.js';
import { type HeadFile, headFileOf } from '../../weights/head_file.js';
import { saysHead } from '../../weights/head_metadata.js';
import type { OpenedWeights, ReadOptions } from '../../weights/opened.js';
import { PREPROCESS } from '../../weights/preprocess.js';
import { describeVgg16, type Vgg16Weights } from '../../weights/vgg16.js';
import { fileOf, locateWeights, pathOf, pathOfRef } from './locate.js';
import { openWeightsPath } from './open_path.js';

export interface OpenOptions extends ReadOptions {
  /** For a head: the file of its base, instead of the one that it says. */
  readonly base?: string | URL | undefined;
}

const OPEN_OPTIONS: OptionRules<OpenOptions> = {
  preprocess: PREPROCESS,
  activation: ACTIVATION,
  base: path,
};

/**
 * Opens weights in torchvision's names and layout; `describeVgg16` tells their layers. A trained head is opened together
 * with the base that it was trained on, and is a whole VGG16 with it.
 *
 * @param file  a name of `fetchWeights` or `embedded`; or a path or a `file:` URL of a safetensors, PyTorch, Keras, NumPy, ONNX or TensorFlow.js file, which is
 *   known by its content; TensorFlow.js' may be the folder of model.json, a trained head's that of its run
 * @throws WeightsError for a file that is missing, damaged, of no known format, or without a VGG16; for a head whose base
 *   is missing or another; UsageError for a base with what is no head, and for an unknown preprocess or activation
 */
export async function openWeights(file: string | URL, options: OpenOptions = {}): Promise<OpenedWeights> {
  checkOptions('openWeights()', options, OPEN_OPTIONS);
  const source = await openAsItIs(file, options);
  try {
    if (saysHead(source)) {
      const head = headFileOf(source);
      return withBase(source, head, await openBase(head, options.base));
    }
    if (options.base === undefined) return source;
    throw new UsageError(
      `${source.path} is no head: it has convolutions of its own, and --base (base) is for heads`,
    );
  } catch (error) {
    await source.close();
    throw error;
  }
}

/** As `openWeights`, but a head without its base. */
export async function openAsItIs(file: string | URL, options: ReadOptions = {}): Promise<OpenedWeights> {
  const { path } = await locateWeights(pathOf(file));
  return openWeightsPath(await fileOf(path), options);
}

/**
 * `fingerprintOf` the weights in a file.
 *
 * @throws WeightsError as `openWeights`, and where the file ends early; UsageError as `fingerprintOf`
 */
export async function fingerprintOfFile(
  file: string | URL,
  until: string,
  options: OpenOptions = {},
): Promise<string> {
  const { path } = await locateWeights(pathOf(file));
  const known = fingerprints.get(await stateOf(await fileOf(path), until, options));
  if (known !== undefined) return known;
  const source = await openWeights(file, options);
  try {
    return await fingerprintOnce(source, describeVgg16(source), until, options);
  } finally {
    await source.close();
  }
}

/** What this process has hashed: a command asks for the same base when it opens a head, and when it looks for its features. */
const fingerprints = new Map<string, string>();

/** `fingerprintOf`, unless this file, as it is now, has been hashed before. */
async function fingerprintOnce(
  source: OpenedWeights,
  weights: Vgg16Weights,
  until: string,
  options: ReadOptions,
): Promise<string> {
  const state = await stateOf(source.path, until, options);
  const known = fingerprints.get(state);
  if (known !== undefined) return known;
  const fingerprint = await fingerprintOf(weights, until, createHash('sha256'));
  // A file that changed while it was read, or that has its numbers in other files, is hashed again next time.
  const isWhole = !/TensorFlow\.js|ONNX/.test(source.format) && source.base === undefined;
  if (isWhole && (await stateOf(source.path, until, options)) === state) fingerprints.set(state, fingerprint);
  return fingerprint;
}

/** Tells a file's content from another, as far as its size and time do, and how it is read. */
async function stateOf(path: string, until: string, { preprocess }: ReadOptions): Promise<string> {
  const found = await stat(path, { bigint: true }).catch(() => undefined);
  return JSON.stringify([path, String(found?.size), String(found?.mtimeNs), until, preprocess ?? null]);
}

/**
 * Opens the base that a head was trained on.
 *
 * @param named  a file instead of the one that the head says
 * @throws WeightsError where it is missing, damaged, no base, or not the one that the head was trained on
 */
async function openBase(head: HeadFile, named?: string | URL): Promise<OpenedBase> {
  const path =
    named === undefined
      ? await pathOfRef(head.base.ref, `${head.path}: its base`, dirname(head.path), NAME_ANOTHER)
      : (await locateWeights(pathOf(named))).path;
  if (!(await exists(path))) {
    throw new WeightsError(`${head.path}: its base, ${path}, is not there; ${NAME_ANOTHER}`);
  }
  const source = await openAsItIs(path, { preprocess: head.preprocess });
  try {
    if (saysHead(source)) {
      throw new WeightsError(`${head.path}: its base, ${path}, is a head itself; ${NAME_ANOTHER}`);
    }
    const base = { source, weights: describeVgg16(source) };
    const read = { preprocess: head.preprocess };
    await checkBase(head, base, (weights, until) => fingerprintOnce(source, weights, until, read));
    return base;
  } catch (error) {
    await source.close();
    throw error;
  }
}

function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
