// What the config.json beside a network of the Hugging Face hub says of it: names of the classes, and how pixels are prepared.
//
//   {"id2label": {"0": "cat", ...}}                         transformers
//   {"label_names": ["cat", ...],                           timm
//    "pretrained_cfg": {"mean": [0.485, ...], "std": [0.229, ...]}}

import { openBeside, type RandomAccessFile } from './file.js';
import { preprocessFor, preprocessText } from './preprocess.js';
import { jsonIn } from './safetensors_shards.js';
import type { WeightsSource } from './source.js';
import { fileName } from './text.js';

const CONFIG = 'config.json';

/** The files that the hub's libraries give a network's weights. */
const HUBS = /^model(-\d{5}-of-\d{5})?\.safetensors(\.index\.json)?$/;

type Json = Readonly<Record<string, unknown>>;

/**
 * Metadata as our files have them; empty where the file is none of the hub's, or where no config.json is beside it.
 *
 * @param outputs  of the classifier; names of another number of classes are left aside
 */
export async function hubMetadata(
  file: RandomAccessFile,
  outputs: number | undefined,
): Promise<WeightsSource['metadata']> {
  if (!file.beside || !HUBS.test(fileName(file.path))) return {};
  const config = await openBeside(file, CONFIG, true);
  if (!config) return {};
  const json = await jsonIn(config).finally(() => config.close());
  if (typeof json !== 'object' || json === null) return {};
  const classes = classesIn(json as Json);
  const preprocess = preprocessIn(json as Json);
  return {
    ...(classes && classes.length === outputs && { classes: JSON.stringify(classes) }),
    ...(preprocess && { preprocess }),
  };
}

/** `LABEL_0` is what transformers calls a class without a name. */
function classesIn({ id2label, label_names: listed }: Json): readonly string[] | undefined {
  const names: readonly unknown[] = Array.isArray(listed)
    ? listed
    : Object.entries(asJson(id2label))
        .sort(([a], [b]) => Number(a) - Number(b))
        .map(([, name]) => name);
  const areNames = names.every(
    (name) => typeof name === 'string' && name.trim() !== '' && !/^LABEL_\d+$/.test(name),
  );
  return areNames && names.length > 0 ? (names as readonly string[]) : undefined;
}

/** Mean and deviation of pixels that go from 0 to 1, as timm's configuration has them. */
function preprocessIn(json: Json): string | undefined {
  const { mean, std } = asJson(json.pretrained_cfg ?? json);
  if (!isTriple(mean) || !isTriple(std) || !std.every((one) => one > 0)) return undefined;
  const [a, b, c] = mean.map((one) => 255 * one) as [number, number, number];
  const [d, e, f] = std.map((one) => 1 / (255 * one)) as [number, number, number];
  return preprocessText(preprocessFor({ reverse: false, mean: [a, b, c], scale: [d, e, f] }));
}

function isTriple(value: unknown): value is readonly number[] {
  return Array.isArray(value) && value.length === 3 && value.every((one) => Number.isFinite(one));
}

function asJson(value: unknown): Json {
  return typeof value === 'object' && value !== null ? (value as Json) : {};
}
