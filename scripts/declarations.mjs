// Makes one file of the declarations that tsc has left in .build/types: dist/index.d.ts holds what a user can name and nothing
// else. What the package uses inside, as WebGPU's types or undici's, is then no matter of the user's compiler.
import { rollup } from 'rollup';
import dts from 'rollup-plugin-dts';

/** A package for Node brings Node's types (URL, AbortSignal), and what `using` needs. */
const BANNER = '/// <reference types="node" />\n/// <reference lib="esnext.disposable" />';

const bundle = await rollup({ input: '.build/types/index.d.ts', plugins: [dts()] });
await bundle.write({ file: 'dist/index.d.ts', banner: BANNER });
await bundle.close();
