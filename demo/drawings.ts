// Which emoji are drawn, and by whom.
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { UsageError } from '../src/errors.js';
import { CLASSES, type ClassName, containsName, type DrawingClass } from './classes.js';

/** Both draw every thing that can be chosen. The first one's drawings are learnt from, the other's are the examination. */
export const ARTISTS = ['twemoji', 'noto'] as const;
export type Artist = (typeof ARTISTS)[number];

export const ARTIST_NAMES: Readonly<Record<Artist, string>> = { twemoji: 'Twemoji', noto: 'Noto Emoji' };

/** One emoji by one artist. */
export interface Drawing {
  /** The icon's name, which both artists share: 'two-hump-camel'. */
  readonly name: string;
  readonly artist: Artist;
  readonly className: ClassName;
  /** Position of the class in CLASSES. */
  readonly label: number;
  /** An SVG document that scales to any size. */
  readonly svg: string;
}

/** What the files of an `@iconify-json` package say, as far as it is used here. */
export interface IconSet {
  readonly icons: Readonly<Record<string, Icon>>;
  /** Category to names of icons. */
  readonly categories: Readonly<Record<string, readonly string[]>>;
  /** Unicode code points ('1f408-200d-2b1b') to name of icon. */
  readonly chars: Readonly<Record<string, string>>;
  /** The size of an icon that does not say its own. */
  readonly width: number;
  readonly height: number;
}

interface Icon {
  readonly body: string;
  readonly width?: number;
  readonly height?: number;
  readonly left?: number;
  readonly top?: number;
}

export type IconSets = Readonly<Record<Artist, IconSet>>;

/** Reads both packages. @throws UsageError where one is not installed. */
export async function loadIconSets(): Promise<IconSets> {
  const [twemoji, noto] = await Promise.all(ARTISTS.map(loadIconSet));
  return { twemoji: twemoji!, noto: noto! };
}

async function loadIconSet(artist: Artist): Promise<IconSet> {
  const folder = packageFolder(`@iconify-json/${artist}`);
  const [icons, metadata, chars] = await Promise.all(
    ['icons.json', 'metadata.json', 'chars.json'].map(async (file) =>
      JSON.parse(await readFile(join(folder, file), 'utf8')),
    ),
  );
  return {
    icons: icons.icons,
    categories: metadata.categories,
    chars,
    width: icons.width,
    height: icons.height,
  };
}

function packageFolder(name: string): string {
  try {
    return dirname(createRequire(import.meta.url).resolve(`${name}/icons.json`));
  } catch (error) {
    throw new UsageError(`the package ${name} is not installed; run: npm ci`, { cause: error });
  }
}

/**
 * The things of a class that both artists drew, by name, each as different from the others as names can tell: no
 * variants. A variant is an emoji joined from others (black cat = cat + black square), or one whose name holds the
 * whole name of another of its class ('cat-face', 'two-hump-camel', 'grinning-face-with-sweat').
 */
export function candidates(sets: IconSets, drawingClass: DrawingClass): string[] {
  const lists = ARTISTS.map((artist) => new Set(sets[artist].categories[drawingClass.category]));
  const joined = new Set(ARTISTS.flatMap((artist) => joinedEmoji(sets[artist])));
  const all = [...lists[0]!].filter(
    (name) => lists.every((list) => list.has(name)) && drawingClass.belongs(name) && !joined.has(name),
  );
  return all.filter((name) => !all.some((other) => other !== name && containsName(name, other)));
}

/** Names of the emoji whose code is several emoji held together by U+200D, the zero width joiner. */
function joinedEmoji(set: IconSet): string[] {
  return Object.entries(set.chars).flatMap(([code, name]) => (/\b200d\b/.test(code) ? [name] : []));
}

/** What is learnt from, and what nobody who learns has seen: other things, by the other artist. */
export interface Choice {
  readonly known: readonly Drawing[];
  readonly unseen: readonly Drawing[];
}

/** Drawings of each class. */
export interface Counts {
  readonly known: number;
  readonly unseen: number;
}

/** How many things a class may have: as many as the smallest class has. */
export function mostPerClass(sets: IconSets): number {
  return Math.min(...CLASSES.map((drawingClass) => candidates(sets, drawingClass).length));
}

/**
 * Drawings of things of every class, the classes taking turns (an animal, food, a face, a place, an animal ...). No
 * thing is both known and unseen. The seed orders the things of a class by hash.
 *
 * @throws UsageError when there are not that many.
 */
export function chooseDrawings(sets: IconSets, { known, unseen }: Counts, seed: number): Choice {
  const most = mostPerClass(sets);
  if (known + unseen > most) {
    throw new UsageError(
      `${known} drawings of each class to learn from and ${unseen} others are too many: there are ${most} things`,
    );
  }
  const ordered = CLASSES.map((drawingClass) =>
    candidates(sets, drawingClass)
      .map((name) => ({ name, rank: hash(`${seed}/${drawingClass.name}/${name}`) }))
      .sort((a, b) => (a.rank < b.rank ? -1 : 1)),
  );
  const draw = (artist: Artist, first: number, count: number) =>
    Array.from({ length: count }, (_, turn) =>
      CLASSES.map(({ name: className }, label): Drawing => {
        const { name } = ordered[label]![first + turn]!;
        return { name, artist, className, label, svg: svgDocument(sets[artist], name) };
      }),
    ).flat();
  const [teacher, examiner] = ARTISTS;
  return { known: draw(teacher, 0, known), unseen: draw(examiner, known, unseen) };
}

function hash(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

function svgDocument(set: IconSet, name: string): string {
  const icon = set.icons[name]!;
  const { body, left = 0, top = 0, width = set.width, height = set.height } = icon;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="${left} ${top} ${width} ${height}">${body}</svg>`;
}

/** A name for people: 'two-hump-camel' reads "two hump camel". */
export function readable(name: string): string {
  return name.replaceAll('-', ' ');
}
