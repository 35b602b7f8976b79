// Builds dist/: the library (index.js, and browser/index.js for browsers), the command (cli.js) and the explorer page (explorer/). The declarations come from tsc (npm run build).
import { chmod, copyFile, rm } from 'node:fs/promises';
import { build } from 'esbuild';
import { browser, common, explorer } from './esbuild.mjs';

await rm('dist', { recursive: true, force: true });
await build({
  ...common,
  entryPoints: { index: 'src/index.ts', cli: 'src/cli/start.ts' },
  outdir: 'dist',
  splitting: true,
  chunkNames: 'chunks/[name]-[hash]',
});
await build({ ...browser, outdir: 'dist/browser' });
await build({ ...explorer, outdir: 'dist/explorer' });
await copyFile('explorer/index.html', 'dist/explorer/index.html');
await copyFile('docs/explorer.png', 'dist/explorer/recorded.png');
await chmod('dist/cli.js', 0o755);
