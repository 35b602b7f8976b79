// A VGG16 of any width from scratch: random numbers in a file of their own, which all convolutions begin with, and a run that trains all
// of them with a head. What comes of it is a base like any other.

import { join } from 'node:path';
import { CONVS } from '../../architecture.js';
import { UsageError } from '../../errors.js';
import type { Gpu } from '../../gpu/gpu.js';
import { GPU } from '../../model/options.js';
import { checkOptions, type OptionRules, text, value } from '../../options.js';
import type { Dataset } from '../../train/dataset.js';
import { PRETRAINING } from '../../train/defaults.js';
import { initialKernel } from '../../train/head/initialise.js';
import { CHOSEN_OPTIONS, type ChosenOptions } from '../../train/options.js';
import { preprocessText } from '../../weights/preprocess.js';
import type { TensorToWrite } from '../../weights/safetensors.js';
import { createRun, runFile } from '../runs/folder.js';
import { VGG16 } from '../vgg16.js';
import { convertWeights } from '../weights/convert.js';
import { writeSafetensors } from '../weights/safetensors.js';
import { trainHead } from './new_run.js';
import type { TrainResult } from './result.js';
import { type ResumeOptions, resumeRun } from './resumed_run.js';
import { SESSION_OPTIONS, type SessionOptions } from './session.js';

/** What is trained, and from where on, is settled. */
type PretrainChoices = Omit<
  ChosenOptions,
  'unfreeze' | 'headEpochs' | 'lrBase' | 'lrDecay' | 'features' | 'pool' | 'head' | 'hidden' | 'standardise'
>;

export interface PretrainOptions extends PretrainChoices, SessionOptions {
  /** The run's folder, made for it or empty. */
  readonly out: string;
  /** Channels of each convolution, in those of the paper: 0.25 has 16 to 128. */
  readonly width?: number | undefined;
  /** A device to share; without it one is opened. */
  readonly gpu?: Gpu | undefined;
  readonly adapter?: string | undefined;
  /** As of `trainHead`. */
  readonly valShare?: number | undefined;
}

const PRETRAIN_OPTIONS: OptionRules<PretrainOptions> = {
  ...CHOSEN_OPTIONS,
  ...SESSION_OPTIONS,
  out: text,
  width: value(
    'a number above 0 and at most 4',
    (width) => typeof width === 'number' && width > 0 && width <= 4,
  ),
  gpu: GPU,
  adapter: text,
  valShare: value(
    'a number above 0 and below 1',
    (share) => typeof share === 'number' && share > 0 && share < 1,
  ),
} as OptionRules<PretrainOptions>;

/** What a pretraining came to. */
export interface PretrainResult extends TrainResult {
  /** The whole network in one file: classes, preprocessing and all convolutions. */
  readonly weights: string;
}

/** The file of the network that has learnt nothing yet but its classes' names. */
const WHOLE = 'whole.safetensors';

/**
 * Trains a VGG16 from random numbers on. Its pictures' pixels are held in memory. Resumable by `resumePretraining`.
 *
 * @throws as `trainHead`
 */
export async function pretrain(dataset: Dataset, options: PretrainOptions): Promise<PretrainResult> {
  checkOptions('pretrain()', options, PRETRAIN_OPTIONS, ['out']);
  const { out, width = PRETRAINING_WIDTH, gpu, adapter, valShare, ...rest } = options;
  const { cacheFolder, onEvent, signal, ...chosen } = rest;
  await createRun(out);
  const init = runFile(out, 'init');
  await writeRandomBase(init, width, chosen.seed ?? 0);
  const model = await VGG16.load({ weights: init, gpu, adapter, signal, tuned: false });
  try {
    const said = Object.fromEntries(Object.entries(chosen).filter(([, said]) => said !== undefined));
    const lr = (said.lr as ChosenOptions['lr']) ?? PRETRAINING.lr;
    if (lr === 'auto') throw new UsageError('lr is auto; a network that has learnt nothing needs a number');
    const result = await trainHead(model, dataset, {
      ...PRETRAINING,
      ...said,
      ...{ lr, lrBase: lr, unfreeze: 'all', headEpochs: 0, features: 'block5_pool', pool: 'avg' },
      ...{ out, valShare, cacheFolder, onEvent, signal },
    });
    return await exported(result);
  } finally {
    model.dispose();
  }
}

const PRETRAINING_WIDTH = 0.25;

/** Goes on with a pretraining that was interrupted. @throws as `resumeRun` */
export async function resumePretraining(
  folder: string,
  options: ResumeOptions = {},
): Promise<PretrainResult> {
  return exported(await resumeRun(folder, options));
}

async function exported(result: TrainResult): Promise<PretrainResult> {
  const weights = join(result.folder!, WHOLE);
  await convertWeights(runFile(result.folder!, 'best'), weights, { dtype: 'f32', overwrite: true });
  return { ...result, weights };
}

/**
 * Kernels as `initialKernel` draws them, biases of zero, for pixels as torchvision prepares them.
 *
 * @throws OutputError
 */
export async function writeRandomBase(path: string, width: number, seed: number): Promise<void> {
  let C = 3;
  const tensors = CONVS.flatMap(({ name, channels, torchvision }): TensorToWrite[] => {
    const O = Math.max(1, Math.round(channels * width));
    const [kernel, bias] = [new Float32Array(9 * C * O), new Float32Array(O)];
    initialKernel(seed, { name, inputs: 9 * C, isLast: false })(kernel);
    const shape = [O, C, 3, 3];
    C = O;
    return [
      { name: `${torchvision}.weight`, shape, dtype: 'F32', data: once(kernel) },
      { name: `${torchvision}.bias`, shape: [O], dtype: 'F32', data: once(bias) },
    ];
  });
  await writeSafetensors(path, tensors, {
    preprocess: preprocessText('torchvision'),
    source: `random numbers of seed ${seed}, ${width} times as wide as VGG16`,
  });
}

async function* once(values: Float32Array): AsyncGenerator<Uint8Array> {
  yield new Uint8Array(values.buffer);
}
