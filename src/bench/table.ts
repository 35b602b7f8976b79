// Tables in a terminal.

/** Rows of cells under a heading; columns of numbers, which is all that begin with a digit or sign, to the right. */
export function table(heading: readonly string[], rows: readonly (readonly string[])[]): string {
  const isNumeric = heading.map((_, column) =>
    rows.every((row) => /^[-+]?(\d|NaN|Infinity)/.test(row[column] ?? '0')),
  );
  const widths = heading.map((name, column) =>
    Math.max(name.length, ...rows.map((row) => row[column]?.length ?? 0)),
  );
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, i) => (isNumeric[i] ? cell.padStart(widths[i]!) : cell.padEnd(widths[i]!)))
      .join('  ')
      .trimEnd();
  return [line(heading), line(widths.map((width) => '-'.repeat(width))), ...rows.map(line)].join('\n');
}
