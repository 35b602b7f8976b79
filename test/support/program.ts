// A TypeScript program of the tests as one JavaScript file, for processes and threads that are started with it.

import { rm } from 'node:fs/promises';
import { basename, resolve } from 'node:path';
import { build } from 'esbuild';
import { beforeAll } from 'vitest';

/**
 * Bundles `entry` before the tests of the calling file and removes it after them.
 *
 * @returns where the bundle is: within the repository, from where packages are found
 */
export function useProgram(entry: string): string {
  const program = resolve('.build', `${basename(entry, '.ts')}_${process.pid}.js`);
  beforeAll(async () => {
    await build({
      entryPoints: [entry],
      bundle: true,
      platform: 'node',
      target: 'node20',
      format: 'esm',
      packages: 'external',
      loader: { '.wgsl': 'text' },
      define: { __VERSION__: '"test"', __COMMIT__: '"test"' },
      outfile: program,
    });
    return () => rm(program);
  });
  return program;
}
