// Finds a VGG16 among the tensors of a PyTorch file or of safetensors, wherever its names begin:
//
//   features.0.weight                      a state dict
//   state_dict.module.features.0.weight    of DistributedDataParallel, in a training checkpoint
//   model._orig_mod.features.0.weight      of torch.compile, the same
//   features.module.0.weight               of DataParallel around the convolutions alone
//   features.0.module.weight               of a wrapper around each layer, as FSDP's
//
// Behind that prefix the names are torchvision's or timm's, which vgg16.ts knows, or name the dense layers, which
// torch_names.ts numbers; normalisation among them, and names of other kinds, are torch_layers.ts'. What lies elsewhere, as an
// optimiser's state does, is left out, and said to be.

import { type Activation, isFlattened } from '../../architecture.js';
import { WeightsError } from '../../errors.js';
import type { Archive, FoundLayer, FoundVgg16 } from '../archive.js';
import { heeded } from '../foreign_metadata.js';
import type { StridedTensor } from '../source.js';
import { BYTES_PER_ELEMENT, type WeightsSource } from '../source.js';
import { reshaped, sizeOf } from '../strided.js';
import { listNames, quote } from '../text.js';
import { describeVgg16, type Vgg16Weights } from '../vgg16.js';
import { inOrderOfFile, withBiases, withConvsNumbered, withNormsFolded } from './torch_layers.js';
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

/** A network's tensors, as torchvision or timm calls them. */
interface Network {
  readonly tensors: ReadonlyMap<string, StridedTensor>;
  /** What precedes its names in the file. */
  readonly prefix: string;
  /** The prefixes of further networks. */
  readonly others: readonly string[];
  readonly notes: readonly string[];
  /** Whether it was told by names; else by the order of its layers. */
  readonly isNamed: boolean;
}

/**
 * @throws WeightsError where there is no VGG16, or where it is not complete
 * @throws FileFault for normalisation that cannot be folded into the layers beside it
 */
export async function findTorch(
  archive: Archive,
  { metadata: all = {}, isOurs = false, keepsOrder = true }: TorchFile = {},
): Promise<FoundVgg16> {
  const { tensors, prefix, others, notes: arranged, isNamed } = await networkIn(archive, keepsOrder);
  const source = asSource(archive.path, tensors, all);
  const { metadata, notes: leftAside } = heeded(source, isOurs);
  const described = describeVgg16({ ...source, metadata });

  const byName = new Map([...tensors.values()].map((tensor) => [tensor.name, tensor]));
  const layer = ({
    kernel,
    bias,
  }: Vgg16Weights['convs'][number] | Vgg16Weights['dense'][number]): FoundLayer => ({
    kernel: byName.get(kernel.name)!,
    bias: byName.get(bias.name)!,
  });
  const { convs, dense, featureSide, preprocess, activation, classes } = described;
  const told = toldByModules(archive, prefix);
  const isSaid = metadata.activation !== undefined;
  const channels = convs.at(-1)!.outputChannels;
  // Over a feature map of one pixel, all poolings are the same; averaging suits larger ones as well.
  const isOpen = featureSide === 1 && metadata.pool === undefined;
  const pool = isOpen ? (told.pool ?? 'avg') : described.pool;
  const left = leftBeside(archive, prefix, byName.keys());
  checkNoHeadBehind(
    archive,
    left.filter((name) => !isWithinNetwork(name, others)),
    dense,
  );
  const named = classes ? undefined : classesIn(archive, dense.at(-1)?.outputs);
  const notes = [
    ...leftAside,
    prefix !== '' && `the network's names begin with ${quote(prefix)}`,
    others.length > 0 && `the first of several networks is taken; others: ${listNames(others)}`,
    left.length > 0 && `left out, beside the network: ${listNames(left)}`,
    ...arranged,
    isOpen &&
      `${quote(dense[0]!.kernel.name)} reads one number per channel: ${pool === 'max' ? 'the largest' : 'averaged'}`,
    isNamed && assumedReluNote(dense.map(({ kernel }) => kernel.name.replace(/\.weight$/, ''))),
    named && `the classes are named by the file's ${quote(named.key)}`,
  ].filter((note) => typeof note === 'string');
  const evidence = evidenceOf(tensors, metadata);
  return {
    convs: convs.map(layer),
    dense: dense.map((weights, i) => {
      const { kernel, bias } = layer(weights);
      const readsMap = i === 0 && isFlattened(pool);
      return { kernel: readsMap ? overMap(kernel, channels, featureSide!) : overUnits(kernel), bias };
    }),
    pool,
    input: inputSaid(metadata),
    preprocess,
    ...evidence,
    isPublished: evidence.isPublished && isNamed,
    // What our files meant before there was a choice was softmax, but of a single output, which was a fault.
    activation: isSaid || (isOurs && dense.at(-1)?.outputs !== 1) ? activation : told.activation,
    classes: classes ?? named?.classes,
    notes,
  };
}

async function networkIn({ path, tensors: all }: Archive, keepsOrder: boolean): Promise<Network> {
  const names = [...all.keys()];
  const [prefix, ...others] = prefixesOf(names);
  const unwrappedAll = new Map(names.map((name) => [unwrapped(name), all.get(name)!]));
  if (prefix === undefined) {
    const found = keepsOrder ? await inOrderOfFile(unwrappedAll) : undefined;
    return found ? { ...found, others, isNamed: false } : { ...NAMELESS, tensors: all };
  }
  const within = new Map(
    names
      .filter((name) => name.startsWith(prefix))
      .map((name) => [unwrapped(name.slice(prefix.length)), all.get(name)!]),
  );
  const hasHead = [...within.keys()].some((name) => /^(classifier|pre_logits|head\.fc)\b/.test(name));
  const sibling = hasHead || !keepsOrder ? undefined : await inOrderOfFile(unwrappedAll);
  if (sibling?.tensors.has('classifier.0.weight')) return { ...sibling, others: [], isNamed: false };
  const { tensors: folded, notes } = await withNormsFolded(within, keepsOrder);
  const isFolded = folded !== within;
  const numbered = withNumberedDense(
    path,
    withBiases(isFolded ? withConvsNumbered(folded) : folded),
    keepsOrder,
  );
  return { tensors: numbered, prefix, others, notes, isNamed: true };
}

const NAMELESS = { prefix: '', others: [], notes: [], isNamed: true };

/** Names of tensors that are no part of the network, nor the same numbers under another name. */
function leftBeside({ tensors }: Archive, prefix: string, used: Iterable<string>): string[] {
  const places = new Map<StridedTensor['storage'], Set<number>>();
  for (const name of used) {
    const tensor = tensors.get(name);
    if (!tensor) continue;
    places.set(tensor.storage, (places.get(tensor.storage) ?? new Set()).add(tensor.offset));
  }
  return [...tensors]
    .filter(([name, { storage, offset }]) => !name.startsWith(prefix) && !places.get(storage)?.has(offset))
    .map(([name]) => name);
}

/** PyTorch's modules that are read, or do nothing when a picture is classified. */
const MODULES =
  /^(Module|Sequential|ModuleList|ModuleDict|DataParallel|DistributedDataParallel|Conv2d|ReLU|MaxPool2d|Adaptive(Avg|Max)Pool2d|Linear|BatchNorm[12]d|(Feature)?(Alpha)?Dropout[12]?d?|Flatten|Identity|\w*Loss)$/;
const ENDS: ReadonlyMap<string, Activation> = new Map([
  ['Softmax', 'softmax'],
  ['LogSoftmax', 'softmax'],
  ['Sigmoid', 'sigmoid'],
]);

/** What modules that were saved whole tell. */
interface ToldByModules {
  /** Of the outputs. */
  readonly activation: Activation | undefined;
  /** In front of a head that reads one number per channel. */
  readonly pool?: 'max';
}

/**
 * What modules that were saved whole tell; nothing where there are none.
 *
 * @throws WeightsError for a module that computes what VGG16 does not
 */
function toldByModules({ path, facts }: Archive, prefix: string): ToldByModules {
  const modules = [...(facts?.modules ?? [])].filter(([name]) => name.startsWith(prefix));
  const lastDense = modules.findLastIndex(([, className]) => className === 'Linear');
  let activation: Activation | undefined;
  for (const [i, [name, className]] of modules.entries()) {
    const end = i > lastDense ? ENDS.get(className) : undefined;
    activation ??= end;
    if (end !== undefined || MODULES.test(className)) continue;
    throw new WeightsError(
      `${path}: ${quote(name)} is a ${className}, which is not supported in this place: VGG16's convolutions, then dense ` +
        'layers with ReLU between, batch normalisation among them, softmax or sigmoid at the end',
    );
  }
  const hasMaxPool = modules.some(([, className]) => className === 'AdaptiveMaxPool2d');
  return { activation, ...(hasMaxPool && { pool: 'max' }) };
}

/** Names of as many classes as the network has outputs; a single output tells two classes apart. */
function classesIn(
  { facts }: Archive,
  outputs: number | undefined,
): { readonly key: string; readonly classes: readonly string[] } | undefined {
  const count = outputs === 1 ? 2 : outputs;
  const fitting = [...(facts?.classLists ?? [])].filter(([, { length }]) => length === count);
  const [nearest] = fitting.sort(([a], [b]) => a.split('.').length - b.split('.').length);
  return nearest && { key: nearest[0], classes: nearest[1] };
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
