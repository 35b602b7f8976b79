// Files for these tests: real ones, in a folder of their own that goes away with them.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import { openSafetensors, writeSafetensors } from '../../src/node/weights/safetensors.js';
import { encodeFloats, readFloats } from '../../src/weights/floats.js';
import type { TensorToWrite } from '../../src/weights/safetensors.js';
import type { Dtype } from '../../src/weights/source.js';

/** A temporary folder, removed when the test file is through. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'vgg16-weights-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** A safetensors file put together by hand, so that anything in it can be wrong. */
export function safetensorsBytes(
  header: string | Uint8Array | object,
  bufferSize = 0,
  lengthField?: bigint,
): Buffer {
  const text = typeof header === 'string' || header instanceof Uint8Array ? header : JSON.stringify(header);
  const json = Buffer.from(text as string);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(lengthField ?? BigInt(json.length));
  return Buffer.concat([length, json, Buffer.alloc(bufferSize, 1)]);
}

/** Writes bytes under a name in a folder and returns the path. */
export function write(folder: string, name: string, bytes: Uint8Array | string): string {
  const path = join(folder, name);
  writeFileSync(path, bytes);
  return path;
}

/** The error that an action throws; fails where it throws none. */
export async function thrownBy(action: () => unknown): Promise<Error> {
  try {
    await action();
  } catch (error) {
    return error as Error;
  }
  throw new Error('expected an error, but there was none');
}

/** Writes a copy of a safetensors file, with all numbers in `dtype`, once `change` has had each tensor's. */
export async function changedCopy(
  from: string,
  to: string,
  { dtype = 'F32', change }: { dtype?: Dtype; change?: (name: string, values: Float32Array) => void },
): Promise<string> {
  const source = await openSafetensors(from);
  const tensors: TensorToWrite[] = [];
  for (const { name, shape } of source.tensors.values()) {
    const values = await readFloats(source, name);
    change?.(name, values);
    tensors.push({ name, dtype, shape, data: [encodeFloats(values, dtype)] });
  }
  await source.close();
  await writeSafetensors(to, tensors, source.metadata);
  return to;
}
