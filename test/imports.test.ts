// The folders are the architecture: imports run one way.

import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { describe, expect, it } from 'vitest';

/** What each folder of src/ may import, besides itself and the files that lie in src/ itself. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  gpu: [],
  kernels: ['gpu'],
  reference: [],
  weights: ['node'],
  image: ['node'],
  network: ['kernels', 'gpu', 'weights'],
  model: ['network', 'kernels', 'gpu', 'weights', 'image', 'reference', 'node'],
  train: ['network', 'model', 'kernels', 'gpu', 'weights', 'image', 'reference'],
  tune: ['network', 'model', 'kernels', 'gpu', 'reference', 'node'],
  plot: [],
  node: ['plot', 'train', 'network', 'model', 'kernels', 'gpu', 'weights', 'image', 'reference'],
  bench: [
    'tune',
    'node',
    'plot',
    'train',
    'network',
    'model',
    'kernels',
    'gpu',
    'weights',
    'image',
    'reference',
  ],
  cli: [
    'bench',
    'tune',
    'node',
    'plot',
    'train',
    'network',
    'model',
    'kernels',
    'gpu',
    'weights',
    'image',
    'reference',
  ],
};

/** The folders that import neither Node nor a package that needs it. */
const CORE = ['gpu', 'kernels', 'reference', 'plot'];

/** The packages that run anywhere. */
const ANYWHERE = ['pure-rand', 'wgpu-matrix'];

const FILES = readdirSync('src', { recursive: true, encoding: 'utf8' })
  .filter((path) => path.endsWith('.ts') && path.includes('/'))
  .sort();

describe('imports', () => {
  it('are looked at in every folder that there is', () => {
    const folders = new Set(FILES.map((path) => path.split('/')[0]!));
    expect([...folders].filter((folder) => !(folder in MAY_IMPORT))).toEqual([]);
    expect(folders.size).toBeGreaterThanOrEqual(6);
  });

  it('of the files in src/ itself go into no folder, but for the public face', () => {
    const loose = readdirSync('src').filter((name) => name.endsWith('.ts') && name !== 'index.ts');
    expect(loose).toContain('errors.ts');
    for (const name of loose)
      expect(readFileSync(join('src', name), 'utf8'), name).not.toMatch(/from '\.\/.*\//);
  });

  it.each(FILES)('of src/%s', (path) => {
    const folder = path.split('/')[0]!;
    const text = readFileSync(join('src', path), 'utf8');
    const imports = [...text.matchAll(/\b(?:from|import)\s*\(?\s*['"](\.[^'"]+)['"]/g)].map(([, to]) =>
      normalize(join(dirname(path), to!)),
    );
    const folders = imports.filter((to) => to.includes('/')).map((to) => to.split('/')[0]!);
    const allowed = [folder, ...MAY_IMPORT[folder]!];
    expect(folders.filter((to) => !allowed.includes(to))).toEqual([]);
    expect(imports.filter((to) => to.startsWith('..'))).toEqual([]);
  });

  // Folders that run in a browser, too: what they import by name must not be Node's. tsconfig.core.json guards their globals.
  it.each(FILES.filter((path) => CORE.includes(path.split('/')[0]!)))('of src/%s need no Node', (path) => {
    const text = readFileSync(join('src', path), 'utf8');
    const packages = [...text.matchAll(/\b(?:from|import)\s*\(?\s*['"]([^.'"][^'"]*)['"]/g)].map(
      ([, to]) => to!,
    );
    expect(packages.filter((name) => !ANYWHERE.includes(name))).toEqual([]);
  });

  it('of the core are guarded by tsconfig.core.json as well', () => {
    const { include } = JSON.parse(readFileSync('tsconfig.core.json', 'utf8')) as { include: string[] };
    expect(include).toEqual(expect.arrayContaining(CORE.map((folder) => `src/${folder}`)));
  });
});
