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
const BENCH = ['bench', 'e2e', '--side', '32', '--scope', 'convs', '--rounds', '1', '--json'];
const PEERS = ['tfjs-webgpu', 'tfjs-wasm'];

/** That the gradients stand beside the program and belong to the TensorFlow.js that comes with it. */
const GRADIENTS = `
const { createRequire } = require('node:module');
const load = createRequire(process.argv[1]);
const tf = load('@tensorflow/tfjs-core');
load('@tensorflow/tfjs-backend-cpu');
load('./tfjs_gradients.cjs');
const [slope] = tf.grad((x) => tf.sum(tf.square(tf.relu(x))))(tf.tensor1d([3])).dataSync();
if (slope !== 6) throw new Error('the gradient of the square of 3 is ' + slope);
`;

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
  const { results, leftOut } = JSON.parse(run(...BENCH, '--peers', PEERS.join()));
  for (const { engine, nmse } of results) console.log(engine, `NMSE ${nmse.toExponential(1)}`);
  const engines = results.map(({ engine }) => engine);
  const missing = ['vgg16-webgpu', ...PEERS].filter((name) => !engines.includes(name));
  if (missing.length > 0) throw new Error(`${missing.join(' ')} did not run: ${JSON.stringify(leftOut)}`);
  check(join(bundle, 'bin', 'node'), ['-e', GRADIENTS, join(bundle, 'app', 'vgg16.js')], { env: {} });
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

/** Where it was built is nobody's business, and would not be there. Node and Dawn tell only where they were built themselves. */
function checkPaths() {
  const own = [process.cwd(), homedir()].filter((path) => path.length > 1);
  const files = readdirSync(bundle, { recursive: true, withFileTypes: true });
  for (const file of files.filter((entry) => entry.isFile())) {
    const path = join(file.parentPath ?? file.path, file.name);
    const text = readFileSync(path, 'latin1');
    // The home folder of root is a word of many programs.
    const found = own.find((name) => text.includes(name === '/root' ? '/root/' : name));
    if (found) throw new Error(`${path} names ${found}, a folder of this machine`);
  }
}
