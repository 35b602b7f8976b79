// A trained head in a file of its own: its dense layers, what they read, and which base they stand on; `compose.ts` puts
// the two together. A checkpoint is such a file that holds the state of its training as well, which readers of a head
// leave alone.
//
//   tensors    classifier.<3i>.weight (O,I), .bias (O)   as torchvision has them; a flattened map's inputs are in the order C, H, W
//              features.<i>.weight (O,I,3,3), .bias (O)  of the blocks that were trained with it, which replace the base's
//              train.*                                   state of the training, in a checkpoint
//   metadata   head features pool size classes preprocess base base-fingerprint, unfrozen where blocks were trained; train.* in a
//              checkpoint

import { CONVS, type ConvName, convsUntil, torchvisionDense } from '../architecture.js';
import { WeightsError } from '../errors.js';
import { unfitNumber } from './finite.js';
import { findNonFinite, readFloats } from './floats.js';
import {
  formatHeadFacts,
  type HeadFacts,
  parseHeadFacts,
  saysHead,
  TRAINING_PREFIX,
} from './head_metadata.js';
import type { SafetensorsWriter, TensorToWrite } from './safetensors.js';
import type { TensorEntry, WeightsSource } from './source.js';
import { formatShape, quote } from './text.js';

export type { BaseRef, HeadFacts } from './head_metadata.js';

/** A tensor of a head with its numbers, row-major. */
export interface HeadTensor {
  readonly name: string;
  readonly shape: readonly number[];
  readonly values: Float32Array;
}

/** A tensor of a training's state, read when it is written. */
export interface StateToWrite {
  /** Without `train.` */
  readonly name: string;
  readonly shape: readonly number[];
  read(): Promise<Float32Array>;
}

export interface HeadToWrite extends Omit<HeadFacts, 'features'> {
  /** `block1_pool` to `block5_pool` */
  readonly features: string;
  /** Inputs of the first dense layer, then the outputs of each. */
  readonly units: readonly number[];
  /** The convolutions that were trained with it, in their order; none for a head alone. */
  readonly convs?: readonly TrainedConv[] | undefined;
  /** Kernel and bias of each layer in turn: those of `trainedConvs`, then those of `headLayout(units)`. */
  readonly tensors: AsyncIterable<HeadTensor>;
  /** What a checkpoint holds besides. */
  readonly state?: readonly StateToWrite[] | undefined;
  /** Further texts; what concerns only the training begins with `train.` */
  readonly metadata?: Readonly<Record<string, string>> | undefined;
}

/** A convolution that was trained with a head. */
export interface TrainedConv {
  readonly name: ConvName;
  readonly inputChannels: number;
  readonly outputChannels: number;
}

/** Names and shapes of the tensors of convolutions. */
export function convLayout(convs: readonly TrainedConv[]): Pick<HeadTensor, 'name' | 'shape'>[] {
  return convs.flatMap(({ name, inputChannels, outputChannels }) => {
    const { torchvision } = CONVS.find((conv) => conv.name === name)!;
    return [
      { name: `${torchvision}.weight`, shape: [outputChannels, inputChannels, 3, 3] },
      { name: `${torchvision}.bias`, shape: [outputChannels] },
    ];
  });
}

/** Names and shapes of a head's tensors, in the order in which they lie in its file. */
export function headLayout(units: readonly number[]): Pick<HeadTensor, 'name' | 'shape'>[] {
  return units.slice(1).flatMap((outputs, i) => [
    { name: `${torchvisionDense(i)}.weight`, shape: [outputs, units[i]!] },
    { name: `${torchvisionDense(i)}.bias`, shape: [outputs] },
  ]);
}

/**
 * Writes a head, a tensor at a time. Equal input gives equal bytes.
 *
 * @throws WeightsError for facts that make no sense, and tensors that are not those of `units`, or not finite
 * @throws OutputError  as `write`
 */
export async function writeHeadWith(
  path: string,
  head: HeadToWrite,
  write: SafetensorsWriter,
): Promise<void> {
  const { units, convs = [], tensors, state = [], metadata = {} } = head;
  const facts = formatHeadFacts(head);
  const all = { ...facts, ...metadata, ...facts }; // first, and not to be overwritten
  const { classes } = parseHeadFacts({ path, metadata: all });
  checkOutputs(path, classes, units.at(-1));
  const given = tensors[Symbol.asyncIterator]();
  const ofHead = [...convLayout(convs), ...headLayout(units)].map(({ name, shape }): TensorToWrite => {
    return { name, shape, dtype: 'F32', data: one(() => nextKernelOrBias(path, given, name, shape)) };
  });
  const ofTraining = state.map(({ name, shape, read }): TensorToWrite => {
    return { name: `${TRAINING_PREFIX}${name}`, shape, dtype: 'F32', data: one(read) };
  });
  try {
    await write(path, [...ofHead, ...ofTraining], all);
  } finally {
    await given.return?.();
  }
}

/** The numbers of the layout's next tensor, which must be the next one given, and finite. */
async function nextKernelOrBias(
  path: string,
  given: AsyncIterator<HeadTensor>,
  name: string,
  shape: readonly number[],
): Promise<Float32Array> {
  const { done, value } = await given.next();
  const wanted = `${quote(name)} ${formatShape(shape)}`;
  if (done) throw new WeightsError(`${path}: the head to be written ends before ${wanted}`);
  const found = `${quote(value.name)} ${formatShape(value.shape)}`;
  if (found !== wanted) {
    throw new WeightsError(`${path}: the head to be written has ${found} where its units need ${wanted}`);
  }
  const at = findNonFinite(bytesOf(value.values), 'F32');
  if (at >= 0) throw unfitNumber(path, name, at, value.values[at]!);
  return value.values;
}

async function* one(read: () => Promise<Float32Array>): AsyncGenerator<Uint8Array> {
  yield bytesOf(await read());
}

function bytesOf({ buffer, byteOffset, byteLength }: Float32Array): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}

function checkOutputs(path: string, classes: readonly string[], outputs: number | undefined): void {
  if (classes.length === outputs) return;
  throw new WeightsError(
    `${path}: metadata classes has ${classes.length} names, but the head has ${outputs ?? 0} outputs`,
  );
}

/** A head file, open. Whoever opened it closes it. */
export interface HeadFile extends HeadFacts {
  readonly path: string;
  /** All of it, that of its training as well. */
  readonly metadata: Readonly<Record<string, string>>;
  /** The head's own, as they are called in the file. */
  readonly tensors: readonly TensorEntry[];
  /** Names, without `train.`, and shapes of what a checkpoint holds besides. */
  readonly state: ReadonlyMap<string, TensorEntry>;
  /** Of everything in the file. */
  readonly source: WeightsSource;
  /** @throws RangeError for a name that is not of `state`; WeightsError where the file ends early */
  readState(name: string): Promise<Float32Array>;
  close(): Promise<void>;
}

/** The head in an open file; closing it closes the file, which is closed at once where this fails. @throws WeightsError for a file that is no head */
export async function openHead(source: WeightsSource): Promise<HeadFile> {
  try {
    if (!saysHead(source))
      throw new WeightsError(`${source.path}: not a head: its metadata do not say \`head\``);
    return headFileOf(source);
  } catch (error) {
    await source.close();
    throw error;
  }
}

/** Of the convolutions that a head's file brings along. */
function trainedNames({ unfrozen, features }: HeadFacts): string[] {
  if (unfrozen === undefined) return [];
  const lowest = Number(unfrozen.at(-1));
  const convs = convsUntil(features).filter(({ block }) => block >= lowest);
  return convs.flatMap(({ torchvision }) => [`${torchvision}.weight`, `${torchvision}.bias`]);
}

/** The head in an open file that says that it is one; closing it closes the file. @throws WeightsError as `openHead` */
export function headFileOf(source: WeightsSource): HeadFile {
  const { path, metadata } = source;
  const facts = parseHeadFacts(source);
  const entries = [...source.tensors.values()];
  const isOfTraining = ({ name }: TensorEntry) => name.startsWith(TRAINING_PREFIX);
  const isOfBase = ({ name }: TensorEntry) => name.startsWith('features.');
  const trained = trainedNames(facts);
  const stray = entries.find((entry) => isOfBase(entry) && !trained.includes(entry.name));
  if (stray) throw new WeightsError(`${path}: a head with a tensor of a base, ${quote(stray.name)}`);
  const missing = trained.find((name) => !source.tensors.has(name));
  if (missing) {
    throw new WeightsError(
      `${path}: ${facts.unfrozen} was trained with this head, but ${quote(missing)} is not in it`,
    );
  }
  return {
    ...facts,
    path,
    metadata,
    source,
    tensors: entries.filter((entry) => !isOfTraining(entry)),
    state: new Map(
      entries.filter(isOfTraining).map((entry) => [entry.name.slice(TRAINING_PREFIX.length), entry]),
    ),
    readState: (name) => readFloats(source, `${TRAINING_PREFIX}${name}`),
    close: () => source.close(),
  };
}
