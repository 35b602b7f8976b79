// npm run bench:tables: the tables in README.md and in the chapters, and the drawings, out of bench/results/*.json.
//
// A table stands between <!-- table NAME --> and <!-- /table -->; NAME is one of those below. With --check nothing is
// written, and the exit code is 1 where a table is not what the results say.

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { BenchReport } from '../src/bench/report.js';
import { ladderBars } from '../src/bench/svg/bars.js';
import { rooflineSvg } from '../src/bench/svg/roofline.js';
import { writeAtomically } from '../src/node/atomic_file.js';
import { TABLES } from './support/markdown_tables.js';

const FILES = ['README.md', 'docs/benchmarks.md', 'src/kernels/conv3x3/README.md'];

const RESULTS = join('bench', 'results');

/** Drawings, of which results, by what. */
const DRAWINGS = [
  ['ladder-conv3x3-lavapipe', 'ladder-conv3x3-lavapipe', ladderBars],
  ['roofline-lavapipe', 'ladder-conv3x3-lavapipe', rooflineSvg],
] as const;

const isCheck = process.argv.includes('--check');
for (const file of FILES) await update(file, (text) => withTables(file, text));
for (const [name, of, draw] of DRAWINGS) {
  const report = JSON.parse(await readFile(join(RESULTS, `${of}.json`), 'utf8')) as BenchReport;
  await update(join(RESULTS, `${name}.svg`), async () => draw(report));
}

async function update(file: string, make: (text: string) => Promise<string>): Promise<void> {
  const text = await readFile(file, 'utf8').catch(() => '');
  const updated = await make(text);
  if (updated === text) return;
  if (isCheck) {
    console.error(`${file} is not what bench/results has: npm run bench:tables`);
    process.exitCode = 1;
  } else {
    await writeAtomically(file, (append) => append(Buffer.from(updated)));
    console.log(`${file} updated`);
  }
}

async function withTables(file: string, text: string): Promise<string> {
  const root = '../'.repeat(file.split('/').length - 1);
  // Every second part is a marker: the beginning of a table or its end.
  const parts = text.split(/(<!-- \/?table.*-->)/);
  let updated = '';
  let inside: string | undefined;
  for (const part of parts) {
    const name = /^<!-- table (.*) -->$/.exec(part)?.[1];
    if (name !== undefined) {
      if (inside !== undefined) throw new Error(`${file}: the table ${inside} has no end`);
      const table = TABLES[name];
      if (!table)
        throw new Error(`${file} wants a table "${name}"; there are ${Object.keys(TABLES).join(' ')}`);
      inside = name;
      updated += `${part}\n${await table(root)}\n`;
    } else if (part === '<!-- /table -->') {
      if (inside === undefined) throw new Error(`${file}: a table ends that has not begun`);
      inside = undefined;
      updated += part;
    } else if (inside === undefined) updated += part;
  }
  if (inside !== undefined) throw new Error(`${file}: the table ${inside} has no end`);
  return updated;
}
