// Choices as a JSON file, one for each adapter and dtype. It says what they were measured with: by another driver or version of
// this package they would not be the fastest any more, and might not exist.

import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Gpu } from '../gpu/gpu.js';
import type { TensorDtype } from '../gpu/tensor.js';
import { isConv3x3Candidate } from '../kernels/conv3x3/candidates.js';
import { isLinearCandidate } from '../kernels/linear/candidates.js';
import { Choices, type ConvEntry, type DenseEntry, type Entry } from '../network/choices.js';
import { cacheFolder } from './cache.js';

/** What choices hold for. */
export interface ChoicesKey {
  readonly adapter: { readonly vendor: string; readonly architecture: string; readonly device: string };
  readonly driver: string;
  readonly version: string;
  readonly dtype: TensorDtype;
}

/** What is written: the key, and what was chosen. */
export interface ChoicesRecord extends ChoicesKey {
  readonly conv3x3: readonly ConvEntry[];
  readonly linear: readonly DenseEntry[];
}

export function choicesKeyOf({ info }: Pick<Gpu, 'info'>, dtype: TensorDtype): ChoicesKey {
  const { vendor, architecture, device, description } = info;
  return { adapter: { vendor, architecture, device }, driver: description, version: __VERSION__, dtype };
}

/** Driver and version are not in the name, so that what is no good any more is replaced. */
export function choicesPath({ adapter, dtype }: ChoicesKey, folder = cacheFolder()): string {
  const { vendor, architecture, device } = adapter;
  const text = JSON.stringify([vendor, architecture, device, dtype]);
  const name = createHash('sha256').update(text).digest('hex').slice(0, 16);
  return join(folder, 'tuning', `${name}.json`);
}

export function recordOf(key: ChoicesKey, { conv3x3, linear }: Choices): ChoicesRecord {
  return { ...key, conv3x3, linear };
}

/** Choices, and why there are none though there is something. */
export interface FoundChoices {
  readonly choices: Choices;
  readonly fault: string | undefined;
}

/** Whether choices are wanted where nobody says so: the environment may have VGG16_TUNED=0. */
export function areChoicesWanted(): boolean {
  return process.env.VGG16_TUNED !== '0';
}

/** What there is for this adapter. A file that cannot be used is a fault to be told, never an error. */
export async function readChoices(gpu: Gpu, dtype: TensorDtype, path?: string): Promise<FoundChoices> {
  const key = choicesKeyOf(gpu, dtype);
  const file = path ?? choicesPath(key);
  const { choices, fault } = await readFile(file, 'utf8').then(
    (text) => choicesIn(gpu, key, text),
    (error: NodeJS.ErrnoException) => ({
      choices: Choices.NONE,
      fault: error.code === 'ENOENT' ? undefined : error.message,
    }),
  );
  const advice = 'what `vgg16 tune` chose is left aside until it is run again';
  return { choices, fault: fault === undefined ? undefined : `${file}: ${fault}; ${advice}` };
}

/** The choices that a model is to use. @param tuned  as `Vgg16Options` has it */
export async function choicesFor(
  gpu: Gpu,
  dtype: TensorDtype,
  tuned: boolean | ChoicesRecord = areChoicesWanted(),
): Promise<FoundChoices> {
  if (typeof tuned === 'object') {
    const { choices, fault } = choicesOf(gpu, choicesKeyOf(gpu, dtype), tuned);
    return { choices, fault: fault && `what was chosen before ${fault}; it is left aside` };
  }
  return tuned ? readChoices(gpu, dtype) : { choices: Choices.NONE, fault: undefined };
}

function choicesIn(gpu: Gpu, key: ChoicesKey, text: string): FoundChoices {
  let record: unknown;
  try {
    record = JSON.parse(text);
  } catch (error) {
    return { choices: Choices.NONE, fault: `is damaged (${(error as Error).message})` };
  }
  return choicesOf(gpu, key, record);
}

/** What a record holds for this key, and that the adapter, as it was opened, can do. */
function choicesOf(gpu: Gpu, key: ChoicesKey, value: unknown): FoundChoices {
  const none = (fault: string) => ({ choices: Choices.NONE, fault });
  if (!isChoicesRecord(value)) return none('is damaged');
  const { conv3x3, linear, version, driver, adapter, dtype } = value;
  if (version !== key.version) return none(`is of vgg16-webgpu ${version}, this is ${key.version}`);
  if (driver !== key.driver) return none(`is of the driver "${driver}", this is "${key.driver}"`);
  const { vendor, architecture, device } = key.adapter;
  const isOwn =
    adapter.vendor === vendor && adapter.architecture === architecture && adapter.device === device;
  if (!isOwn || dtype !== key.dtype) return none('is of another adapter or dtype');
  const choices = new Choices(
    conv3x3.filter(({ shape, choice }) => isConv3x3Candidate(gpu, shape, key.dtype, choice)),
    linear.filter(({ shape, choice }) => isLinearCandidate(gpu, shape, choice)),
  );
  return { choices, fault: undefined };
}

export function isChoicesRecord(value: unknown): value is ChoicesRecord {
  if (!isObject(value) || !isObject(value.adapter)) return false;
  const texts = [value.driver, value.version, value.dtype];
  return (
    texts.every((text) => typeof text === 'string') &&
    isEntries(value.conv3x3, ['N', 'H', 'W', 'C', 'O']) &&
    value.conv3x3.every(({ shape }) => typeof (shape as { pooled?: unknown }).pooled === 'boolean') &&
    isEntries(value.linear, ['N', 'D', 'O'])
  );
}

function isEntries(value: unknown, sides: readonly string[]): value is readonly Entry<object, object>[] {
  const isEntry = (entry: unknown) =>
    isObject(entry) &&
    isObject(entry.shape) &&
    isObject(entry.choice) &&
    typeof entry.choice.rung === 'string' &&
    sides.every((side) => isCount((entry.shape as Record<string, unknown>)[side])) &&
    typeof entry.ms === 'number' &&
    typeof entry.defaultMs === 'number';
  return Array.isArray(value) && value.every(isEntry);
}

function isCount(value: unknown): boolean {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 1;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
