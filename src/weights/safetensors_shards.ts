// A network whose tensors lie in several safetensors files, as Hugging Face's libraries write a large one:
//
//   model.safetensors.index.json             {"weight_map": {"features.0.weight": "model-00001-of-00002.safetensors", ...}}
//   model-00001-of-00002.safetensors, ...
//
// Source   https://huggingface.co/docs/safetensors, on sharded models

import { asWeightsError, bytesAt, FileFault, latin1, openBeside, type RandomAccessFile } from './file.js';
import { readSafetensors } from './safetensors.js';
import type { TensorEntry, WeightsSource } from './source.js';
import { fileName, quote } from './text.js';

/** A VGG16's index has some 2 kB. Parsed, it takes many times its size. */
const LARGEST_INDEX = 2 ** 20;

const MOST_SHARDS = 1000;

/** `model-00001-of-00002.safetensors` */
const SHARD = /-(\d{5})-of-(\d{5})\.safetensors$/;

/** Whether a parsed JSON file is the index of shards. */
export function isShardIndex(json: unknown): json is { readonly weight_map: unknown } {
  return typeof json === 'object' && json !== null && 'weight_map' in json;
}

/** What a JSON file holds; undefined for what is none, or too long for an index. */
export async function jsonIn(file: RandomAccessFile): Promise<unknown> {
  if (file.size === 0 || file.size > LARGEST_INDEX) return undefined;
  // A brace, perhaps behind a byte order mark or a space; a header's length may look like one.
  if (!/^[{\s\xef]/.test(latin1(await bytesAt(file, 0, 1)))) return undefined;
  try {
    return JSON.parse(new TextDecoder().decode(await bytesAt(file, 0, file.size)));
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/**
 * The whole network that a file belongs to: itself, or all shards where it is one of several.
 *
 * @param file  safetensors, or the index of shards; taken over
 * @throws WeightsError as `readSafetensors`, and for shards that are missing or do not hold what the index says
 */
export async function readAllSafetensors(file: RandomAccessFile): Promise<WeightsSource> {
  const [, number, of] = SHARD.exec(file.path) ?? [];
  const found = await jsonIn(file);
  const json = isShardIndex(found) ? found : undefined;
  if (json === undefined && (number === undefined || Number(of) < 2)) return await readSafetensors(file);
  try {
    const index = json === undefined ? await indexOf(file, Number(number), Number(of)) : file;
    if (index === file) return await readShards(file, json);
    await file.close();
    return await readShards(index, await jsonIn(index));
  } catch (error) {
    await file.close();
    throw asWeightsError(file.path, error);
  }
}

async function indexOf(shard: RandomAccessFile, number: number, of: number): Promise<RandomAccessFile> {
  const name = fileName(shard.path).replace(SHARD, '.safetensors.index.json');
  const index = await openBeside(shard, name, true);
  if (index) return index;
  throw new FileFault(
    `part ${number} of ${of} of a network's weights; their index, ${name}, is not beside it: put it there, with all parts`,
  );
}

/** Takes the index over. */
async function readShards(index: RandomAccessFile, json: unknown): Promise<WeightsSource> {
  const shards = new Map<string, WeightsSource>();
  const close = async () => {
    for (const source of [...shards.values(), index]) await source.close();
  };
  try {
    const map = isShardIndex(json) ? json.weight_map : undefined;
    const places = Object.entries(typeof map === 'object' && map !== null ? map : {});
    if (places.length === 0 || !places.every(([, shard]) => typeof shard === 'string'))
      throw new FileFault(
        'an index of weights in several files that names no files: its "weight_map" must tell the file of each tensor',
      );
    const names = [...new Set(places.map(([, shard]) => shard as string))];
    if (names.length > MOST_SHARDS) throw new FileFault(`more than ${MOST_SHARDS} files of weights`);
    for (const name of names) {
      const file = await openBeside(index, name, true);
      if (!file) throw new FileFault(`${quote(name)}, which holds a part of its weights, is not beside it`);
      shards.set(name, await readSafetensors(file));
    }
    const homes = new Map<string, WeightsSource>();
    const tensors = new Map<string, TensorEntry>();
    for (const [name, shard] of places) {
      const home = shards.get(shard as string)!;
      const entry = home.tensors.get(name);
      // Whole numbers, as counters are, are listed and not read.
      if (!entry) continue;
      homes.set(name, home);
      tensors.set(name, entry);
    }
    const metadata = Object.assign({}, ...[...shards.values()].map((shard) => shard.metadata));
    return {
      path: index.path,
      tensors,
      metadata,
      read: async (name, start, target) => {
        const home = homes.get(name);
        if (!home) throw new RangeError(`${index.path} has no tensor ${quote(name)}`);
        await home.read(name, start, target);
      },
      close,
    };
  } catch (error) {
    await close();
    throw asWeightsError(index.path, error);
  }
}
