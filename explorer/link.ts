// What is being looked at, in the page's address: a copied link shows the same.

/** All that a link may say; what it does not say is the usual. */
export interface Place {
  readonly layer?: string;
  /** What is shown of the layer: `channels`, `kernel`, `workbench`. */
  readonly tab?: string;
  /** Side of the image in px. */
  readonly size?: string;
  /** The name of an included drawing; images of one's own are in no link. */
  readonly drawing?: string;
}

const KEYS = ['layer', 'tab', 'size', 'drawing'] as const;

/** @param hash  as in `location.hash` */
export function placeOf(hash: string): Place {
  const said = new URLSearchParams(hash.replace(/^#/, ''));
  return Object.fromEntries(KEYS.flatMap((key) => (said.has(key) ? [[key, said.get(key)!]] : [])));
}

/** The address after a change; `undefined` takes away what was said. */
export function hashOf(
  before: string,
  change: { readonly [Key in keyof Place]?: Place[Key] | undefined },
): string {
  const all: Record<string, string | undefined> = { ...placeOf(before), ...change };
  const said = new URLSearchParams();
  for (const key of KEYS) {
    const value = all[key];
    if (value !== undefined) said.set(key, value);
  }
  return said.size > 0 ? `#${said}` : '';
}

/** Keeps what is looked at in the address, without a step of the browser's history. */
export function remember(change: Parameters<typeof hashOf>[1]): void {
  const { pathname, search, hash } = location;
  history.replaceState(null, '', pathname + search + hashOf(hash, change));
}
