// docs/architecture.md and CONTRIBUTING.md name what is there, and the lives they tell are short enough to be read.

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { describe, expect, it } from 'vitest';

const PAGE = readFileSync('docs/architecture.md', 'utf8');

/** Paths of this repository in a text: in backticks, or in the picture of the layers. */
function pathsIn(text: string): string[] {
  const found = text.matchAll(
    /(?<![\w/.-])((?:src|test|docs|scripts|bench|demo|weights)\/[\w./-]*[\w/]|[A-Z]+\.md)/g,
  );
  return [...new Set([...found].map(([, path]) => path!))];
}

/** The files that a section's numbered list opens, in its order. */
function filesOf(title: string): string[] {
  const section = PAGE.split(/^## /m).find((text) => text.startsWith(title))!;
  return [...section.matchAll(/^\d+\. `([^`]+)`/gm)].map(([, path]) => path!);
}

/** All files that a file imports, and those that these import. */
function reachedFrom(start: string): Set<string> {
  const reached = new Set<string>();
  const visit = (path: string) => {
    if (reached.has(path) || !existsSync(path)) return;
    reached.add(path);
    const text = readFileSync(path, 'utf8');
    for (const [, to] of text.matchAll(/\b(?:from|import)\s*\(?\s*['"](\.[^'"]+)['"]/g)) {
      visit(normalize(join(dirname(path), to!.replace(/\?worker$/, ''))).replace(/\.js$/, '.ts'));
    }
  };
  visit(start);
  return reached;
}

describe.each(['docs/architecture.md', 'CONTRIBUTING.md'])('%s', (page) => {
  it('names only paths that exist', () => {
    const paths = pathsIn(readFileSync(page, 'utf8'));
    expect(paths.length).toBeGreaterThan(10);
    expect(paths.filter((path) => !existsSync(path))).toEqual([]);
  });
});

describe('the picture of the layers', () => {
  it('has every folder of src/', () => {
    const picture = /```text\n(.*?)```/s.exec(PAGE)![1]!;
    const folders = readdirSync('src', { withFileTypes: true }).filter((entry) => entry.isDirectory());
    expect(
      folders.map(({ name }) => `src/${name}`).filter((path) => !pathsIn(picture).includes(path)),
    ).toEqual([]);
  });
});

describe.each([
  { title: 'The life of `classify photo.jpg`', most: 15 },
  { title: 'The life of a gradient step', most: 25 },
  { title: 'The life of a `.h5` file', most: 15 },
])('$title', ({ title, most }) => {
  const files = filesOf(title);

  it(`is told by at most ${most} files, each of them once`, () => {
    expect(files.length).toBeGreaterThan(10);
    expect(files.length).toBeLessThanOrEqual(most);
    expect(new Set(files).size).toBe(files.length);
  });

  it('is told by files that the command leads to', () => {
    const reached = reachedFrom('src/cli/main.ts');
    expect(files.filter((path) => !reached.has(path))).toEqual([]);
  });
});
