// Keras' description of a model, Sequential or Functional, as what a VGG16 must be: a chain of layers. Models within the
// model are opened up.

import { FileFault } from '../file.js';
import { quote } from '../text.js';

export type Json = Readonly<Record<string, unknown>>;

export interface ConfiguredLayer {
  /** `Conv2D`, `Dense` */
  readonly className: string;
  readonly name: string;
  readonly config: Json;
  /** Where Keras 3 keeps its weights, by classes and their numbers: `functional/conv2d_3`. */
  readonly place: string;
  /** Its `inbound_nodes`: what it is applied to, and with which further arguments. */
  readonly calls: unknown;
}

interface Item extends ConfiguredLayer {
  /** The layers whose outputs it reads. */
  readonly inputs: readonly string[];
}

const MODELS: ReadonlySet<string> = new Set(['Sequential', 'Functional', 'Model']);

/** Models within models, and lists within the lists of a layer's inputs; Keras has three or four of these. */
const DEEPEST = 12;

/**
 * A model's layers from input to output.
 *
 * @throws FileFault for what is no description of Keras', and for models that are no plain chain
 */
export function layerChain(model: unknown): ConfiguredLayer[] {
  const { class_name: className, config } = asJson(model);
  if (typeof className !== 'string') throw new FileFault("the model's description has no class_name");
  return chainOf(className, config, '', 0);
}

function chainOf(className: string, config: unknown, place: string, depth: number): ConfiguredLayer[] {
  if (!MODELS.has(className) || depth > DEEPEST) {
    throw new FileFault(
      `a model of class ${quote(className)} is not supported: only Sequential and Functional ones tell their layers`,
    );
  }
  const listed = Array.isArray(config) ? config : asJson(config).layers; // Keras 2.0 has a Sequential's list alone
  if (!Array.isArray(listed)) throw new FileFault("the model's description has no list of layers");
  const isSequential = className === 'Sequential';
  const items = withPlaces(listed.map(asItem), place, isSequential);
  const chain = isSequential ? items : inOrder(withChannelsTogether(items), asJson(config).output_layers);
  return chain.flatMap((item) =>
    MODELS.has(item.className) ? chainOf(item.className, item.config, item.place, depth + 1) : [item],
  );
}

function asItem(value: unknown): Omit<Item, 'place'> {
  const { class_name: className, config, name, inbound_nodes: nodes } = asJson(value);
  const settings = asJson(config, true);
  const called = settings.name ?? name ?? className;
  if (typeof className !== 'string' || typeof called !== 'string') {
    throw new FileFault("a layer of the model's description has no class or no name");
  }
  return { className, name: called, config: settings, calls: nodes, inputs: tensorsIn(nodes, 0) };
}

/** Keras 3 numbers the layers of a model class by class; a Sequential's input is none of them. */
function withPlaces(items: readonly Omit<Item, 'place'>[], place: string, isSequential: boolean): Item[] {
  const counts = new Map<string, number>();
  return items.map((item) => {
    if (isSequential && item.className === 'InputLayer') return { ...item, place: '' };
    const stem = snakeCase(item.className === 'Model' ? 'Functional' : item.className);
    const count = counts.get(stem) ?? 0;
    counts.set(stem, count + 1);
    const own = count === 0 ? stem : `${stem}_${count}`;
    return { ...item, place: place ? `${place}/${own}` : own };
  });
}

/** As Keras does it: `MaxPooling2D` becomes `max_pooling2d`. */
function snakeCase(name: string): string {
  return name
    .replace(/\W+/g, '')
    .replace(/(.)([A-Z][a-z]+)/g, '$1_$2')
    .replace(/([a-z])([A-Z])/g, '$1_$2')
    .toLowerCase();
}

/**
 * Channels that are taken one by one and stacked again, as Keras 3's `preprocess_input` turns RGB into BGR, as one layer: its
 * `channels` are those that it takes.
 */
function withChannelsTogether(items: readonly Item[]): Item[] {
  const byName = new Map(items.map((item) => [item.name, item]));
  const together = new Map<Item, Item>();
  const taken = new Set<Item | undefined>();
  for (const stack of items) {
    if (stack.className !== 'Stack' || ![-1, 3].includes(Number(stack.config.axis))) continue;
    const takers = stack.inputs.map((name) => byName.get(name));
    const channels = takers.map((taker) => taker && channelTaken(taker));
    const sources = new Set(takers.flatMap((taker) => taker?.inputs ?? []));
    if (channels.length !== 3 || channels.includes(undefined) || sources.size !== 1) continue;
    together.set(stack, { ...stack, config: { ...stack.config, channels }, inputs: [...sources] });
    for (const taker of takers) taken.add(taker);
  }
  return items.filter((item) => !taken.has(item)).map((item) => together.get(item) ?? item);
}

/** Names of the layers in a layer's inbound_nodes: `[[["fc1", 0, 0, {}]]]`, or tensors with a keras_history. */
function tensorsIn(nodes: unknown, depth: number): string[] {
  if (depth > DEEPEST || typeof nodes !== 'object' || nodes === null) return [];
  if (Array.isArray(nodes)) {
    const [name, index, ...rest] = nodes;
    if (typeof name === 'string' && typeof index === 'number') return [name, ...tensorsIn(rest, depth + 1)];
    return nodes.flatMap((node) => tensorsIn(node, depth + 1));
  }
  return Object.values(nodes).flatMap((value) => tensorsIn(value, depth + 1));
}

/** The layers of a graph from its one input to its one output. */
function inOrder(items: readonly Item[], outputs: unknown): Item[] {
  const readers = new Map<string, Item>();
  const starts = items.filter(({ className }) => className === 'InputLayer');
  const [start] = starts;
  if (!start || starts.length > 1) throw new FileFault(`the model has ${starts.length} inputs, not one`);
  for (const item of items) {
    if (item === start) continue;
    const [input] = item.inputs;
    if (input === undefined || item.inputs.length > 1) {
      const count = item.inputs.length;
      throw unchained(`layer ${quote(item.name)} (${item.className}) reads ${count} layers' outputs`);
    }
    if (readers.has(input)) throw unchained(`the output of layer ${quote(input)} goes to several layers`);
    readers.set(input, item);
  }
  const chain: Item[] = [];
  for (
    let next: Item | undefined = start;
    next && chain.length < items.length;
    next = readers.get(next.name)
  ) {
    chain.push(next);
  }
  if (chain.length < items.length) throw unchained('its layers do not follow each other');
  const last = chain.at(-1)!.name;
  const early = tensorsIn(outputs, 0).find((name) => name !== last);
  if (early !== undefined) throw unchained(`layer ${quote(early)} is an output, and not the last layer`);
  return chain;
}

function unchained(what: string): FileFault {
  return new FileFault(`${what}: only a plain chain of layers is supported`);
}

function asJson(value: unknown, orEmpty = false): Json {
  if (typeof value === 'object' && value !== null) return value as Json;
  if (orEmpty) return {};
  throw new FileFault("the model's description is not one of Keras'");
}

/** The channel that `x[..., 2]` takes; undefined for any other slice. */
function channelTaken(layer: ConfiguredLayer): number | undefined {
  if (layer.className !== 'GetItem') return undefined;
  const slices = argumentsOf(layer)?.[1];
  if (!Array.isArray(slices) || !slices.slice(0, -1).every(isWhole)) return undefined;
  return [0, 1, 2].find((channel) => slices.at(-1) === channel);
}

/** Keras 3: what an operation was called with. */
export function argumentsOf({ calls }: ConfiguredLayer): readonly unknown[] | undefined {
  const [call] = Array.isArray(calls) ? calls : [];
  const { args } = (call ?? {}) as Json;
  return Array.isArray(args) ? args : undefined;
}

/** `...` or `:`. */
export function isWhole(slice: unknown): boolean {
  if (typeof slice !== 'object' || slice === null) return false;
  const { class_name: className, config } = slice as Json;
  if (className === '__ellipsis__') return true;
  const { start, stop, step } = (config ?? slice) as Json;
  return [start, stop, step].every((value) => value === null || value === undefined);
}
