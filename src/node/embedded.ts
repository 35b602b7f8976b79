// Finds the weights that come with this package: the ImageNet base, and a small network with classes.

import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { WeightsError } from '../errors.js';
import { hashFile } from './fetch/claims.js';

const PACKAGE = 'vgg16-webgpu';

/** What the ImageNet base is called wherever weights are named. */
export const EMBEDDED = 'embedded';
/** What the small network is called. */
export const MINI = 'mini';

/** Of the ImageNet base as released; weights/README.md tells it, too. */
export const EMBEDDED_BASE_SHA256 = 'da17aa8037a4c53c43f72ccf88dc7c646934e70709d0ce7bed6553e31ce85e1c';

/** Weights in the package, by name: file, hash as released, and what `vgg16 weights list` says of them. */
export const PACKAGED = {
  [EMBEDDED]: {
    file: 'vgg16-imagenet-base.safetensors',
    sha256: EMBEDDED_BASE_SHA256,
    row: ['29.4 MB', 'none', 'caffe', 'CC BY 4.0'],
  },
  [MINI]: {
    file: 'vgg16-mini.safetensors',
    sha256: 'bae6ad1dcb0d2fd1c51584abc6f8e0ac9dbbda3feac9ef7d19a1af63b0594ffe',
    row: ['1.8 MB', '10', 'torchvision', 'MIT'],
  },
} as const;

export type PackagedName = keyof typeof PACKAGED;

export function isPackaged(name: string): name is PackagedName {
  return name in PACKAGED;
}

/**
 * Path of the embedded base: the thirteen convolutions with ImageNet weights (see weights/README.md).
 *
 * @param module  where to start looking; the folder of this package is above it, whether it was bundled or not
 * @throws WeightsError where the package is incomplete, or was bundled into something else without its weights
 */
export function embeddedBasePath(module: string = import.meta.url): string {
  return packagedPath(EMBEDDED, module);
}

/** Path of weights in the package. @throws as `embeddedBasePath` */
export function packagedPath(name: PackagedName, module: string = import.meta.url): string {
  const file = join('weights', PACKAGED[name].file);
  const start = dirname(fileURLToPath(module));
  const found = packageAbove(start);
  if (!found) {
    throw new WeightsError(`no ${file}: the package ${PACKAGE} is not above ${start}; name a weights file`);
  }
  const path = join(found.folder, file);
  if (existsSync(path)) return path;
  const again = found.isWithoutWeights ? 'this bundle leaves it out;' : `install ${PACKAGE} again, or`;
  throw new WeightsError(`${path}: no such file; ${again} name a weights file`);
}

/** Path of a file or folder in this package, whether it is there or not; undefined outside of the package. */
export function packageFile(file: string, module: string = import.meta.url): string | undefined {
  const found = packageAbove(dirname(fileURLToPath(module)));
  return found && join(found.folder, file);
}

/** Whether this program is a bundle that leaves the base out on purpose: benchmarks make weights of their own. */
export function isWithoutWeights(module: string = import.meta.url): boolean {
  return packageAbove(dirname(fileURLToPath(module)))?.isWithoutWeights === true;
}

/**
 * Hashes weights in the package.
 *
 * @returns their path
 * @throws WeightsError where they are missing or not the file as released
 */
export async function verifyPackaged(name: PackagedName): Promise<string> {
  const path = packagedPath(name);
  const { sha256: wanted } = PACKAGED[name];
  const { sha256 } = await hashFile(path, { md5: false });
  if (sha256 === wanted) return path;
  throw new WeightsError(
    `${path} is damaged: its SHA-256 is ${sha256}, not ${wanted}; install the package again`,
  );
}

interface FoundPackage {
  readonly folder: string;
  readonly isWithoutWeights: boolean;
}

/** This package, where `start` is in it. */
function packageAbove(start: string): FoundPackage | undefined {
  for (let folder = start; ; folder = dirname(folder)) {
    const manifest = readManifest(folder);
    if (manifest?.name === PACKAGE) return { folder, isWithoutWeights: manifest.isWithoutWeights === true };
    if (folder === dirname(folder)) return undefined;
  }
}

/** A folder's package.json; undefined where it has none or nothing that can be read. */
function readManifest(folder: string): { name?: unknown; isWithoutWeights?: unknown } | undefined {
  try {
    return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) ?? undefined;
  } catch {
    return undefined;
  }
}
