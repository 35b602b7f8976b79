// The face for browsers as a bundler sees it: found by the condition, without anything of Node, and small.

import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { builtinModules } from 'node:module';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { browser } from '../../scripts/esbuild.mjs';

/** Bytes of all its files, gzipped; the weights come apart. */
const MAX_BYTES = 250_000;

describe('the bundle for browsers', () => {
  it('holds no module of Node, nor a package that needs one', async () => {
    const { metafile } = await build({ ...browser, outdir: '.build/browser', write: false, metafile: true });
    const inputs = Object.keys(metafile.inputs);
    expect(inputs).toContain('src/browser/vgg16.ts');
    expect(inputs.filter((path) => path.startsWith('src/node/'))).toEqual([]);
    const packages = inputs.flatMap((path) => /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(path)?.[1] ?? []);
    // Both are arithmetic in plain JavaScript.
    expect([...new Set(packages)].sort()).toEqual(['pure-rand', 'wgpu-matrix']);
    const imported = Object.values(metafile.inputs).flatMap(({ imports }) => imports.map(({ path }) => path));
    expect(imported.filter((path) => path.startsWith('node:') || builtinModules.includes(path))).toEqual([]);
  });

  it('is under 250 kB, gzipped, with all formats of weights', async () => {
    const { outputFiles } = await build({
      ...browser,
      outdir: '.build/browser',
      write: false,
      sourcemap: false,
    });
    const bytes = outputFiles.reduce((sum, { contents }) => sum + gzipSync(contents).length, 0);
    expect(bytes).toBeGreaterThan(50_000);
    expect(bytes).toBeLessThan(MAX_BYTES);
  });
});

describe("a page's own bundle", () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'vgg16 page '));
    await mkdir(join(folder, 'node_modules'));
    await symlink(resolve('.'), join(folder, 'node_modules', 'vgg16-webgpu'), 'junction');
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  it('finds the face for browsers by the package name', async () => {
    const page = join(folder, 'page.js');
    await writeFile(page, "import { VGG16 } from 'vgg16-webgpu';\nglobalThis.load = VGG16.load;\n");
    const { metafile } = await build({
      ...{ entryPoints: [page], bundle: true, format: 'esm', platform: 'browser', metafile: true },
      ...{ splitting: true, outdir: join(folder, 'out'), logLevel: 'error' },
    });
    const inputs = Object.keys(metafile.inputs);
    expect(inputs.some((path) => path.endsWith('dist/browser/index.js'))).toBe(true);
    expect(inputs.some((path) => path.endsWith('dist/index.js'))).toBe(false);
    expect(await readFile(join(folder, 'out', 'page.js'), 'utf8')).not.toMatch(/\bfrom ?["']node:/);
  });
});
