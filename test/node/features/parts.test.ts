// The parts that features are extracted with: work ahead, rows in memory, idle time, too many broken pictures.

import { describe, expect, it } from 'vitest';
import { ahead, atMost } from '../../../src/ahead.js';
import { PictureError } from '../../../src/errors.js';
import { BrokenCount } from '../../../src/node/datasets/refusals.js';
import { RowMemory } from '../../../src/node/features/row_memory.js';
import { Busy } from '../../../src/train/features/pipeline.js';

describe('ahead', () => {
  it('gives results in order, having begun with so many more and no others', async () => {
    const begun: number[] = [];
    const work = async (item: number) => {
      begun.push(item);
      await new Promise((done) => setTimeout(done, item % 2 === 0 ? 5 : 0));
      return item * 10;
    };
    const results: number[] = [];
    for await (const result of ahead([0, 1, 2, 3, 4, 5], 2, work)) {
      results.push(result);
      expect(begun.length).toBe(Math.min(6, results.length + 2));
    }
    expect(results).toEqual([0, 10, 20, 30, 40, 50]);
  });

  it('fails where its result would come, and nobody minds what was begun beyond', async () => {
    const seen: number[] = [];
    const failing = async () => {
      const work = async (item: number) => {
        if (item > 1) throw new Error(`item ${item}`);
        return item;
      };
      for await (const result of ahead([0, 1, 2, 3, 4], 3, work)) seen.push(result);
    };
    await expect(failing()).rejects.toThrow('item 2');
    expect(seen).toEqual([0, 1]);
  });
});

describe('atMost', () => {
  it('runs no more than so many at a time, in order, and goes on after a failure', async () => {
    const run = atMost(2);
    let running = 0;
    let most = 0;
    const order: number[] = [];
    const work = (item: number) => async () => {
      order.push(item);
      most = Math.max(most, ++running);
      await new Promise((done) => setTimeout(done, 1));
      running--;
      if (item === 1) throw new Error('one');
      return item;
    };
    const results = await Promise.allSettled([0, 1, 2, 3, 4].map((item) => run(work(item))));
    expect(results.map(({ status }) => status)).toEqual([
      'fulfilled',
      'rejected',
      ...Array(3).fill('fulfilled'),
    ]);
    expect(order).toEqual([0, 1, 2, 3, 4]);
    expect(most).toBe(2);
  });
});

describe('RowMemory', () => {
  it('keeps the first rows that its bytes allow, and changes those in place', () => {
    const memory = new RowMemory(10, 3, 3 * 3 * 4 + 5);
    const row = (value: number) => Float32Array.of(value, value, value);
    expect([7, 2, 9, 4].map((number) => memory.set(number, row(number)))).toEqual([true, true, true, false]);
    expect(memory.set(2, row(20))).toBe(true);
    expect([7, 2, 9].map((number) => memory.get(number)![1])).toEqual([7, 20, 9]);
    expect(memory.get(4)).toBeUndefined();
  });

  it('finds rows in many blocks', () => {
    const width = 2 ** 19; // 2 MiB: two rows in a block
    const memory = new RowMemory(5, width, 1e9);
    const values = new Float32Array(width);
    for (let number = 0; number < 5; number++) memory.set(number, values.fill(number + 0.5));
    for (let number = 0; number < 5; number++) {
      expect(memory.get(number)!.every((value) => value === number + 0.5)).toBe(true);
    }
  });
});

describe('Busy', () => {
  it('counts from the first work to the last, overlapping work once', async () => {
    let time = 100;
    const busy = new Busy(() => time);
    expect(busy.idleShare).toBe(0);
    const lasting = async (begin: number, end: number) => {
      time = begin;
      let finish!: () => void;
      const done = busy.during(() => new Promise<void>((resolve) => (finish = resolve)));
      return async () => {
        time = end;
        finish();
        await done;
      };
    };
    const first = await lasting(110, 130);
    const second = await lasting(120, 150);
    await first();
    expect(busy.idleShare).toBe(0);
    await second();
    await (await lasting(170, 210))();
    expect(busy.idleShare).toBeCloseTo(0.2);
  });
});

describe('BrokenCount', () => {
  const add = (total: number, broken: number) => {
    const count = new BrokenCount(total);
    for (let i = 0; i < broken; i++) count.add(new PictureError(`picture ${i} is damaged`));
    return count.count;
  };

  it('takes up to 5 %, and one of a few', () => {
    expect(add(100, 5)).toBe(5);
    expect(add(2, 1)).toBe(1);
    expect(add(39, 1)).toBe(1);
  });

  it('stops above, and where nothing is left, naming the first', () => {
    expect(() => add(100, 6)).toThrow(
      'stopped: 6 of 100 pictures (6 %) cannot be read, more than 5 %: picture 0 is damaged; picture 1 is damaged; ' +
        'picture 2 is damaged; and 3 more; `vgg16 data check` lists all that is wrong',
    );
    expect(() => add(19, 2)).toThrow('stopped: 2 of 19 pictures (11 %) cannot be read');
    expect(() => add(2, 2)).toThrow('none of the 2 pictures can be read: picture 0');
    expect(() => add(1, 1)).toThrow('the only picture cannot be read: picture 0 is damaged;');
  });
});
