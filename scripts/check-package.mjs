// Packs the package, installs it into an empty folder as a user would, and tries its command and its import there.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** The embedded base alone is 27 MB packed; anything much above it came in by mistake. */
const MAX_TARBALL = 32e6;

const TRY = `
import { readFileSync } from 'node:fs';
import { embeddedBasePath, layersOf, PAPER_WIDTHS, VGG16 } from 'vgg16-webgpu';
if (layersOf(PAPER_WIDTHS).length !== 22 || typeof VGG16.load !== 'function') throw new Error('the import is not what it should be');
const { name } = JSON.parse(readFileSync(new URL(import.meta.resolve('vgg16-webgpu/package.json'))));
console.log('import', name, embeddedBasePath().endsWith('.safetensors'));
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
    'dist/cli.js',
    'dist/types/index.d.ts',
    'weights/README.md',
    'LICENSE',
  ]) {
    if (!paths.includes(path)) throw new Error(`${filename} lacks ${path}`);
  }
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
  run('npm', ['install', '--no-audit', '--no-fund', join(folder, filename)]);
  writeFileSync(join(folder, 'try.js'), TRY);
  console.log(run('node', ['try.js']).trim());
  console.log('npx vgg16', run('npx', ['--no-install', 'vgg16', '--version']).trim());
  console.log(`${filename}: ${(size / 1e6).toFixed(1)} MB, installs and starts`);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
