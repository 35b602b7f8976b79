// A kernel's file as a page to read: its header taken apart, by the lines that docs and tests know.

export interface KernelPage {
  readonly title: string;
  readonly entries: readonly Entry[];
  readonly body: string;
}

/** `Computes`, `Shapes`, ..., with what stands beside it: paragraphs, and drawings of lines that must stay below each other. */
export interface Entry {
  readonly name: string;
  readonly parts: readonly { readonly isDrawing: boolean; readonly text: string }[];
}

export function kernelPage(text: string): KernelPage {
  const end = text.indexOf('\n\n');
  const [title = '', ...lines] = text
    .slice(0, end)
    .split('\n')
    .map((line) => line.replace(/^\/\/ ?/, ''));
  const entries: { name: string; lines: string[] }[] = [];
  for (const line of lines) {
    const [, name, beside] = /^([A-Z][A-Za-z]*(?: matmul)?) {2,}(.*)$/.exec(line) ?? [];
    if (name !== undefined) entries.push({ name, lines: [beside!] });
    else if (line.trim() !== '') entries.at(-1)?.lines.push(line.slice(11));
  }
  return {
    title,
    entries: entries.map(({ name, lines: all }) => ({ name, parts: partsOf(all) })),
    body: text.slice(end).trim(),
  };
}

function partsOf(lines: readonly string[]): Entry['parts'] {
  const parts: { isDrawing: boolean; lines: string[] }[] = [];
  for (const line of lines) {
    const isDrawing = line.startsWith('  ');
    const last = parts.at(-1);
    if (last?.isDrawing === isDrawing) last.lines.push(line);
    else parts.push({ isDrawing, lines: [line] });
  }
  return parts.map(({ isDrawing, lines: some }) => ({ isDrawing, text: some.join(isDrawing ? '\n' : ' ') }));
}
