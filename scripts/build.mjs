// Builds dist/: the library (index.js) and the command (cli.js). The declarations come from tsc (npm run build).
import { chmod, readFile, rm } from 'node:fs/promises';
import { build } from 'esbuild';
import { common } from './esbuild.mjs';

const { version } = JSON.parse(await readFile('package.json', 'utf8'));

await rm('dist', { recursive: true, force: true });
await build({
  ...common,
  entryPoints: { index: 'src/index.ts', cli: 'src/cli/main.ts' },
  outdir: 'dist',
  splitting: true,
  chunkNames: 'chunks/[name]-[hash]',
  define: { __VERSION__: JSON.stringify(version) },
});
await chmod('dist/cli.js', 0o755);
