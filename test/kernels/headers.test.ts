// What a student can rely on in every kernel file: its header, and that it compiles as it stands.

import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { useGpu } from '../support/gpu.js';

const FOLDER = 'src/kernels';
const FILES = readdirSync(FOLDER, { recursive: true, encoding: 'utf8' })
  .filter((path) => path.endsWith('.wgsl'))
  .sort();

/** In this order; the bracketed ones only where they mean something. */
const LINES = [
  'Computes',
  'Shapes',
  '[As matmul]',
  'Threads',
  '[Tile]',
  'Cost',
  'Requires',
  '[Changed]',
  'Source',
];

describe('kernel files', () => {
  // Dawn's null backend runs the whole WGSL compiler and checks limits; it executes nothing.
  const gpu = useGpu({ adapter: 'null' });

  it('are where they are expected', () => {
    expect(FILES).toContain('conv3x3/01_naive.wgsl');
    expect(FILES.length).toBeGreaterThanOrEqual(11);
  });

  describe.each(FILES)('%s', (path) => {
    const text = readFileSync(join(FOLDER, path), 'utf8');
    const header = text.split('\n\n')[0]!.split('\n');
    const rung = /^(\d\d)_(.*)\.wgsl$/.exec(basename(path));

    it('opens with the header', () => {
      const operation = path.split('/')[0];
      const title = rung
        ? `// ${operation} / ${rung[1]} ${rung[2]!.replaceAll('_', ' ')}: `
        : `// ${operation}: `;
      expect(header[0]!.slice(0, title.length)).toBe(title);
      const found = header.flatMap(
        (line) => /^\/\/ ([A-Z][A-Za-z]*(?: matmul)?) {2,}\S/.exec(line)?.[1] ?? [],
      );
      const allowed = LINES.map((name) => name.replace(/[[\]]/g, ''));
      expect(found.filter((name) => !allowed.includes(name))).toEqual([]);
      expect(found).toEqual(allowed.filter((name) => found.includes(name)));
      const required = LINES.filter((name) => !name.startsWith('['));
      expect(found).toEqual(expect.arrayContaining(rung ? [...required, 'Changed'] : required));
    });

    const flat = header.map((line) => line.replace(/^\/\/ */, '')).join(' ');
    const cost = /Cost {2,}(.*?) Requires {2,}/.exec(flat)![1]!;

    it.runIf(rung)('states its arithmetic intensity, and reads in numbers of 4 bytes', () => {
      expect(cost).toMatch(/arithmetic intensity .*[\dN] FLOP\/B/);
      expect(cost).not.toMatch(/16-byte/);
    });

    const sums = [...cost.matchAll(/1\/([BT]M) \+ 1\/([BT]N) = (\d+)\/(\d+)/g)];
    it.runIf(sums.length > 0)('has sums and an intensity that follow from its tile', () => {
      const constant = (name: string) =>
        Number(new RegExp(`^const ${name}: u32 = (\\d+);`, 'm').exec(text)![1]);
      for (const [, m, n, above, below] of sums) {
        expect(1 / constant(m!) + 1 / constant(n!)).toBe(Number(above) / Number(below));
      }
      // An FMA is two operations, a number four bytes; every number of x and k counts once per workgroup.
      const perWorkgroup = 1 / constant('BM') + 1 / constant('BN');
      const intensity = Number(/arithmetic intensity (?:about )?([\d.]+) FLOP\/B/.exec(cost)![1]);
      expect(intensity / (2 / (4 * perWorkgroup))).toBeCloseTo(1, 1);
    });

    it('says "per": "once a workgroup" is hard to read', () => {
      expect(text).not.toMatch(
        /\b(once|sums|reads?|writes?|numbers?|products?|quads?) an? (thread|workgroup|subgroup|pixel|tile|pair|output|row)\b/,
      );
    });

    it('is at most 150 lines', () => {
      expect(text.split('\n').length).toBeLessThanOrEqual(150);
    });

    it('compiles as it stands', async () => {
      await gpu().pipelines.get({ name: path, wgsl: text });
    });
  });
});
