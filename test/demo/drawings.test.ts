import { beforeAll, describe, expect, it } from 'vitest';
import { LADDER, unseenOf } from '../../demo/budget.js';
import { CLASSES, containsName } from '../../demo/classes.js';
import {
  ARTISTS,
  candidates,
  chooseDrawings,
  type Drawing,
  type IconSets,
  loadIconSets,
  mostPerClass,
  readable,
} from '../../demo/drawings.js';
import { UsageError } from '../../src/errors.js';

let sets: IconSets;
beforeAll(async () => {
  sets = await loadIconSets();
});

const keys = (drawings: readonly Drawing[]) => drawings.map(({ artist, name }) => `${artist}:${name}`);

describe('candidates', () => {
  it('are enough for the largest choice, drawn by both artists, and in one class only', () => {
    const { perClass } = LADDER.at(-1)!;
    expect(mostPerClass(sets)).toBeGreaterThanOrEqual(perClass + unseenOf(perClass));
    const all = CLASSES.flatMap((drawingClass) => candidates(sets, drawingClass));
    expect(new Set(all).size).toBe(all.length);
    for (const name of all) {
      for (const artist of ARTISTS) expect(sets[artist].icons[name], `${artist}:${name}`).toBeDefined();
    }
  });

  it('are what they are called', () => {
    const of = (name: string) => candidates(sets, CLASSES.find((one) => one.name === name)!);
    expect(of('animals')).toEqual(expect.arrayContaining(['cat', 'whale', 'ant']));
    expect(of('food')).toEqual(expect.arrayContaining(['pizza', 'banana', 'ice-cream']));
    expect(of('faces')).toEqual(expect.arrayContaining(['clown-face', 'zany-face']));
    expect(of('places')).toEqual(expect.arrayContaining(['castle', 'volcano']));
    for (const stranger of [
      'rose',
      'paw-prints',
      'spoon',
      'red-heart',
      'alarm-clock',
      'ambulance',
      'full-moon',
    ]) {
      for (const { name } of CLASSES) expect(of(name)).not.toContain(stranger);
    }
  });

  it('hold no variants: nothing joined, no name within another', () => {
    const animals = candidates(sets, CLASSES[0]!);
    for (const variant of ['black-cat', 'cat-face', 'two-hump-camel', 'service-dog']) {
      expect(animals).not.toContain(variant);
    }
    for (const drawingClass of CLASSES) {
      const names = candidates(sets, drawingClass);
      for (const name of names) {
        expect(names.filter((other) => other !== name && containsName(name, other))).toEqual([]);
      }
    }
  });
});

describe('chooseDrawings', () => {
  it('gives the same drawings for the same seed, others for another', () => {
    const keysFor = (seed: number) => {
      const { known, unseen } = chooseDrawings(sets, { known: 16, unseen: 8 }, seed);
      return keys([...known, ...unseen]);
    };
    expect(keysFor(0)).toEqual(keysFor(0));
    expect(keysFor(1)).not.toEqual(keysFor(0));
  });

  it('draws every thing once: the known by one artist, the unseen by the other', () => {
    const { known, unseen } = chooseDrawings(sets, { known: 24, unseen: 12 }, 3);
    expect(new Set([...known, ...unseen].map(({ name }) => name)).size).toBe(4 * 36);
    expect(new Set(known.map(({ artist }) => artist))).toEqual(new Set(['twemoji']));
    expect(new Set(unseen.map(({ artist }) => artist))).toEqual(new Set(['noto']));
    for (const [label, { name }] of CLASSES.entries()) {
      for (const [drawings, count] of [[known, 24] as const, [unseen, 12] as const]) {
        const own = drawings.filter((drawing) => drawing.label === label);
        expect(own).toHaveLength(count);
        expect(own.every(({ className }) => className === name)).toBe(true);
      }
    }
  });

  it('lets the classes take turns, and begins a larger choice with a smaller one', () => {
    const { known } = chooseDrawings(sets, { known: 30, unseen: 15 }, 0);
    for (let i = 0; i < known.length; i += 4) {
      expect(known.slice(i, i + 4).map(({ label }) => label)).toEqual([0, 1, 2, 3]);
    }
    const smaller = chooseDrawings(sets, { known: 12, unseen: 6 }, 0).known;
    expect(keys(smaller)).toEqual(keys(known).slice(0, 48));
  });

  it('chooses no two drawings that look the same', () => {
    const { known } = chooseDrawings(sets, { known: mostPerClass(sets), unseen: 0 }, 0);
    expect(new Set(known.map(({ svg }) => svg)).size).toBe(known.length);
  });

  it('says so when there are not that many', () => {
    const most = mostPerClass(sets);
    const tooMany = () => chooseDrawings(sets, { known: most, unseen: 1 }, 0);
    expect(tooMany).toThrow(UsageError);
    expect(tooMany).toThrow(`there are ${most}`);
  });
});

it('names are made readable', () => {
  expect(readable('fish-cake-with-swirl')).toBe('fish cake with swirl');
});

it('containsName looks at whole words', () => {
  expect(containsName('cat-face', 'cat')).toBe(true);
  expect(containsName('two-hump-camel', 'camel')).toBe(true);
  expect(containsName('cattle', 'cat')).toBe(false);
  expect(containsName('bobcat', 'cat')).toBe(false);
});
