// Turns: one after another, whatever happens.

import { expect, it } from 'vitest';
import { Turns } from '../src/turns.js';

/** A promise and what settles it. */
function gate() {
  let open!: () => void;
  let fail!: (error: Error) => void;
  const passed = new Promise<void>((resolve, reject) => {
    open = resolve;
    fail = reject;
  });
  return { passed, open, fail };
}

const soon = () => new Promise((resolve) => setTimeout(resolve, 0));

it('begins work only when all work before it has ended, in the order in which it was given', async () => {
  const turns = new Turns();
  const gates = [gate(), gate(), gate()];
  const happened: string[] = [];
  const results = gates.map(({ passed }, i) =>
    turns.take(async () => {
      happened.push(`begin ${i}`);
      await passed;
      happened.push(`end ${i}`);
      return i;
    }),
  );
  await soon();
  expect(happened).toEqual(['begin 0']);
  // Work that could end early has not begun.
  gates[2]!.open();
  gates[1]!.open();
  await soon();
  expect(happened).toEqual(['begin 0']);
  gates[0]!.open();
  expect(await Promise.all(results)).toEqual([0, 1, 2]);
  expect(happened).toEqual(['begin 0', 'end 0', 'begin 1', 'end 1', 'begin 2', 'end 2']);
});

it('goes on after work that failed, and tells only whoever gave it', async () => {
  const turns = new Turns();
  const rejected = turns.take(() => Promise.reject(new Error('rejected')));
  const thrown = turns.take(() => {
    throw new Error('thrown');
  });
  const good = turns.take(() => 'good');
  await expect(rejected).rejects.toThrow('rejected');
  await expect(thrown).rejects.toThrow('thrown');
  expect(await good).toBe('good');
});

it('has ended when all work has that was given so far', async () => {
  const turns = new Turns();
  await turns.ended();
  const { passed, fail } = gate();
  let ended = false;
  const work = turns.take(() => passed);
  const waiting = turns.ended().then(() => {
    ended = true;
  });
  await soon();
  expect(ended).toBe(false);
  fail(new Error('failed'));
  await expect(work).rejects.toThrow('failed');
  await waiting;
  expect(ended).toBe(true);
});
