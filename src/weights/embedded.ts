// Finds the ImageNet base that comes with this package.

import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { WeightsError } from '../errors.js';
import { hashFile } from './fetch/hash.js';

const PACKAGE = 'vgg16-webgpu';
const FILE = join('weights', 'vgg16-imagenet-base.safetensors');

/** What it is called wherever weights are named. */
export const EMBEDDED = 'embedded';

/** Of the file as released; weights/README.md tells it, too. */
export const EMBEDDED_BASE_SHA256 = 'da17aa8037a4c53c43f72ccf88dc7c646934e70709d0ce7bed6553e31ce85e1c';

/**
 * Path of the embedded base: the thirteen convolutions with ImageNet weights (see weights/README.md).
 *
 * @param module  where to start looking; the folder of this package is above it, whether it was bundled or not
 * @throws WeightsError where the package is incomplete, or was bundled into something else without its weights
 */
export function embeddedBasePath(module: string = import.meta.url): string {
  const start = dirname(fileURLToPath(module));
  for (let folder = start; ; folder = dirname(folder)) {
    if (packageName(folder) === PACKAGE) {
      const path = join(folder, FILE);
      if (existsSync(path)) return path;
      throw new WeightsError(`${path}: no such file; install ${PACKAGE} again, or name a weights file`);
    }
    if (folder === dirname(folder)) {
      throw new WeightsError(`no ${FILE}: the package ${PACKAGE} is not above ${start}; name a weights file`);
    }
  }
}

/**
 * Hashes the embedded base.
 *
 * @returns its path
 * @throws WeightsError where it is missing or not the file as released
 */
export async function verifyEmbeddedBase(): Promise<string> {
  const path = embeddedBasePath();
  const { sha256 } = await hashFile(path, { md5: false });
  if (sha256 === EMBEDDED_BASE_SHA256) return path;
  throw new WeightsError(
    `${path} is damaged: its SHA-256 is ${sha256}, not ${EMBEDDED_BASE_SHA256}; install the package again`,
  );
}

/** The name in a folder's package.json; undefined where it has none or nothing that can be read. */
function packageName(folder: string): unknown {
  try {
    return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))?.name;
  } catch {
    return undefined;
  }
}
