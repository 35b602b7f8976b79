// Builds dist/: the library (index.js) and the command (cli.js). The declarations come from tsc (npm run build).
import { chmod, rm } from 'node:fs/promises';
import { build } from 'esbuild';
import { common } from './esbuild.mjs';

await rm('dist', { recursive: true, force: true });
await build({
  ...common,
  entryPoints: { index: 'src/index.ts', cli: 'src/cli/start.ts' },
  outdir: 'dist',
  splitting: true,
  chunkNames: 'chunks/[name]-[hash]',
});
await chmod('dist/cli.js', 0o755);
