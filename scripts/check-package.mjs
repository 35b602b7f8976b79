// Packs the package, installs it into an empty folder as a user would, and tries its command, its import and its types there.
import { execFile, execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

/** The embedded base alone is 27 MB packed; anything much above it came in by mistake. */
const MAX_TARBALL = 32e6;

const TRY = `
import { readFileSync } from 'node:fs';
import { embeddedBasePath, layersOf, PAPER_WIDTHS, VGG16 } from 'vgg16-webgpu';
if (layersOf(PAPER_WIDTHS).length !== 22 || typeof VGG16.load !== 'function') throw new Error('the import is not what it should be');
const { name } = JSON.parse(readFileSync(new URL(import.meta.resolve('vgg16-webgpu/package.json'))));
console.log('import', name, embeddedBasePath().endsWith('.safetensors'));
`;

/** Node 20.19 and newer give ES modules to `require`, too. */
const TRY_REQUIRE = `
const { VGG16 } = require('vgg16-webgpu');
if (typeof VGG16.load !== 'function') throw new Error('require does not give what import gives');
console.log('require vgg16-webgpu');
`;

/** The compilers of users: the last 5, and the newest, whose DOM library has types of WebGPU. */
const COMPILERS = { 'typescript-5.9': '5.9.3', 'typescript-7.0': '7.0.2' };

/** With the DOM library and without it, by both ways to find a module. */
const SETTINGS = [
  { lib: ['es2022'], module: 'nodenext', moduleResolution: 'nodenext' },
  { lib: ['es2022', 'dom'], module: 'esnext', moduleResolution: 'bundler' },
];

/** What a user writes; a line after @ts-expect-error has to be refused, or the compiler complains. */
const CONSUMER = `
import { Gpu, type LayerTiming, type TrainOptions, trainHead, VGG16 } from 'vgg16-webgpu';

const gpu: Gpu = await Gpu.open({ adapter: 'swiftshader' });
{
  using model = await VGG16.load({ weights: new URL('file:///vgg16.pth'), gpu, dtype: 'f16' });
  const timings: LayerTiming[] | undefined = await model.profile({ batch: 1, height: 32, width: 32 }, 'block1_pool');
  const { data, shape } = await model.features('a.jpg', 'block5_pool', { pool: 'avg', signal: AbortSignal.timeout(1) });
  const numbers: readonly number[] = [...data, ...shape, ...(timings ?? []).map(({ ms }) => ms)];
  const options: TrainOptions = { epochs: numbers.length };
  trainHead satisfies (model: VGG16, dataset: never, options: TrainOptions) => Promise<unknown>;
  // @ts-expect-error
  await model.features('a.jpg', 'block5_pool', { pool: 'max' });
  // @ts-expect-error
  await model.classify('a.jpg', { topk: 5 });
  // @ts-expect-error
  await VGG16.load({ weight: options });
}
gpu.dispose();
`;

/** The same in a CommonJS module. */
const CONSUMER_CJS = `
import vgg16 = require('vgg16-webgpu');

async function widths(): Promise<readonly number[]> {
  using model: vgg16.VGG16 = await vgg16.VGG16.load();
  return [...model.widths.convs.values()];
}
export = widths;
`;

/** And in a page, where a bundler finds the face for browsers. */
const BROWSER = {
  lib: ['es2022', 'dom'],
  module: 'esnext',
  moduleResolution: 'bundler',
  customConditions: ['browser'],
};
const CONSUMER_BROWSER = `
import { Gpu, VGG16 } from 'vgg16-webgpu';

const gpu = await Gpu.open({ powerPreference: 'high-performance' });
const model: VGG16 = await VGG16.load({ weights: new Blob([]), gpu, signal: AbortSignal.timeout(1) });
const pixels = new ImageData(224, 224);
const [best] = await model.classify({ width: pixels.width, height: pixels.height, data: pixels.data });
const label: string | undefined = best?.label;
// @ts-expect-error
await model.classify('cat.jpg');
// @ts-expect-error
await VGG16.load({ weights: 7, label });
export {};
`;

const folder = mkdtempSync(join(tmpdir(), 'vgg16-package-'));
try {
  const run = (command, args) => execFileSync(command, args, { cwd: folder, encoding: 'utf8' });
  const packed = execFileSync('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', folder], {
    encoding: 'utf8',
  });
  const [{ filename, files }] = JSON.parse(packed);
  const { size } = statSync(join(folder, filename));
  if (size > MAX_TARBALL) throw new Error(`${filename} has ${size} bytes, more than ${MAX_TARBALL}`);
  const paths = files.map(({ path }) => path);
  for (const path of [
    'dist/index.js',
    'dist/browser/index.js',
    'dist/cli.js',
    'dist/index.d.ts',
    'weights/README.md',
    'LICENSE',
  ]) {
    if (!paths.includes(path)) throw new Error(`${filename} lacks ${path}`);
  }
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
  const compilers = Object.entries(COMPILERS).map(([name, version]) => `${name}@npm:typescript@${version}`);
  run('npm', ['install', '--no-audit', '--no-fund', join(folder, filename), ...compilers]);
  writeFileSync(join(folder, 'try.js'), TRY);
  console.log(run('node', ['try.js']).trim());
  writeFileSync(join(folder, 'try.cjs'), TRY_REQUIRE);
  if (process.features.require_module) console.log(run('node', ['try.cjs']).trim());
  console.log('npx vgg16', run('npx', ['--no-install', 'vgg16', '--version']).trim());
  await checkTypes(folder);
  console.log(`${filename}: ${(size / 1e6).toFixed(1)} MB, installs, starts and compiles`);
} finally {
  rmSync(folder, { recursive: true, force: true });
}

/** Compiles the consumer above and every snippet of README and docs, strictly and with the declarations checked, too. */
async function checkTypes(folder) {
  const pages = [
    'README.md',
    ...readdirSync('docs')
      .filter((name) => name.endsWith('.md'))
      .map((name) => `docs/${name}`),
  ];
  const text = pages.map((page) => readFileSync(page, 'utf8')).join('\n');
  const snippets = [...text.matchAll(/^```ts\n(.*?)^```$/gms)].map(([, code]) => code);
  if (snippets.length < 4) throw new Error('README.md and docs have lost their snippets of TypeScript');
  const programs = [CONSUMER, ...snippets];
  const names = programs.map((_, i) => `program${i}.ts`);
  for (const [i, code] of programs.entries()) writeFileSync(join(folder, names[i]), `${code}\nexport {};\n`);
  writeFileSync(join(folder, 'program.cts'), CONSUMER_CJS);
  writeFileSync(join(folder, 'page.ts'), CONSUMER_BROWSER);
  for (const compiler of Object.keys(COMPILERS)) {
    await Promise.all(
      SETTINGS.map((settings, i) => {
        const files = settings.module === 'nodenext' ? [...names, 'program.cts'] : names;
        return compile(folder, compiler, `${compiler}-${i}`, settings, files);
      }),
    );
    await compile(folder, compiler, `${compiler}-browser`, BROWSER, ['page.ts']);
    console.log(`${compiler}: ${programs.length + 2} programs, ${SETTINGS.length + 1} settings`);
  }
}

async function compile(folder, compiler, name, settings, programs) {
  const compilerOptions = {
    ...settings,
    target: 'es2022',
    strict: true,
    skipLibCheck: false,
    noEmit: true,
    types: [],
  };
  const files = programs.map((program) => `../${program}`);
  mkdirSync(join(folder, name));
  writeFileSync(join(folder, name, 'tsconfig.json'), JSON.stringify({ compilerOptions, files }));
  const tsc = join(folder, 'node_modules', compiler, 'bin', 'tsc');
  await promisify(execFile)(process.execPath, [tsc, '-p', name], { cwd: folder }).catch(
    ({ stdout, message }) => {
      throw new Error(`${name}, ${JSON.stringify(settings)}: ${stdout || message}`);
    },
  );
}
