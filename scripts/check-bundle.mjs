// Unpacks the bundle into an empty folder and runs it there as on a machine that has nothing: no environment, no PATH,
// from another folder, through a link.
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';

const NAME = 'vgg16-bench-linux-x64';
const archive = process.argv[2] ?? join('out', `${NAME}.tar.gz`);
if (!existsSync(archive)) {
  console.error(`${archive} is not there: npm run bench:bundle`);
  process.exit(2);
}

/** Peers take the whole way from pixels to block5_pool, on pictures as small as there may be. */
const E2E = ['bench', 'e2e', '--side', '32', '--scope', 'convs', '--rounds', '1', '--json'];
const TFJS = ['tfjs-webgpu', 'tfjs-wasm'];
const ONNXRUNTIME = ['onnxruntime-cpu', 'onnxruntime-webgpu'];

/** For which TensorFlow.js needs its gradients, bundled beforehand. */
const TRAIN = [
  'bench',
  'train-step',
  '--inputs',
  '64',
  '--hidden',
  '8',
  '--batch',
  '4',
  '--rounds',
  '1',
  '--json',
];

// With a space, as folders of users have.
const folder = mkdtempSync(join(tmpdir(), 'vgg16 bundle-'));
const bundle = join(folder, NAME);
try {
  execFileSync('tar', ['-xf', archive, '-C', folder]);
  checkPaths();
  symlinkSync(join(NAME, 'run.sh'), join(folder, 'link'));
  const run = (...args) => check(join(folder, 'link'), args, { env: { PATH: '' } });

  run('--version');
  console.log(check(join(bundle, 'run.sh'), ['doctor'], { env: {} }).trim());
  const hasOnnxruntime = existsSync(join(bundle, 'app', 'node_modules', 'onnxruntime-node'));
  const peers = hasOnnxruntime ? [...TFJS, ...ONNXRUNTIME] : TFJS;
  expectEngines(run(...E2E, '--peers', peers.join()), peers);
  expectEngines(run(...TRAIN), ['tfjs-webgpu']);
  console.log(`${archive}: runs without an environment`);
} finally {
  rmSync(folder, { recursive: true, force: true });
}

/** Runs it from the root folder; gives its stdout. */
function check(command, args, options) {
  const { status, signal, stdout, stderr } = spawnSync(command, args, {
    cwd: '/',
    encoding: 'utf8',
    ...options,
  });
  if (status === 0) return stdout;
  throw new Error(`${command} ${args.join(' ')} ended with ${status ?? signal}:\n${stdout}${stderr}`);
}

/** Fails unless these and our own have given results. */
function expectEngines(json, peers) {
  const { benchmark, results, leftOut } = JSON.parse(json);
  for (const { engine, nmse } of results) {
    if (!(nmse <= 1e-9)) throw new Error(`${engine} has an NMSE of ${nmse} in ${benchmark}`);
    console.log(benchmark, engine, `NMSE ${nmse.toExponential(1)}`);
  }
  const missing = ['vgg16-webgpu', ...peers].filter((name) => !results.some(({ engine }) => engine === name));
  if (missing.length > 0) throw new Error(`${missing.join(' ')} did not run: ${JSON.stringify(leftOut)}`);
}

/** Where it was built is nobody's business, and would not be there. Binaries and packages are as others published them. */
function checkPaths() {
  const folders = [process.cwd(), homedir()].map((path) => `${path}/`).filter((path) => path !== '//');
  for (const place of ['', 'app', 'licences']) {
    for (const file of readdirSync(join(bundle, place), { withFileTypes: true })) {
      const path = join(bundle, place, file.name);
      const text = file.isFile() ? readFileSync(path, 'utf8') : '';
      const found = folders.find((name) => text.includes(name));
      if (found) throw new Error(`${path} names ${found}, a folder of this machine`);
    }
  }
}
