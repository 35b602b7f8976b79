// Makes one archive of everything that a benchmark needs, for a machine with a GPU where nothing can be installed:
// npm run bench:bundle [-- --onnxruntime]
//
//   run.sh            finds the rest, wherever it is
//   bin/node          the Node that runs this
//   app/vgg16.js      the command, with the packages that are plain JavaScript in it
//   app/node_modules  Dawn and TensorFlow.js, as published; with --onnxruntime also ONNX Runtime, where it is installed
//
// The ImageNet base stays out, as benchmarks make random weights, and so does libvulkan.so.1: the driver's is used.
import { execFileSync } from 'node:child_process';
import { chmodSync, cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';
import { checkNodesLibraries, checkVersions } from './bundle/binaries.mjs';
import {
  filesReached,
  licencesOf,
  manifestsOf,
  nodeLicence,
  packageFiles,
  packagesOf,
} from './bundle/packages.mjs';
import { common } from './esbuild.mjs';
import { workerTextPlugin } from './worker_text.mjs';

const NAME = 'vgg16-bench-linux-x64';
const FOLDER = join('.build', NAME);
const APP = join(FOLDER, 'app');

const MAX_ARCHIVE = 60e6;
const BUFFERS = { maxBuffer: 1e9 };

const TFJS = ['core', 'backend-cpu', 'backend-wasm', 'backend-webgpu'].map(
  (part) => `@tensorflow/tfjs-${part}`,
);
const DAWN = 'node_modules/webgpu/dist/linux-x64/dawn.node';
const WASM = ['', '-simd', '-threaded-simd'].map(
  (kind) => `node_modules/@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm${kind}.wasm`,
);
const ORT = 'node_modules/onnxruntime-node/bin/napi-v6/';
const ORT_BINARIES = ['libonnxruntime.so.1', 'onnxruntime_binding.node'].map(
  (file) => `${ORT}linux/x64/${file}`,
);

/** Packages in CommonJS require Node's own modules. The name must be nobody else's: esbuild does not look at what stands before. */
const REQUIRE = `import { createRequire as createRequireOfBundle } from 'node:module';
const require = createRequireOfBundle(import.meta.url);`;

const require = createRequire(import.meta.url);
const versionOf = (name) => require(`${name}/package.json`).version;
const put = (path, content) => {
  mkdirSync(dirname(join(FOLDER, path)), { recursive: true });
  writeFileSync(join(FOLDER, path), content);
};

if (`${process.platform} ${process.arch}` !== 'linux x64') {
  console.error(
    `the bundle is for Linux on x64 and is made on one; this is ${process.platform} ${process.arch}`,
  );
  process.exit(2);
}
const hasOnnxruntime = process.argv.includes('--onnxruntime');
if (hasOnnxruntime && !existsSync(ORT)) {
  console.error('onnxruntime-node is not installed: npm install --no-save onnxruntime-node');
  process.exit(2);
}
rmSync(FOLDER, { recursive: true, force: true });
const inlined = [...(await buildProgram()), ...(await buildGradients())];
const copied = await copyPackages();
copyNode();
copyTexts([...inlined, ...copied]);
pack();

/** One file; gives the files of packages that went into it. */
async function buildProgram() {
  const { version } = JSON.parse(readFileSync('package.json', 'utf8'));
  put(
    'app/package.json',
    JSON.stringify({ name: 'vgg16-webgpu', version, type: 'module', isWithoutWeights: true }),
  );
  const { metafile } = await build({
    ...common,
    packages: 'bundle',
    external: ['webgpu', 'esbuild', 'h5wasm', 'koffi'],
    plugins: [workerTextPlugin],
    alias: { sharp: './scripts/bundle/sharp_left_out.ts' },
    entryPoints: ['src/cli/main.ts'],
    outfile: join(APP, 'vgg16.js'),
    sourcemap: false,
    metafile: true,
    banner: { js: REQUIRE },
  });
  return packageFiles(metafile);
}

/** What src/bench/peers/tfjs_training.ts would bundle, had it an esbuild. */
async function buildGradients() {
  const { metafile } = await build({
    entryPoints: [require.resolve('@tensorflow/tfjs-core/dist/register_all_gradients.js')],
    bundle: true,
    platform: 'node',
    format: 'cjs',
    outfile: join(APP, 'tfjs_gradients.cjs'),
    metafile: true,
  });
  return packageFiles(metafile);
}

/** Unchanged, because they are what is measured; gives their files. */
async function copyPackages() {
  const names = ['webgpu', ...TFJS, ...(hasOnnxruntime ? ['onnxruntime-node'] : [])];
  const reached = (await filesReached(names)).filter((path) => !path.startsWith(ORT));
  const files = [...reached, DAWN, ...WASM, ...(hasOnnxruntime ? ORT_BINARIES : [])];
  for (const path of [...files, ...manifestsOf(files)]) cpSync(path, join(APP, path));
  for (const path of files.filter((file) => /\.node$|\.so\b/.test(file))) checkVersions(path);
  return files;
}

function copyNode() {
  checkNodesLibraries();
  const node = join(FOLDER, 'bin', 'node');
  mkdirSync(dirname(node));
  try {
    execFileSync('strip', ['-o', node, process.execPath]);
  } catch (error) {
    if (error.code !== 'ENOENT') throw error;
    cpSync(process.execPath, node);
  }
  chmodSync(node, 0o755);
  checkVersions(node);
}

function copyTexts(files) {
  const peers = [`TensorFlow.js ${versionOf('@tensorflow/tfjs-core')}`];
  if (hasOnnxruntime) peers.push(`ONNX Runtime ${versionOf('onnxruntime-node')}`);
  const { version } = JSON.parse(readFileSync('package.json', 'utf8'));
  const said = {
    VERSION: version,
    NODE: process.version,
    WEBGPU: versionOf('webgpu'),
    PEERS: peers.join(' and '),
  };
  const readme = readFileSync('scripts/bundle/README', 'utf8');
  put(
    'README',
    readme.replace(/@([A-Z]+)@/g, (_, name) => said[name]),
  );
  put('LICENSE', readFileSync('LICENSE', 'utf8'));
  for (const [name, text] of licencesOf(packagesOf(files))) put(`licences/${name}`, text);
  put('licences/node.txt', nodeLicence());
  cpSync('scripts/bundle/run.sh', join(FOLDER, 'run.sh'));
  chmodSync(join(FOLDER, 'run.sh'), 0o755);
}

/**
 * The same files give the same bytes: no times, no owners, no order of the disk's. As gzip, which every machine can unpack;
 * with ONNX Runtime that has more than 60 MB, and then it is xz, a third smaller, which many images come without.
 */
function pack() {
  const same = ['--sort=name', '--mtime=2001-01-01T00:00Z', '--owner=0', '--group=0', '--numeric-owner'];
  const tar = execFileSync('tar', ['--create', ...same, '--mode=u+rw,go=rX', '-C', '.build', NAME], BUFFERS);
  const [ending, archive] = hasOnnxruntime
    ? ['xz', execFileSync('xz', ['-6', '--threads=1'], { ...BUFFERS, input: tar })]
    : ['gz', gzipSync(tar, { level: 9 })];
  const path = join('out', `${NAME}.tar.${ending}`);
  if (archive.length > MAX_ARCHIVE) {
    throw new Error(`${path} would have ${archive.length} bytes, more than ${MAX_ARCHIVE}`);
  }
  mkdirSync('out', { recursive: true });
  writeFileSync(path, archive);
  const size = (bytes) => `${(bytes / 1e6).toFixed(1)} MB`;
  console.log(`${path}: ${size(archive.length)}, unpacked ${size(tar.length)}`);
}
