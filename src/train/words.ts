// Names and counts as messages write them.

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
