// npm run bench:tables: the tables in README.md and in the chapters, out of bench/results/*.json.
//
// A table stands between <!-- table NAME --> and <!-- /table -->; NAME is one of those below. With --check nothing is
// written, and the exit code is 1 where a table is not what the results say.

import { readFile } from 'node:fs/promises';
import { writeAtomically } from '../src/atomic_file.js';
import { TABLES } from './support/markdown_tables.js';

const FILES = ['README.md', 'src/kernels/conv3x3/README.md', 'src/kernels/README.md'];

const isCheck = process.argv.includes('--check');
for (const file of FILES) {
  const text = await readFile(file, 'utf8');
  const updated = await withTables(file, text);
  if (updated === text) continue;
  if (isCheck) {
    console.error(`${file}: its tables are not what bench/results has: npm run bench:tables`);
    process.exitCode = 1;
  } else {
    await writeAtomically(file, (append) => append(Buffer.from(updated)));
    console.log(`${file} updated`);
  }
}

async function withTables(file: string, text: string): Promise<string> {
  const parts = text.split(/(<!-- table (?:[a-z0-9-]+) -->\n)[\s\S]*?(<!-- \/table -->)/);
  let updated = '';
  for (const [i, part] of parts.entries()) {
    updated += part;
    const name = /^<!-- table ([a-z0-9-]+) -->\n$/.exec(part)?.[1];
    if (name === undefined) continue;
    const table = TABLES[name];
    if (!table)
      throw new Error(`${file} wants a table "${name}"; there are ${Object.keys(TABLES).join(' ')}`);
    if (parts[i + 1] !== '<!-- /table -->') throw new Error(`${file}: the table ${name} has no end`);
    updated += `${await table('../'.repeat(file.split('/').length - 1))}\n`;
  }
  return updated;
}
