// Where real photos and the full-precision base are, on a machine that has them.

import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

/** `VGG16_TEST_DATA`, else the folder `shared/data` beside the checkout; undefined, said aloud, where there is none. */
export function testData(): string | undefined {
  const folder = process.env.VGG16_TEST_DATA || join('..', 'shared', 'data');
  if (existsSync(folder)) return folder;
  console.warn(`SKIPPED: no test data at ${folder}; set VGG16_TEST_DATA to the folder that holds it`);
  return undefined;
}

/** The first photos of a folder of the data, in order of their names. */
export function photos(data: string, folder: string, count: number): string[] {
  const path = join(data, 'hymenoptera_data', 'val', folder);
  return readdirSync(path)
    .sort()
    .slice(0, count)
    .map((name) => join(path, name));
}
