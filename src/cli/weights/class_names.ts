// The file of --classes: names of a classifier's outputs, in one of the forms in which they are passed around.
//
//   ant                                 one a line
//   ["ant", "bee"]                      a JSON list
//   {"0": "ant", "1": "bee"}            a JSON object, by the output's number
//   {"0": ["n02219486", "ant"], ...}    the same with WordNet's numbers: Keras' imagenet_class_index.json

import { UsageError } from '../../errors.js';
import { readRegular } from '../../node/disk.js';
import { checkNames } from '../../weights/checks.js';
import { duplicateKey } from '../../weights/json_keys.js';

const REFUSALS: Readonly<Record<string, string>> = { ENOENT: 'no such file' };

/** @throws UsageError for a file that cannot be read, or is in none of these forms */
export async function readClassNames(file: string): Promise<readonly string[]> {
  const place = `--classes ${file}`;
  const bytes = await readRegular(file).catch((error: NodeJS.ErrnoException) => {
    throw new UsageError(`${place}: ${REFUSALS[error.code!] ?? error.message}`);
  });
  const names = namesIn(textOf(bytes, place), place);
  checkNames(place, names);
  return names;
}

/** Without the byte order mark that some editors write. */
function textOf(bytes: Uint8Array, place: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new UsageError(`${place}: not a text in UTF-8`);
  }
}

function namesIn(text: string, place: string): unknown[] {
  const [opening] = text.trimStart();
  if (opening === '[') return parsed(text, place, 'begins with [, and is no JSON list') as unknown[];
  if (opening !== '{') return text.trimEnd().split(/\r?\n/);
  const byNumber = parsed(text, place, 'begins with {, and is no JSON object') as Record<string, unknown>;
  const twice = duplicateKey(text);
  if (twice !== undefined) throw new UsageError(`${place}: has the key ${JSON.stringify(twice)} twice`);
  const count = Object.keys(byNumber).length;
  return Array.from({ length: count }, (_, i) => {
    if (Object.hasOwn(byNumber, i)) return nameOf(byNumber[i]);
    throw new UsageError(
      `${place}: has ${count} keys, and none is "${i}"; a JSON object names the outputs by "0", "1", ...`,
    );
  });
}

function parsed(text: string, place: string, fault: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new UsageError(`${place}: ${fault}`);
  }
}

/** Of ["n02219486", "ant"], the second. */
function nameOf(entry: unknown): unknown {
  return Array.isArray(entry) && entry.length === 2 && typeof entry[0] === 'string' ? entry[1] : entry;
}
