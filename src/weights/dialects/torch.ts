// Finds a VGG16 among the tensors of a PyTorch file or of safetensors, wherever its names begin:
//
//   features.0.weight                      a state dict
//   state_dict.module.features.0.weight    of DistributedDataParallel, in a training checkpoint
//   model._orig_mod.features.0.weight      of torch.compile, the same
//   features.module.0.weight               of DataParallel around the convolutions alone
//   features.0.module.weight               of a wrapper around each layer, as FSDP's
//
// Behind that prefix the names are torchvision's or timm's, which vgg16.ts knows, or name the dense layers, which
// torch_names.ts numbers; what lies elsewhere, as an optimiser's state does, is left out, and said to be.

import { WeightsError } from '../../errors.js';
import type { Archive, FoundLayer, FoundVgg16 } from '../archive.js';
import { heeded } from '../foreign_metadata.js';
import type { StridedTensor } from '../source.js';
import { BYTES_PER_ELEMENT, type WeightsSource } from '../source.js';
import { reshaped, sizeOf } from '../strided.js';
import { listNames, quote } from '../text.js';
import { describeVgg16, type Vgg16Weights } from '../vgg16.js';
import { evidenceOf, withNumberedDense } from './torch_names.js';

/** What wrappers put into a name: DataParallel, torch.compile, FSDP, activation checkpointing. */
const WRAPPERS = ['module', '_orig_mod', '_fsdp_wrapped_module', '_checkpoint_wrapped_module'];
const WRAPPER = new RegExp(`\\.(?:${WRAPPERS.join('|')})(?=\\.)`, 'g');
/** Each step may be wrapped, so that wrappers before `features` alone belong to the prefix. */
const FIRST_KERNEL = new RegExp(`^(|.*\\.)${wrappable('features', '0')}\\.weight$`);

function wrappable(...steps: readonly string[]): string {
  return steps.map((step) => `${step}(?:\\.(?:${WRAPPERS.join('|')}))*`).join('\\.');
}

/** The prefixes of all networks in a file: what precedes the first kernel's name. */
export function prefixesOf(names: Iterable<string>): string[] {
  return [...names].flatMap((name) => FIRST_KERNEL.exec(name)?.[1] ?? []);
}

/** Whether a wrapper stands within a name, where torchvision's have none. */
export function isWrapped(names: Iterable<string>): boolean {
  return [...names].some((name) => unwrapped(name) !== name);
}

/** A name without the wrappers within: `classifier.module.0.weight` is `classifier.0.weight`. */
function unwrapped(name: string): string {
  return name.replaceAll(WRAPPER, '');
}

export interface TorchFile {
  /** What the file says of the network, as safetensors does. */
  readonly metadata?: WeightsSource['metadata'];
  /** Whether `areOurs` the metadata. */
  readonly isOurs?: boolean;
  /** Whether its tensors are in the order of the layers, as a state dict's are; those of safetensors need not be. */
  readonly keepsOrder?: boolean;
}

/**
 * @throws WeightsError where there is no VGG16, or where it is not complete
 */
export function findTorch(
  archive: Archive,
  { metadata: all = {}, isOurs = false, keepsOrder = true }: TorchFile = {},
): FoundVgg16 {
  const names = [...archive.tensors.keys()];
  const [prefix = '', ...others] = prefixesOf(names);
  const within = names.filter((name) => name.startsWith(prefix));
  const tensors = new Map(
    within.map((name) => [unwrapped(name.slice(prefix.length)), archive.tensors.get(name)!]),
  );
  const numbered = withNumberedDense(archive.path, tensors, keepsOrder);
  const source = asSource(archive.path, numbered, all);
  const { metadata, notes: leftAside } = heeded(source, isOurs);
  const described = describeVgg16({ ...source, metadata });

  const byName = (name: string) => archive.tensors.get(name)!;
  const layer = ({
    kernel,
    bias,
  }: Vgg16Weights['convs'][number] | Vgg16Weights['dense'][number]): FoundLayer => ({
    kernel: byName(kernel.name),
    bias: byName(bias.name),
  });
  const { convs, dense, featureSide, preprocess, activation, classes } = described;
  const isSaid = metadata.activation !== undefined;
  const channels = convs.at(-1)!.outputChannels;
  // Over a feature map of one pixel, flattening and averaging are the same; averaging suits larger ones as well.
  const pool = featureSide === 1 && metadata.pool === undefined ? 'avg' : described.pool;
  const left = names.filter((name) => !name.startsWith(prefix));
  checkNoHeadBehind(
    archive,
    left.filter((name) => !isWithinNetwork(name, others)),
    dense,
  );
  const notes = [
    ...leftAside,
    prefix !== '' && `the network's names begin with ${quote(prefix)}`,
    others.length > 0 && `the first of several networks is taken; others: ${listNames(others)}`,
    left.length > 0 && `left out, beside the network: ${listNames(left)}`,
    pool !== described.pool && `${quote(dense[0]!.kernel.name)} reads one number a channel: averaged`,
    assumedReluNote(dense.map(({ kernel }) => kernel.name.replace(/\.weight$/, ''))),
  ].filter((note) => typeof note === 'string');
  return {
    convs: convs.map(layer),
    dense: dense.map((weights, i) => {
      const { kernel, bias } = layer(weights);
      const readsMap = i === 0 && pool === 'flatten';
      return { kernel: readsMap ? overMap(kernel, channels, featureSide!) : overUnits(kernel), bias };
    }),
    pool,
    input: inputSaid(metadata),
    preprocess,
    ...evidenceOf(tensors, metadata),
    // What our files meant before there was a choice was softmax, but of a single output, which was a fault.
    activation: isSaid || (isOurs && dense.at(-1)?.outputs !== 1) ? activation : undefined,
    classes,
    notes,
  };
}

/** Whether a tensor belongs to one of the networks with these prefixes, as a moving average of the first does. */
function isWithinNetwork(name: string, prefixes: readonly string[]): boolean {
  return prefixes.some(
    (prefix) =>
      name.startsWith(prefix) && /^(features|classifier|pre_logits|head)\./.test(name.slice(prefix.length)),
  );
}

/**
 * @param elsewhere  names of tensors that belong to no VGG16
 * @throws WeightsError for a layer among them that reads the classifier's outputs, as `fc` behind `vgg` does: a dense one, a
 *   convolution of one pixel, a recurrent one
 */
function checkNoHeadBehind(
  { path, tensors }: Archive,
  elsewhere: readonly string[],
  dense: Vgg16Weights['dense'],
): void {
  const last = dense.at(-1);
  const behind = elsewhere.find((name) => {
    const [, inputs, ...window] = tensors.get(name)!.shape;
    return /weight[^.]*$/.test(name) && inputs === last?.outputs && window.every((size) => size === 1);
  });
  if (!last || behind === undefined) return;
  throw new WeightsError(
    `${path}: ${quote(behind)} reads the ${last.outputs} outputs of ${quote(last.kernel.name)}: a head behind a head is ` +
      'not supported, and without it the answers would be those of the first; put the new layer in the place of the old ' +
      'one (model.classifier[6] = nn.Linear(...)) and train that',
  );
}

function inputSaid({ features, size }: WeightsSource['metadata']): FoundVgg16['input'] {
  return { ...(features !== undefined && { features }), ...(size !== undefined && { size }) };
}

/** The note for a head whose ReLUs nothing tells; undefined for torchvision's and timm's own. @param layers  dense ones */
export function assumedReluNote(layers: readonly string[]): string | undefined {
  const usual = /(?:classifier\.[036]|pre_logits\.fc[12]|head\.fc)$/;
  const isUsual = layers.length === 3 && layers.every((layer) => usual.test(layer));
  return layers.length < 2 || isUsual ? undefined : 'ReLU between the dense layers is taken for granted';
}

/** Names and shapes to be judged, each under its name behind the prefix; errors tell the one in the file. */
function asSource(
  path: string,
  tensors: ReadonlyMap<string, StridedTensor>,
  metadata: WeightsSource['metadata'],
): WeightsSource {
  const entries = [...tensors].map(
    ([
      name,
      {
        name: inFile,
        shape,
        storage: { dtype },
      },
    ]) => {
      const byteLength = sizeOf(shape) * BYTES_PER_ELEMENT[dtype];
      return [name, { name: inFile, dtype, shape, byteLength }] as const;
    },
  );
  const unread = () => Promise.reject(new Error('names and shapes are judged without their numbers'));
  return { path, tensors: new Map(entries), metadata, read: unread, close: unread };
}

/** (O,C*S*S) or (O,C,S,S) as (O,C,S,S). */
function overMap(kernel: StridedTensor, channels: number, side: number): StridedTensor {
  return kernel.shape.length === 2 ? reshaped(kernel, 1, [channels, side, side]) : kernel;
}

/** (O,I) or, as timm keeps it, (O,I,1,1) as (O,I). */
function overUnits(kernel: StridedTensor): StridedTensor {
  return { ...kernel, shape: kernel.shape.slice(0, 2), strides: kernel.strides.slice(0, 2) };
}
