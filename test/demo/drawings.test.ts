import { beforeAll, describe, expect, it } from 'vitest';
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
    expect(mostPerClass(sets)).toBeGreaterThanOrEqual(40);
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
    const keysFor = (seed: number) => keys(chooseDrawings(sets, { perClass: 16, seed }));
    expect(keysFor(0)).toEqual(keysFor(0));
    expect(keysFor(1)).not.toEqual(keysFor(0));
  });

  it('draws every thing once, as many of each class, by artists in equal parts', () => {
    const drawings = chooseDrawings(sets, { perClass: 24, seed: 3 });
    expect(new Set(drawings.map(({ name }) => name)).size).toBe(96);
    for (const [label, { name }] of CLASSES.entries()) {
      const own = drawings.filter((drawing) => drawing.label === label);
      expect(own).toHaveLength(24);
      expect(own.every(({ className }) => className === name)).toBe(true);
      for (const artist of ARTISTS)
        expect(own.filter((drawing) => drawing.artist === artist)).toHaveLength(12);
    }
  });

  it('is balanced wherever it is cut, and a larger choice begins with a smaller one', () => {
    const drawings = chooseDrawings(sets, { perClass: 40, seed: 0 });
    for (let i = 0; i < drawings.length; i += 4) {
      expect(drawings.slice(i, i + 4).map(({ label }) => label)).toEqual([0, 1, 2, 3]);
    }
    expect(keys(chooseDrawings(sets, { perClass: 12, seed: 0 }))).toEqual(keys(drawings).slice(0, 48));
  });

  it('chooses no two drawings that look the same', () => {
    const drawings = chooseDrawings(sets, { perClass: mostPerClass(sets), seed: 0 });
    expect(new Set(drawings.map(({ svg }) => svg)).size).toBe(drawings.length);
  });

  it('says so when there are not that many', () => {
    const most = mostPerClass(sets);
    expect(() => chooseDrawings(sets, { perClass: most + 1, seed: 0 })).toThrow(UsageError);
    expect(() => chooseDrawings(sets, { perClass: most + 1, seed: 0 })).toThrow(`there are ${most}`);
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
