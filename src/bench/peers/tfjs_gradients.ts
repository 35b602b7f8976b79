// TensorFlow.js' own gradients, which its bundle for Node leaves out: bundled from the modules it comes with. Their copy of the
// operators runs on the same engine, which is one a process.

import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { UsageError } from '../../errors.js';
import { tfjsRequire } from './tfjs_library.js';

/** Beside a program that comes without esbuild; made by scripts/bundle.mjs. */
const BUNDLED_BEFORE = fileURLToPath(new URL('tfjs_gradients.cjs', import.meta.url));

/** Registers them. @throws UsageError where they have to be bundled first and esbuild is not installed */
export async function loadGradients(): Promise<void> {
  if (existsSync(BUNDLED_BEFORE)) return createRequire(import.meta.url)(BUNDLED_BEFORE);
  const require = tfjsRequire();
  const { build } = await import('esbuild').catch(() => {
    throw new UsageError("TensorFlow.js' gradients have to be bundled, by esbuild: npm install esbuild");
  });
  const { outputFiles } = await build({
    entryPoints: [require.resolve('@tensorflow/tfjs-core/dist/register_all_gradients.js')],
    bundle: true,
    platform: 'node',
    format: 'cjs',
    write: false,
  });
  new Function('require', outputFiles[0]!.text)(require);
}
