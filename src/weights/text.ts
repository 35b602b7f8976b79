// Names and shapes as they stand in messages. Names come out of files that anyone may have written.

const LONGEST_NAME = 80;
const MOST_SIDES = 8;

/** A name in quotes: one line, no control or direction characters, cut where it is absurdly long. */
export function quote(name: string): string {
  const shown = name.length > LONGEST_NAME ? `${name.slice(0, LONGEST_NAME)}…` : name;
  const escaped = JSON.stringify(shown);
  return escaped.replace(
    /[\p{C}\p{Zl}\p{Zp}]/gu,
    (c) => `\\u${c.codePointAt(0)!.toString(16).padStart(4, '0')}`,
  );
}

/** A shape as the field writes it: `(64, 3, 3, 3)`, and `()` for a scalar; of many axes the first, and their count. */
export function formatShape(shape: readonly (number | string)[]): string {
  if (shape.length > MOST_SIDES) {
    return `(${shape.slice(0, MOST_SIDES).join(', ')}, … ${shape.length} axes)`;
  }
  return shape.length === 1 ? `(${shape[0]},)` : `(${shape.join(', ')})`;
}

/** At most `limit` of the names, and how many more there are. */
export function listNames(names: readonly string[], limit = 3): string {
  const shown = names.slice(0, limit).map(quote).join(', ');
  return names.length > limit ? `${shown} and ${names.length - limit} more` : shown;
}

/** The last part of a path. */
export function fileName(path: string): string {
  return /[^/\\]*$/.exec(path.replace(/[/\\]+$/, ''))![0];
}
