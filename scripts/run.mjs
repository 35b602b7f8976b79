// Runs one TypeScript program of this repository: node scripts/run.mjs demo/emoji.ts [arguments]
// Bundled first, because Node reads neither TypeScript nor .wgsl.
import { basename, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build } from 'esbuild';
import { common } from './esbuild.mjs';

const [entry, ...args] = process.argv.slice(2);
if (!entry) {
  console.error('usage: node scripts/run.mjs FILE.ts [arguments]');
  process.exit(2);
}
const outfile = resolve('.build', `${basename(entry, '.ts')}.js`);
await build({ ...common, entryPoints: [entry], outfile });
process.argv = [process.argv[0], outfile, ...args];
try {
  await import(pathToFileURL(outfile).href);
} catch (error) {
  // What a user can cause has one clear line and an exit code; anything else is a bug and keeps its stack trace.
  if (!(error instanceof Error) || !('exitCode' in error)) throw error;
  console.error(`${basename(entry, '.ts')}: ${error.message}`);
  process.exit(Number(error.exitCode));
}
