// Pictures that are the same, byte for byte: harmless copies, contradictions, and pictures that are both learnt and asked.

import type { PlacedFile, Problem } from './problems.js';

/** Remembers each picture that was seen first, by its digest. */
export class Twins {
  readonly #first = new Map<string, PlacedFile>();

  /** What is wrong where the same bytes were seen before. */
  problemOf(file: PlacedFile, digest: string): Problem | undefined {
    const first = this.#first.get(digest);
    if (!first) {
      this.#first.set(digest, file);
      return undefined;
    }
    const { path } = file;
    const same = `it is the same as ${first.path}`;
    if (first.className !== file.className) {
      return { kind: 'contradiction', path, reason: `${same}, which is of the class ${first.className}` };
    }
    if (first.part !== file.part) {
      return { kind: 'leak', path, reason: `${same}, which is in ${first.part}` };
    }
    return { kind: 'duplicate', path, reason: same };
  }
}
