// Builds dist/: the library (index.js, and browser/index.js for browsers) and the command (cli.js). The declarations come from tsc (npm run build).
import { chmod, rm } from 'node:fs/promises';
import { build } from 'esbuild';
import { browser, common } from './esbuild.mjs';

await rm('dist', { recursive: true, force: true });
await build({
  ...common,
  entryPoints: { index: 'src/index.ts', cli: 'src/cli/start.ts' },
  outdir: 'dist',
  splitting: true,
  chunkNames: 'chunks/[name]-[hash]',
});
await build({ ...browser, outdir: 'dist/browser' });
await chmod('dist/cli.js', 0o755);
