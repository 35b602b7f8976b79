// The software Vulkan driver out of npm: SwiftShader, for a Linux machine that has no driver that Dawn accepts.
//
// `@sparticuz/chromium` carries a headless Chromium and, beside it, `bin/swiftshader.tar.br` with the driver, its
// manifest and a Vulkan loader. They are unpacked once into the cache folder.

import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { constants } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { brotliDecompress } from 'node:zlib';
import { parseTar } from 'nanotar';
import { NoAdapterError } from '../../errors.js';
import { cacheFolder } from '../cache.js';
import { makeFolders } from '../disk.js';

const LOADER = 'libvulkan.so.1';
const DRIVER = 'libvk_swiftshader.so';
const MANIFEST = 'vk_swiftshader_icd.json';

/** The npm package that carries SwiftShader. */
export const SWIFTSHADER_PACKAGE = '@sparticuz/chromium';

/** glibc's RTLD_NODELETE, which Node does not name: the library stays loaded after dlclose. */
const RTLD_NODELETE = 0x1000;

let isChosen = false;

interface PackedDriver {
  readonly archive: string;
  readonly version: string;
}

/** Where npm put the packed driver, as seen from the user's folder and from this package. */
function findPackedDriver(): PackedDriver | undefined {
  for (const from of [join(process.cwd(), 'package.json'), import.meta.url]) {
    try {
      // The package's own entry is its build folder's; its package.json is not in its exports map.
      let folder = dirname(createRequire(from).resolve(SWIFTSHADER_PACKAGE));
      while (!existsSync(join(folder, 'package.json')) || !existsSync(join(folder, 'bin'))) {
        if (dirname(folder) === folder) throw new Error(`no ${SWIFTSHADER_PACKAGE} above ${from}`);
        folder = dirname(folder);
      }
      const archive = join(folder, 'bin', 'swiftshader.tar.br');
      if (!existsSync(archive)) continue;
      const { version } = createRequire(from)(join(folder, 'package.json')) as { version: string };
      return { archive, version };
    } catch {
      // Not installed there: look at the next place.
    }
  }
  return undefined;
}

async function unpack(packed: PackedDriver): Promise<string> {
  const parent = cacheFolder();
  const folder = join(parent, `swiftshader-${packed.version}`);
  if (existsSync(join(folder, MANIFEST))) return folder;
  await makeFolders(parent);
  const temporary = await mkdtemp(`${folder}.tmp-`);
  try {
    const tar = await promisify(brotliDecompress)(await readFile(packed.archive));
    const files = new Map(parseTar(tar).map((file) => [file.name.replace(/^\.\//, ''), file.data]));
    for (const name of [LOADER, DRIVER, MANIFEST]) {
      const data = files.get(name);
      if (!data) throw new Error(`${packed.archive} holds no ${name}`);
      await writeFile(join(temporary, name), data, { mode: 0o755 });
    }
    await rename(temporary, folder);
  } catch (error) {
    await rm(temporary, { recursive: true, force: true });
    // Another process may have unpacked the same files first; then its folder is as good as ours.
    if (!existsSync(join(folder, MANIFEST))) throw error;
  }
  return folder;
}

/**
 * Makes the next Dawn instance of this process use SwiftShader.
 *
 * @returns false where there is none: not Linux on x64, or the npm package is not installed.
 * @throws NoAdapterError where the cache folder cannot be written
 */
export async function useSwiftShader(): Promise<boolean> {
  if (process.platform !== 'linux' || process.arch !== 'x64') return false;
  const packed = findPackedDriver();
  if (!packed) return false;
  const folder = await unpack(packed).catch((error: Error) => {
    throw new NoAdapterError(
      `SwiftShader cannot be unpacked into ${cacheFolder()} (${error.message}); set VGG16_CACHE to a folder that can be written`,
      { cause: error },
    );
  });
  process.env.VK_ICD_FILENAMES = join(folder, MANIFEST);
  process.env.VK_DRIVER_FILES = join(folder, MANIFEST);
  preload(join(folder, LOADER));
  isChosen = true;
  return true;
}

/** Whether `useSwiftShader` has been called in this process, with success. */
export function usesSwiftShader(): boolean {
  return isChosen;
}

/**
 * Loads a shared library into this process for good, so that Dawn's own dlopen of the same name finds it. The usual
 * way, LD_LIBRARY_PATH, is read only when a process starts.
 */
function preload(library: string): void {
  try {
    process.dlopen({ exports: {} }, library, constants.dlopen.RTLD_NOW | RTLD_NODELETE);
  } catch {
    // Always throws, since the library is no Node add-on; by then it is loaded. If it is not, no adapter is found.
  }
}
