// Runs that are killed at any moment, or whose disk fails: what is there loads, and goes on to the same bytes.

import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, mkdir, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { beforeAll, describe, expect, it } from 'vitest';
import { type TrainOptions, trainHead } from '../../../src/node/training/new_run.js';
import { resumeRun } from '../../../src/node/training/resumed_run.js';
import { VGG16 } from '../../../src/node/vgg16.js';
import { seededRandom } from '../../../src/random.js';
import { useProgram } from '../../support/program.js';
import { pictures, QUICK } from './pictures.js';
import { useNetwork } from './support.js';

const { model, path } = useNetwork();

/** Rights can be taken from a process only by root. */
const isRoot = process.getuid?.() === 0;

const program = useProgram('test/node/training/child.ts');

// For processes of another user.
beforeAll(() => chmod(path(), 0o755));

interface Said {
  readonly epoch?: number;
  readonly saved?: string;
  readonly done?: boolean;
  readonly error?: string;
}

interface Surroundings {
  /** The epoch after which it has no rights any more; 0 is at once. */
  readonly rightsUntil?: number;
  /** When it is killed, in ms from its start; never by default. */
  readonly killAfter?: number;
  readonly onSaid?: (said: Said, child: ChildProcess) => void;
}

/** Trains in a process of its own; all that it said, when it has ended. */
function train(
  folder: string,
  begin: TrainOptions | null,
  { rightsUntil, killAfter, onSaid }: Surroundings = {},
): Promise<readonly Said[]> {
  const task = JSON.stringify({ weights: path('base.safetensors'), folder, begin, ...cached(), rightsUntil });
  const child = spawn(process.execPath, [program, task], { stdio: ['ignore', 'pipe', 'ignore'] });
  const timer = killAfter === undefined ? undefined : setTimeout(() => child.kill('SIGKILL'), killAfter);
  const said: Said[] = [];
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (some: string) => {
    const lines = (text + some).split('\n');
    text = lines.pop()!;
    for (const line of lines) {
      const one = JSON.parse(line) as Said;
      said.push(one);
      onSaid?.(one, child);
    }
  });
  return new Promise((done, fail) => {
    child.on('error', fail);
    child.on('close', () => {
      clearTimeout(timer);
      done(said);
    });
  });
}

/** Lines of results.csv without their times. */
const rows = async (folder: string) => {
  const lines = (await readFile(join(folder, 'results.csv'), 'utf8')).split('\n');
  return lines.map((line) => line.split(',').slice(0, -2).join());
};

const bytes = (folder: string, name: string) => readFile(join(folder, `${name}.safetensors`));

async function expectSame(one: string, other: string): Promise<void> {
  expect(await rows(one)).toEqual(await rows(other));
  for (const name of ['best', 'last']) {
    expect((await bytes(one, name)).equals(await bytes(other, name)), name).toBe(true);
  }
}

/** Features are cached, so that no other process has to compile the network. */
const OPTIONS = {
  ...QUICK,
  cache: true,
  epochs: 40,
  patience: 0,
  features: 'block2_pool',
  pool: 'flatten',
} as const;
const cached = () => ({ cacheFolder: path('cache') });

/** Everything that should load does. */
async function expectUsable(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    if (name.includes('.tmp-')) continue;
    if (name.endsWith('.json')) JSON.parse(await readFile(join(folder, name), 'utf8'));
    if (!name.endsWith('.safetensors')) continue;
    using classifier = await VGG16.load({ weights: join(folder, name), gpu: model().gpu });
    expect(classifier.labels.map(({ label }) => label)).toEqual(['red', 'green', 'blue']);
  }
}

describe('a run', () => {
  beforeAll(async () => {
    await trainHead(model(), pictures(), { ...OPTIONS, ...cached(), out: path('whole') });
  });

  it('that is killed again and again ends as one that never was', async () => {
    const random = seededRandom(8);
    const folder = path('killed');
    const reached: number[] = [];
    for (let attempt = 0; attempt < 3; attempt++) {
      const until = 1 + 10 * attempt + random.below(6);
      const delay = random.below(12);
      let kill: Promise<unknown> | undefined;
      await train(folder, attempt === 0 ? OPTIONS : null, {
        onSaid: ({ epoch }, child) => {
          if (epoch !== undefined) reached.push(epoch);
          if (epoch !== undefined && epoch >= until) kill ??= wait(delay).then(() => child.kill('SIGKILL'));
        },
      });
      await kill;
      await expectUsable(folder);
    }
    expect(Math.max(...reached)).toBeLessThan(OPTIONS.epochs);
    await resumeRun(folder, { ...cached(), model: model(), dataset: pictures() });
    await expectSame(folder, path('whole'));
  });

  it.skipIf(!isRoot)(
    'whose folder can be written no more says so, keeps what it has, and goes on later',
    async () => {
      const folder = path('denied');
      const said = await train(folder, OPTIONS, { rightsUntil: 2 });
      expect(said.at(-1)!.error).toMatch(/^OutputError: cannot write .*denied.*: permission denied/);
      await expectUsable(folder);
      expect((await readdir(folder)).filter((name) => name.includes('.tmp-'))).toEqual([]);
      await resumeRun(folder, { ...cached(), model: model(), dataset: pictures() });
      await expectSame(folder, path('whole'));
    },
  );

  it.skipIf(!isRoot)('in a place that may not be written says so at once', async () => {
    const parent = path('read-only');
    await mkdir(parent);
    const [said] = await train(join(parent, 'run'), OPTIONS, { rightsUntil: 0 });
    expect(said!.error).toMatch(/^OutputError: cannot write .*run: permission denied/);
  });
});

const KILLS = 60;

/** Long enough that most are killed several times before they end. */
const LONG: Readonly<Record<string, TrainOptions>> = {
  'a head': { ...OPTIONS, epochs: 1000 },
  'a base with its head': {
    ...{ ...QUICK, cache: true, patience: 0, unfreeze: 'block4' },
    ...{ headEpochs: 100, epochs: 200, lr: 0.02, lrBase: 0.002 },
  },
};

describe.skipIf(!process.env.FULL).each(Object.entries(LONG))('%s (FULL=1)', (kind, options) => {
  it(`runs that are killed ${KILLS} times, at any moment, end as one that never was`, async () => {
    const whole = path(`whole, ${kind}`);
    await trainHead(model(), pictures(), { ...options, ...cached(), out: whole });
    const random = seededRandom(60);
    let runs = 0;
    let kills = 0;
    let killsOfRun = 0;
    let mostOfRun = 0;
    while (kills < KILLS) {
      const folder = path(`killed, ${kind}, ${runs}`);
      // From before it writes anything, while the process starts, to many epochs on.
      const killAfter = 300 + 1500 * random.uniform();
      const begin = existsSync(join(folder, 'args.json')) ? null : options;
      const said = await train(folder, begin, { killAfter });
      expect(said.filter(({ error }) => error)).toEqual([]);
      if (existsSync(folder)) await expectUsable(folder);
      if (said.some(({ done }) => done)) {
        await expectSame(folder, whole);
        runs++;
        killsOfRun = 0;
      } else {
        kills++;
        mostOfRun = Math.max(mostOfRun, ++killsOfRun);
      }
    }
    expect(mostOfRun).toBeGreaterThan(2);
    const last = path(`killed, ${kind}, ${runs}`);
    if (!existsSync(join(last, 'args.json'))) return;
    await resumeRun(last, { ...cached(), model: model(), dataset: pictures() });
    await expectSame(last, whole);
    expect((await readdir(last)).filter((name) => name.includes('.tmp-'))).toEqual([]);
  });
});
