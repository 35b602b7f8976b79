// Gives `import text from './some_worker.ts?worker'` the program of a worker thread, bundled: for `new Worker(text, { eval: true })`.
// A text instead of a file of its own starts from wherever a bundle lies, and from TypeScript in tests.
import { dirname, resolve } from 'node:path';
import { buildSync } from 'esbuild';

const SUFFIX = /\?worker$/;

/** @param file  the worker's TypeScript */
export function workerText(file) {
  const { outputFiles } = buildSync({
    entryPoints: [file],
    bundle: true,
    platform: 'node',
    target: 'node20',
    format: 'cjs', // what Node takes a worker's text for
    packages: 'external',
    write: false,
  });
  return outputFiles[0].text;
}

/** @type {import('esbuild').Plugin} */
export const workerTextPlugin = {
  name: 'worker-as-text',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: SUFFIX }, ({ path, importer }) => {
      return { path: resolve(dirname(importer), path.replace(SUFFIX, '')), namespace: 'worker-as-text' };
    });
    onLoad({ filter: /./, namespace: 'worker-as-text' }, ({ path }) => {
      return { contents: workerText(path), loader: 'text' };
    });
  },
};
