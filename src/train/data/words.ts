// Names and counts: in which order, and how messages write them.

/** `1 picture`, `3 pictures`. */
export function pictures(count: number): string {
  return `${count} ${count === 1 ? 'picture' : 'pictures'}`;
}

/** More names than these would bury what a message says. */
const MOST_NAMES = 5;

/** The first few names, and how many there are besides. */
export function listed(names: readonly string[]): string {
  const rest = names.length - MOST_NAMES;
  const shown = names.slice(0, MOST_NAMES).join(', ');
  return rest > 0 ? `${shown} and ${rest} more` : shown;
}

/** The order that Python's `sorted` gives, which is that of code points and so of UTF-8; JavaScript's is of UTF-16. */
export function byCodePoints(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}
