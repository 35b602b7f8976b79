// Text in columns, and in lines of bounded length.

export interface Column {
  readonly align?: 'left' | 'right';
  /** Colours a cell that already has its width. */
  readonly style?: (cell: string) => string;
}

/** The rows with their cells aligned and two spaces between columns; nothing trails. */
export function alignedRows(rows: readonly (readonly string[])[], columns: readonly Column[]): string[] {
  const widths = columns.map((_, i) => Math.max(0, ...rows.map((row) => row[i]?.length ?? 0)));
  return rows.map((row) => {
    const cells = row.map((cell, i) => {
      if (columns[i]?.align === 'right') return cell.padStart(widths[i]!);
      return i === row.length - 1 ? cell : cell.padEnd(widths[i]!);
    });
    return cells.map((cell, i) => columns[i]?.style?.(cell) ?? cell).join('  ');
  });
}

/** The text in lines of at most `width` characters, broken at spaces; all but the first are indented by two. */
export function wrapped(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line.trim() && line.length + 1 + word.length > width) {
      lines.push(line);
      line = `  ${word}`;
    } else line = line ? `${line} ${word}` : word;
  }
  return [...lines, line];
}
