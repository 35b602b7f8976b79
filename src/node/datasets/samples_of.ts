// From names of files by class to samples.

import { isAbsolute, join } from 'node:path';
import type { Sample } from '../../train/samples.js';
import type { ClassFiles } from './survey.js';

/** The samples of a part, class by class. A sample's name is its path, and the same string: all that is held of it. */
export function samplesOf(folder: string, classes: readonly string[], files: ClassFiles): Sample[] {
  const path = pathsIn(folder);
  return classes.flatMap((name, label) =>
    (files.get(name) ?? []).map((file) => {
      const picture = path(file);
      return { name: picture, picture, label };
    }),
  );
}

/** Where files are whose names are relative to `folder`. One `join` for all of them: it is slow and makes large strings. */
export function pathsIn(folder: string): (file: string) => string {
  const prefix = join(folder, '_').slice(0, -1);
  return (file) => (isAbsolute(file) ? file : `${prefix}${file}`);
}
