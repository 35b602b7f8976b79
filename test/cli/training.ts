// Pictures to train on from the command line, a network that takes no time, and what is left of a run.

import { mkdir, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, expect } from 'vitest';
import { seededRandom } from '../../src/random.js';
import {
  type ProcessOptions,
  type Ran,
  type Started,
  type Surroundings,
  start,
  vgg16,
  writeNarrow,
} from './support.js';

export const CLASSES = ['blue', 'green', 'red'] as const;
const CHANNELS: Readonly<Record<string, number>> = { red: 0, green: 1, blue: 2 };
export const SIDE = 32;

/** A picture that is more of one colour than of others, with noise. */
export async function photo(seed: number, colour: string): Promise<Buffer> {
  const random = seededRandom(seed);
  const pixels = Uint8Array.from(
    { length: SIDE * SIDE * 3 },
    (_, i) => (i % 3 === CHANNELS[colour] ? 200 : 60) + 20 * (random.uniform() - 0.5),
  );
  return sharp(pixels, { raw: { width: SIDE, height: SIDE, channels: 3 } })
    .png()
    .toBuffer();
}

/** Writes `<folder>/<class>/<number>.png`. */
export async function writePhotos(
  folder: string,
  {
    count = 7,
    classes = CLASSES,
    seed = 1,
  }: { count?: number; classes?: readonly string[]; seed?: number } = {},
): Promise<void> {
  for (const [label, name] of classes.entries()) {
    await mkdir(join(folder, name), { recursive: true });
    for (let i = 0; i < count; i++) {
      const picture = sharp(await photo(1000 * seed + 100 * label + i, name));
      await picture.toFile(join(folder, name, `${i}.png`));
    }
  }
}

/** A base without a classifier, wide enough to tell colours apart. */
export function writeBase(path: string, seed = 11): Promise<string> {
  return writeNarrow(path, { top: false, widths: [4, 4, 8, 8, 8], seed });
}

/** Learns to tell the colours apart. */
export const QUICK = ['--size', String(SIDE), '--batch', '8', '--lr', '0.1', '--epochs', '6'] as const;

/** The command in a folder of a test, with a cache of its own. */
export function commandIn(folder: () => string) {
  const within = <T extends Surroundings>(surroundings: T): T => ({
    cwd: folder(),
    ...surroundings,
    env: { VGG16_CACHE: join(folder(), 'cache'), ...surroundings.env },
  });
  return {
    run: (args: readonly string[], surroundings: Surroundings = {}): Promise<Ran> =>
      vgg16(args, within(surroundings)),
    start: (args: readonly string[], options: ProcessOptions = {}): Started => start(args, within(options)),
  };
}

/**
 * The command in the process's own working folder.
 *
 * @param onSaid  told of what is written to stderr
 */
export function program(args: readonly string[], onSaid?: (text: string) => void): Promise<Ran> {
  return vgg16(args, {}, onSaid);
}

/** Makes a folder the process's own while the tests of the calling file run. */
export function useWorkingFolder(folder: () => string): void {
  const before = process.cwd();
  beforeAll(() => process.chdir(folder()));
  afterAll(() => process.chdir(before));
}

/** When stderr has said something. */
export function said({ child }: Started, pattern: RegExp): Promise<void> {
  return new Promise((done, fail) => {
    let text = '';
    child.stderr.on('data', (some: string) => {
      text += some;
      if (pattern.test(text)) done();
    });
    child.on('close', () => fail(new Error(`it ended without saying ${pattern}: ${text}`)));
  });
}

/** Everything in a run that does not tell of time. */
export async function traceOf(folder: string): Promise<Record<string, string>> {
  const trace: Record<string, string> = {};
  for (const name of ['best.safetensors', 'last.safetensors', 'split.json', 'classes.json']) {
    trace[name] = (await readFile(join(folder, name))).toString('base64');
  }
  const lines = (await readFile(join(folder, 'results.csv'), 'utf8')).split('\n');
  trace['results.csv'] = lines.map((line) => line.split(',').slice(0, -2).join()).join('\n');
  return trace;
}

/** That all in a run's folder can be used, though training may have ended at any moment. */
export async function expectUsable(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    if (name.endsWith('.json')) JSON.parse(await readFile(join(folder, name), 'utf8'));
    if (!name.endsWith('.safetensors')) continue;
    const { code, stderr } = await program(['weights', 'verify', join(folder, name)]);
    expect([code, stderr], name).toEqual([0, []]);
  }
}
