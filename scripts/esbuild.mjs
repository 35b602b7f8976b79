// What every bundle of this repository has in common: ESM for Node, kernels inlined as text, packages left outside.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { workerTextPlugin } from './worker_text.mjs';

const { version } = JSON.parse(readFileSync('package.json', 'utf8'));

/** Which commit is built, `-dirty` where files differ from it; as a result of a benchmark says. */
function commit() {
  try {
    const git = ['describe', '--always', '--dirty', '--exclude', '*'];
    return execFileSync('git', git, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  } catch {
    return 'unknown';
  }
}

/** What stands in the source for something that is known when it is built. */
export const define = { __VERSION__: JSON.stringify(version), __COMMIT__: JSON.stringify(commit()) };

/**
 * Loads sharp as CommonJS: its ES modules use import attributes, which Node 20.9 does not parse.
 *
 * @type {import('esbuild').Plugin}
 */
const sharpAsCommonJs = {
  name: 'sharp-as-commonjs',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^sharp$/ }, ({ path }) => ({ path, namespace: 'commonjs' }));
    onLoad({ filter: /.*/, namespace: 'commonjs' }, ({ path }) => ({
      contents: `import { createRequire } from 'node:module';
export default createRequire(import.meta.url)(${JSON.stringify(path)});`,
    }));
  },
};

/** @type {import('esbuild').BuildOptions} */
export const common = {
  bundle: true,
  platform: 'node',
  target: 'node20',
  format: 'esm',
  packages: 'external',
  loader: { '.wgsl': 'text' },
  plugins: [workerTextPlugin, sharpAsCommonJs],
  sourcemap: 'linked',
  logLevel: 'warning',
  define,
};

/**
 * The explorer page, without the weights. Its source maps would be larger than itself, and are of no use in the package.
 *
 * @type {import('esbuild').BuildOptions}
 */
export const explorer = {
  entryPoints: { page: 'explorer/page.ts', style: 'explorer/style.css' },
  bundle: true,
  splitting: true,
  platform: 'browser',
  target: 'es2022',
  format: 'esm',
  minify: true,
  loader: { '.wgsl': 'text' },
  logLevel: 'warning',
  define,
};

/**
 * The face for browsers: everything that it needs, and nothing of Node. What reads a format is loaded when such a file is opened.
 *
 * @type {import('esbuild').BuildOptions}
 */
export const browser = {
  entryPoints: { index: 'src/index.browser.ts' },
  bundle: true,
  splitting: true,
  platform: 'browser',
  target: 'es2022',
  format: 'esm',
  minify: true,
  loader: { '.wgsl': 'text' },
  sourcemap: 'linked',
  logLevel: 'warning',
  define,
};
