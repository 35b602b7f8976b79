// Where packages of the peers are looked for: they are none of ours, and the user may have put them beside us or where he works.

import { createRequire } from 'node:module';
import { join } from 'node:path';

/** Files from whose folders it is looked for: the user's, then this one. */
export const PLACES: readonly string[] = [join(process.cwd(), 'package.json'), import.meta.url];

/** A `require` that finds `name`; undefined where none does. */
export function requireFrom(name: string, places: readonly string[] = PLACES): NodeJS.Require | undefined {
  for (const place of places) {
    const require = createRequire(place);
    try {
      require.resolve(name);
      return require;
    } catch {
      // Somewhere else, perhaps.
    }
  }
  return undefined;
}
