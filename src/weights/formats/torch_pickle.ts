// What PyTorch's pickles may name, and the tensors that come out of them.
//
//   _rebuild_tensor_v2(storage, offset, size, stride, ...)   a view of a storage, which lies outside the pickle:
//   ('storage', FloatStorage, key, device, length)           a persistent id
//
// Modules that were saved whole are opaque objects: their tensors and the modules within are attributes.
//
// Source   https://github.com/pytorch/pytorch, torch/_utils.py and torch/serialization.py

import { FileFault } from '../file.js';
import type { Storage, StridedTensor } from '../source.js';
import { checkView, MOST_AXES } from '../strided.js';
import { quote } from '../text.js';
import type { Encoding } from './numbers.js';
import { OpaqueObject, type PickleGlobal, type PickleOptions } from './pickle.js';
import { PickleFault } from './pickle_bytes.js';
import { checkedKey } from './pickle_machine.js';

/** Numbers outside the pickle, as it describes them. */
export interface TorchStorage {
  readonly key: string;
  /** Undefined for whole numbers and others that no weights are made of. */
  readonly encoding: Encoding | undefined;
  readonly bytesPerNumber: number;
  /** In numbers. */
  readonly length: number;
  /** Storages of old files may be parts of others: where they begin, in numbers. */
  readonly start: number;
}

/** A tensor as a pickle holds it, without a name. */
class TorchTensor {
  constructor(
    readonly storage: TorchStorage,
    readonly offset: number,
    readonly shape: readonly number[],
    readonly strides: readonly number[],
  ) {}
}

/** `torch.FloatStorage` and so on. */
interface StorageType {
  readonly encoding?: Encoding;
  readonly bytesPerNumber: number;
}

const STORAGE_TYPES: ReadonlyMap<string, StorageType> = new Map(
  (
    [
      ['Float', 4, 'F32'],
      ['Half', 2, 'F16'],
      ['BFloat16', 2, 'BF16'],
      ['Double', 8, 'F64'],
      // Skipped: counters, masks, the state of a random generator.
      ['Long', 8],
      ['Int', 4],
      ['Short', 2],
      ['Char', 1],
      ['Byte', 1],
      ['Bool', 1],
    ] as const satisfies readonly (readonly [string, number, Encoding?])[]
  ).map(([type, bytesPerNumber, encoding]) => [
    `torch.${type}Storage`,
    { bytesPerNumber, ...(encoding && { encoding }) },
  ]),
);

const GLOBALS: ReadonlyMap<string, PickleGlobal> = new Map(
  (
    [
      ['collections.OrderedDict', ([items]) => dictOf(items)],
      ['collections.defaultdict', ([, items]) => dictOf(items)],
      ['builtins.dict', ([items]) => dictOf(items)],
      ['__builtin__.dict', ([items]) => dictOf(items)],
      ['builtins.set', ([items = []]) => items],
      ['__builtin__.set', ([items = []]) => items],
      ['_codecs.encode', ([text]) => text],
      ['torch.Size', ([sizes = []]) => sizes],
      ['torch.device', ([name]) => name],
      ['torch._utils._rebuild_tensor', rebuildTensor],
      ['torch._utils._rebuild_tensor_v2', rebuildTensor],
      ['torch._utils._rebuild_parameter', ([tensor]) => tensor],
      ['torch._utils._rebuild_parameter_with_state', ([tensor]) => tensor],
      ...[...STORAGE_TYPES.keys()].map((name) => [name] as const),
    ] as const satisfies readonly (readonly [string, PickleGlobal['call']?])[]
  ).map(([name, call]) => [name, { name, call }]),
);

/** All keys that lead to a tensor, joined. */
const LONGEST_NAME = 1000;

/** A training checkpoint of a VGG16 has some hundred: weights, their average, what an optimiser keeps for each. */
const MOST_TENSORS = 20_000;

/** How PyTorch's pickles are read: by `readPickle`. */
export const TORCH_PICKLE: PickleOptions = {
  globalNamed: (name) => GLOBALS.get(name),
  persistent: storageOf,
};

/** Dictionaries by the list that they were made of, so that a long list makes one, however often it is called for. */
const DICTS = new WeakMap<readonly unknown[], Map<unknown, unknown>>();

/** Python 3 fills dictionaries item by item; Python 2 hands OrderedDict a list of pairs. */
function dictOf(items: unknown = []): Map<unknown, unknown> {
  if (items instanceof Map) return items;
  if (!Array.isArray(items)) throw new PickleFault('a dictionary of what is no list of pairs');
  const dict = DICTS.get(items) ?? new Map(items.map(pairOf));
  DICTS.set(items, dict);
  return dict;
}

function pairOf(pair: unknown): [unknown, unknown] {
  if (Array.isArray(pair) && pair.length === 2) return [checkedKey(pair[0]), pair[1]];
  throw new PickleFault('a dictionary of what is no pair');
}

function storageOf(id: unknown): TorchStorage {
  if (!Array.isArray(id) || id[0] !== 'storage') throw new PickleFault('refers to what is no storage');
  const [, type, key, , length, view] = id as unknown[]; // the fifth is the device it was on
  const storage = STORAGE_TYPES.get(String((type as Partial<PickleGlobal> | null)?.name));
  if (!storage || typeof key !== 'string' || !isSize(length)) {
    throw new PickleFault('a storage without type, name or length');
  }
  const { encoding, bytesPerNumber } = storage;
  if (view !== undefined && view !== null && !(Array.isArray(view) && isSize(view[1]))) {
    throw new PickleFault('a part of a storage without its start');
  }
  checkedKey(key);
  const start = Array.isArray(view) ? (view[1] as number) : 0;
  return { key, encoding, bytesPerNumber, length, start };
}

function rebuildTensor([storage, offset, shape, strides]: readonly unknown[]): TorchTensor {
  const isStorage = typeof storage === 'object' && storage !== null && 'key' in storage;
  if (!isStorage || !isSize(offset) || !isSizes(shape) || !isSizes(strides)) {
    throw new PickleFault('a tensor without storage, or of impossible size');
  }
  return new TorchTensor(storage as TorchStorage, offset, shape, strides);
}

function isSize(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

/** Looks at few of them only: one long tuple may be the shape of a hundred thousand tensors. */
function isSizes(value: unknown): value is number[] {
  return Array.isArray(value) && value.length <= MOST_AXES && value.every(isSize);
}

/** Attributes of a module that hold its parts under their own names. */
const PARTS: ReadonlySet<unknown> = new Set(['_parameters', '_buffers', '_modules']);

/** Key and value of all that something holds; nothing where it holds nothing. */
function* heldBy(value: unknown): Generator<[unknown, unknown]> {
  if (value instanceof Map || Array.isArray(value)) yield* value.entries();
  if (!(value instanceof OpaqueObject)) return;
  // With __slots__ there are two dictionaries.
  for (const attributes of Array.isArray(value.state) ? value.state.slice(0, 2) : [value.state]) {
    if (!(attributes instanceof Map)) continue;
    for (const [key, held] of attributes) {
      if (PARTS.has(key) && held instanceof Map) yield* held.entries();
      else yield [key, held];
    }
  }
  yield* value.entries.entries();
  yield* value.items.entries();
}

/**
 * All that a pickle holds, however deep, by the keys that lead to it, joined by dots. What holds itself, or is held from
 * several places, is looked into once.
 */
function* placesIn(root: unknown): Generator<readonly [name: string, value: unknown]> {
  const seen = new Set<unknown>();
  /** What is being looked into, the innermost last, and how far. */
  const within: (readonly [path: string, held: Iterator<[unknown, unknown]>])[] = [
    ['', new Map([['', root]]).entries()],
  ];
  for (let place = within.at(-1); place; place = within.at(-1)) {
    const [path, held] = place;
    const next = held.next();
    if (next.done) {
      within.pop();
      continue;
    }
    const [key, value] = next.value;
    if (typeof key !== 'string' && typeof key !== 'number') continue;
    const name = path === '' ? `${key}` : `${path}.${key}`;
    if (name.length > LONGEST_NAME) throw new FileFault(`a tensor's name is too long: ${quote(name)}`);
    yield [name, value];
    const holds = value instanceof Map || Array.isArray(value) || value instanceof OpaqueObject;
    if (!holds || seen.has(value)) continue;
    seen.add(value);
    within.push([name, heldBy(value)]);
  }
}

/**
 * The tensors of floating point numbers in what a pickle holds, however deep, called by the keys that lead to them:
 * `state_dict.features.0.weight`. The keys of a state dict hold dots themselves; modules that were saved whole call their
 * tensors as their state dicts do.
 *
 * @param open  the numbers of a storage; called once for each
 * @throws FileFault where tensors do not fit their storages, for names that occur twice, and for too many of them
 */
export function namedTensors(
  root: unknown,
  open: (storage: TorchStorage, encoding: Encoding, place: string) => Storage,
): Map<string, StridedTensor> {
  const tensors = new Map<string, StridedTensor>();
  const storages = new Map<string, Storage>();
  for (const [name, value] of placesIn(root)) {
    if (!(value instanceof TorchTensor)) continue;
    const { storage, offset, shape, strides } = value;
    if (!storage.encoding) continue;
    if (tensors.size === MOST_TENSORS) throw new FileFault(`more than ${MOST_TENSORS} tensors`);
    if (tensors.has(name)) throw new FileFault(`two tensors are called ${quote(name)}`);
    const id = `${storage.encoding} ${storage.key}`;
    const opened = storages.get(id) ?? open(storage, storage.encoding, `tensor ${quote(name)}`);
    storages.set(id, opened);
    const view = { name, shape, strides, offset: storage.start + offset, storage: opened };
    tensors.set(name, checkView(view));
  }
  return tensors;
}

/** What a pickle tells besides tensors. */
export interface TorchFacts {
  /** PyTorch's own modules in those that were saved whole, by name, without the package: `features.1` is a `ReLU`. */
  readonly modules: ReadonlyMap<string, string>;
  /** Lists of names that may be those of the classes, by what they are called there. */
  readonly classLists: ReadonlyMap<string, readonly string[]>;
}

const MODULE = /^(?:__torch__\.)?torch\.nn\.modules\.(?:.*\.)?(\w+)$/;
const CLASS_LIST = /(^|\.)(classes|class_names|CLASSES|class_to_idx|idx_to_class)$/;
const MOST_CLASSES = 100_000;

export function torchFacts(root: unknown): TorchFacts {
  const modules = new Map<string, string>();
  const classLists = new Map<string, readonly string[]>();
  for (const [name, value] of placesIn(root)) {
    const className = value instanceof OpaqueObject ? MODULE.exec(value.className)?.[1] : undefined;
    if (className !== undefined) modules.set(name, className);
    const classes = CLASS_LIST.test(name) ? classListOf(value) : undefined;
    if (classes) classLists.set(name, classes);
  }
  return { modules, classLists };
}

/** Names in the order of their numbers: of a list, of {name: number} or of {number: name}. */
function classListOf(value: unknown): readonly string[] | undefined {
  if (Array.isArray(value)) return namesOnly(value);
  if (!(value instanceof Map) || value.size > MOST_CLASSES) return undefined;
  const names: unknown[] = new Array(value.size).fill(undefined);
  for (const [key, held] of value) {
    const [number, name] = typeof held === 'number' ? [held, key] : [Number(key), held];
    if (!Number.isInteger(number) || number < 0 || number >= value.size) return undefined;
    names[number] = name;
  }
  return namesOnly(names);
}

function namesOnly(values: readonly unknown[]): readonly string[] | undefined {
  if (values.length === 0 || values.length > MOST_CLASSES) return undefined;
  return values.every((name) => typeof name === 'string' && name.trim() !== '')
    ? (values as string[])
    : undefined;
}
