// The folders are the architecture: imports run one way.

import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { describe, expect, it } from 'vitest';

/** What each folder of src/ may import, besides itself and the files that lie in src/ itself. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  gpu: [],
  kernels: ['gpu'],
  reference: [],
  weights: [],
  image: [],
  network: ['kernels', 'gpu', 'weights'],
  model: ['network', 'kernels', 'gpu', 'weights', 'image', 'reference'],
  train: ['network', 'model', 'kernels', 'gpu', 'weights', 'image', 'reference'],
  tune: ['network', 'model', 'kernels', 'gpu', 'reference'],
  plot: [],
  browser: ['model', 'gpu', 'weights', 'image'],
  node: ['tune', 'plot', 'train', 'network', 'model', 'kernels', 'gpu', 'weights', 'image', 'reference'],
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
const CORE = ['gpu', 'kernels', 'reference', 'plot', 'image'];

/** The packages that run anywhere. */
const ANYWHERE = ['pure-rand', 'wgpu-matrix'];

/** Every file of src/, with the files of src/ that it imports and the packages. Types count as well. */
const IMPORTS = new Map(
  readdirSync('src', { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.ts') && !path.endsWith('.d.ts'))
    .sort()
    .map((path) => {
      const text = readFileSync(join('src', path), 'utf8');
      const named = [...text.matchAll(/(?<!['"])\b(?:from|import)\s*\(?\s*['"]([^'"]+)['"]/g)].map(
        ([, to]) => to!,
      );
      const files = named
        .filter((to) => to.startsWith('.'))
        .map((to) => normalize(join(dirname(path), to)).replace(/\.js$/, '.ts'));
      return [path, { files, packages: named.filter((to) => !to.startsWith('.')) }] as const;
    }),
);
const IN_FOLDERS = [...IMPORTS.keys()].filter((path) => path.includes('/'));
const folderOf = (path: string) => path.split('/')[0]!;

/** Files that import each other in a circle, one list for each circle (Tarjan's strongly connected components). */
function circles(): string[][] {
  const found: string[][] = [];
  const order = new Map<string, number>();
  const lowest = new Map<string, number>();
  const stack: string[] = [];
  const visit = (path: string) => {
    order.set(path, order.size);
    lowest.set(path, order.get(path)!);
    stack.push(path);
    for (const next of IMPORTS.get(path)!.files) {
      if (!IMPORTS.has(next)) continue;
      if (!order.has(next)) visit(next);
      if (stack.includes(next)) lowest.set(path, Math.min(lowest.get(path)!, lowest.get(next)!));
    }
    if (lowest.get(path) !== order.get(path)) return;
    const circle = stack.splice(stack.indexOf(path));
    if (circle.length > 1 || IMPORTS.get(path)!.files.includes(path)) found.push(circle.sort());
  };
  for (const path of IMPORTS.keys()) if (!order.has(path)) visit(path);
  return found;
}

describe('imports', () => {
  it('are checked in every folder that there is', () => {
    const folders = new Set(IN_FOLDERS.map(folderOf));
    expect([...folders].filter((folder) => !(folder in MAY_IMPORT))).toEqual([]);
    expect(folders.size).toBeGreaterThanOrEqual(6);
  });

  it('of the files in src/ itself go into no folder, but for the public faces', () => {
    const loose = [...IMPORTS].filter(([path]) => !path.includes('/') && !path.startsWith('index.'));
    expect(loose.map(([path]) => path)).toContain('errors.ts');
    for (const [path, { files }] of loose)
      expect(
        files.filter((to) => to.includes('/')),
        path,
      ).toEqual([]);
  });

  it('make no circle', () => {
    expect(circles()).toEqual([]);
  });

  it.each(IN_FOLDERS)('of src/%s point downwards', (path) => {
    const folder = folderOf(path);
    const { files } = IMPORTS.get(path)!;
    const folders = files.filter((to) => to.includes('/')).map(folderOf);
    expect(folders.filter((to) => ![folder, ...MAY_IMPORT[folder]!].includes(to))).toEqual([]);
    expect(files.filter((to) => to.startsWith('..'))).toEqual([]);
  });

  // Folders that run in a browser, too: what they import by name must not be Node's. tsconfig.core.json guards their globals.
  it.each(IN_FOLDERS.filter((path) => CORE.includes(folderOf(path))))('of src/%s need no Node', (path) => {
    expect(IMPORTS.get(path)!.packages.filter((name) => !ANYWHERE.includes(name))).toEqual([]);
  });

  it('of the core are guarded by tsconfig.core.json as well', () => {
    const { include } = JSON.parse(readFileSync('tsconfig.core.json', 'utf8')) as { include: string[] };
    expect(include).toEqual(expect.arrayContaining(CORE.map((folder) => `src/${folder}`)));
  });
});
