// Makes one file of the declarations that tsc has left in .build/types, for Node and for browsers: dist/index.d.ts holds what a
// user can name and nothing else. What the package uses inside, as WebGPU's types or undici's, is then no matter of the user's compiler.
import { rollup } from 'rollup';
import dts from 'rollup-plugin-dts';

const USING = '/// <reference lib="esnext.disposable" />';

/** What `using` needs; and a package for Node brings Node's types (URL, AbortSignal). */
const BANNERS = { index: `/// <reference types="node" />\n${USING}`, 'index.browser': USING };

for (const [name, banner] of Object.entries(BANNERS)) {
  const bundle = await rollup({ input: `.build/types/${name}.d.ts`, plugins: [dts()] });
  await bundle.write({ file: `dist/${name}.d.ts`, banner });
  await bundle.close();
}
