// However many pictures there are, they are read, computed and trained on within the same memory.

import { memoryUsage } from 'node:process';
import sharp from 'sharp';
import { beforeAll, describe, expect, it } from 'vitest';
import { trainHead } from '../../../src/node/training/new_run.js';
import type { Sample } from '../../../src/train/dataset.js';
import { datasetOf } from '../../../src/train/dataset.js';
import { noise } from '../../support/expected.js';
import { CLASSES, QUICK, SIZE } from './pictures.js';
import { useNetwork } from './support.js';

/** Bytes that may be held for each picture: its name and label, its hash, its row. The picture itself has 3 kB. */
const A_PICTURE = 1000;
/** Bytes by which what is held may grow for a moment, whatever their number: two batches and some garbage. */
const IN_FLIGHT = 5e6;
/** Bytes by which the heap of lavapipe comes and goes, and half as many again. */
const MEMORY_NOISE = 45 * 2 ** 20;

/** Moments at which memory is read: of extraction, and of the epoch. */
const READINGS = 8;

const { model, path } = useNetwork();
let png: Buffer;

beforeAll(async () => {
  const { data } = noise(SIZE, SIZE, 1);
  png = await sharp(data, { raw: { width: SIZE, height: SIZE, channels: 3 } })
    .png()
    .toBuffer();
});

/** A file that is made when it is asked for, and like no other: what stands behind the end of a PNG is not looked at. */
class Numbered implements Sample {
  constructor(private readonly number: number) {}
  get name(): string {
    return `picture ${this.number}`;
  }
  get label(): number {
    return this.number % CLASSES.length;
  }
  get picture(): Buffer {
    const number = Buffer.alloc(4);
    number.writeUInt32LE(this.number);
    return Buffer.concat([png, number]);
  }
}

interface Memory {
  /** The most that JavaScript held at any reading, and what it held in the epoch's last step. */
  readonly peak: number;
  readonly kept: number;
  /** All of the process, then. */
  readonly resident: number;
}

/** Computes features, all of them anew, and trains for an epoch. */
async function memoryOf(count: number): Promise<Memory> {
  const train = Array.from({ length: count }, (_, i) => new Numbered(i));
  const dataset = datasetOf([...CLASSES], { train, val: train.slice(0, 6) });
  const held: number[] = [];
  let computed = 0;
  let steps = 0;
  let resident = 0;
  const read = () => {
    // vitest.config.ts starts Node with --expose-gc.
    globalThis.gc!();
    const { heapUsed, external, rss } = memoryUsage();
    held.push(heapUsed + external);
    resident = rss;
  };
  const isDue = (done: number, total: number) => done % Math.ceil(total / READINGS) === 0 || done === total;
  await trainHead(model(), dataset, {
    ...QUICK,
    ...{ features: 'block1_pool', epochs: 1, cache: true, cacheFolder: path(`cache of ${count}`) },
    onEvent(event) {
      if (event.type === 'step') steps++;
      if (event.type === 'features' && event.part === 'train') computed = event.done - event.cached;
      if (event.type === 'features' && isDue(event.done, event.total)) read();
      if (event.type === 'step' && isDue(event.step, event.steps)) read();
    },
  });
  expect([computed, steps]).toEqual([count, Math.ceil(count / QUICK.batch)]);
  return { peak: Math.max(...held), kept: held.at(-1)!, resident };
}

async function expectFlat(few: number, many: number): Promise<void> {
  // The heaps of Node and of the driver have to settle first.
  await memoryOf(few - 1);
  const before = await memoryOf(few);
  const after = await memoryOf(many);
  expect((after.kept - before.kept) / (many - few)).toBeLessThan(A_PICTURE);
  expect(after.peak - before.peak).toBeLessThan(IN_FLIGHT);
  expect(after.resident - before.resident).toBeLessThan(MEMORY_NOISE);
}

it('1,500 pictures stream through within the memory of 300', () => expectFlat(300, 1500));

describe.skipIf(!process.env.FULL)('10,000 pictures (FULL=1)', () => {
  it('stream through within the memory of 2,000', () => expectFlat(2000, 10_000), 900_000);
});
