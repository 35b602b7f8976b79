// The sheet's files: our own are replaced, anybody else's are left alone.
import { access, constants, mkdir, readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { writeAtomically } from '../src/atomic_file.js';
import { OutputError, UsageError } from '../src/errors.js';
import { SHEET_MARK } from './sheet.js';

export interface SheetPaths {
  readonly html: string;
  readonly png: string;
}

/** @throws UsageError when the name does not end in .html */
export function sheetPaths(out: string): SheetPaths {
  if (!/.\.html$/i.test(out)) {
    throw new UsageError(`--out ${out}: the sheet is an HTML file; use a name that ends in .html`);
  }
  const html = resolve(out);
  return { html, png: html.replace(/\.html$/i, '.png') };
}

/**
 * Called before anything is computed, so that nobody waits in vain.
 * @throws OutputError when a file of that name is there and was not written by this demo, or the folder cannot be written
 */
export async function claim(paths: SheetPaths): Promise<void> {
  for (const path of [paths.html, paths.png]) {
    const before = await contents(path);
    if (before && !before.includes(SHEET_MARK)) {
      throw new OutputError(
        `${path} is there already and is not a sheet of this demo; name another with --out`,
      );
    }
  }
  const folder = dirname(paths.html);
  try {
    await mkdir(folder, { recursive: true });
    await access(folder, constants.W_OK);
  } catch (error) {
    const reason = (error as Error).message;
    throw new OutputError(`cannot write into ${folder}: ${reason}; name another file with --out`, {
      cause: error,
    });
  }
}

async function contents(path: string): Promise<Buffer | undefined> {
  try {
    return await readFile(path);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw new OutputError(`cannot use ${path} for the sheet: ${message}; name another with --out`, {
      cause: error,
    });
  }
}

/** @throws OutputError where the disk or the permissions refuse */
export async function writeSheet(path: string, bytes: Uint8Array): Promise<void> {
  await writeAtomically(path, (append) => append(bytes));
}
