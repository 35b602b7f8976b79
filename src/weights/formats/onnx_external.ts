// External data of an ONNX model: tensors kept in files of their own, because protobuf ends at 2 GB.
//
// A model's file may come from anyone, so what it names is opened only inside the folder that it lies in, wherever
// names and links lead.

import { FileFault, openBeside, type RandomAccessFile } from '../file.js';
import { quote } from '../text.js';

/** One a tensor is the most that exporters write; VGG16 has 32. */
const MOST_FILES = 256;

export interface ExternalPlace {
  readonly file: RandomAccessFile;
  readonly start: number;
  readonly length: number;
}

/** The files beside a model. Whoever made it closes it. */
export interface ExternalFiles {
  /**
   * Where a tensor's bytes lie.
   *
   * @param entries  the tensor's `location`, `offset` and `length`
   * @param needed   bytes that it has
   * @throws FileFault for what lies outside the model's folder or the file
   */
  find(entries: ReadonlyMap<string, string>, needed: number): Promise<ExternalPlace>;
  close(): Promise<void>;
}

/** @param model  the model's file */
export function externalFiles(model: RandomAccessFile): ExternalFiles {
  const open = new Map<string, RandomAccessFile>();

  const fileAt = async (location: string) => {
    const opened = open.get(location);
    if (opened) return opened;
    if (open.size === MOST_FILES) throw new FileFault(`external data in more than ${MOST_FILES} files`);
    const file = await openInside(model, location);
    open.set(location, file);
    return file;
  };

  return {
    find: async (entries, needed) => {
      const location = entries.get('location');
      if (!location) throw new FileFault('external data without a location');
      const start = sizeIn(entries, 'offset') ?? 0;
      const length = sizeIn(entries, 'length') ?? needed;
      const file = await fileAt(location);
      if (start + length > file.size) {
        throw new FileFault(
          `external data at bytes ${start} to ${start + length} of ${quote(location)}, which has ${file.size}`,
        );
      }
      return { file, start, length };
    },
    close: async () => {
      await Promise.all([...open.values()].map((file) => file.close()));
    },
  };
}

async function openInside(model: RandomAccessFile, location: string): Promise<RandomAccessFile> {
  const steps = location.split(/[/\\]/);
  if (/^([/\\]|[a-z]:)/i.test(location) || steps.includes('..') || location.includes('\0')) {
    throw new FileFault(`external data outside the model's folder: ${quote(location)}`);
  }
  const file = await openBeside(model, location, true);
  if (file) return file;
  throw new FileFault(`its external data ${quote(location)} is missing: put that file beside the model`);
}

function sizeIn(entries: ReadonlyMap<string, string>, key: string): number | undefined {
  const text = entries.get(key);
  if (text === undefined) return undefined;
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw new FileFault(`external data with an impossible ${key} ${quote(text)}`);
}
