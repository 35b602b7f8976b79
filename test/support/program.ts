// A TypeScript program of the tests as one JavaScript file, for processes and threads that are started with it.

import { rm } from 'node:fs/promises';
import { basename, resolve } from 'node:path';
import { build } from 'esbuild';
import { beforeAll } from 'vitest';
import { common } from '../../scripts/esbuild.mjs';

/**
 * Bundles `entry` before the tests of the calling file and removes it after them.
 *
 * @returns where the bundle is: within the repository, from where packages are found
 */
export function useProgram(entry: string): string {
  const program = resolve('.build', `${basename(entry, '.ts')}_${process.pid}.js`);
  beforeAll(async () => {
    await build({ ...common, entryPoints: [entry], outfile: program, sourcemap: false });
    return () => rm(program);
  });
  return program;
}
