// Training that ends before it is finished: by Ctrl-C, by a crash, by a full disk. What is there loads, and goes on to the same
// bytes.

import { execFileSync } from 'node:child_process';
import { cp, mkdir, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, describe, expect, it } from 'vitest';
import { seededRandom } from '../../src/random.js';
import { type Ran, useFolder } from './support.js';
import {
  commandIn,
  expectUsable,
  program,
  QUICK,
  said,
  traceOf,
  writeBase,
  writePhotos,
} from './training.js';

const at = useFolder();
const { run, start } = commandIn(() => at());

/** Enough that a signal comes in the middle of it, whatever the machine. */
const EPOCHS = '60';
const HEAD = ['--features', 'block2_pool', '--pool', 'flatten', '--epochs', EPOCHS, '--patience', '0'];
const TRAIN = ['train', 'photos', '--weights', 'base.safetensors', ...QUICK, ...HEAD];
const resume = (folder: string) => run(['train', '--resume', folder]);
let whole: Record<string, string>;

beforeAll(async () => {
  await writeBase(at('base.safetensors'));
  await writePhotos(at('photos'));
  await writePhotos(at('many photos'), { count: 20 });
  const { code } = await run([...TRAIN, '--out', 'whole']);
  expect(code).toBe(0);
  whole = await traceOf(at('whole'));
});

async function expectResumes(folder: string, trace = whole, again = resume): Promise<Ran> {
  await expectUsable(at(folder));
  const resumed = await again(folder);
  expect([resumed.code, resumed.stderr.filter((line) => /^(error|note)/.test(line))]).toEqual([0, []]);
  expect(await traceOf(at(folder))).toEqual(trace);
  return resumed;
}

describe.skipIf(process.platform === 'win32')('Ctrl-C', () => {
  it('within an epoch ends with 130, says how to go on, and what is said goes on', async () => {
    const started = start([...TRAIN, '--out', 'interrupted']);
    await said(started, / 3\/60 /);
    started.child.kill('SIGINT');
    const { code, stdout, stderr } = await started.ran;
    expect([code, stdout]).toEqual([130, '']);
    const [kept, last] = stderr.slice(-2);
    // A row of the epoch that was being finished may come after it.
    expect(stderr.slice(-4)).toContain('note: the GPU finishes what it has begun; Ctrl-C again ends at once');
    expect(last).toBe('error: interrupted');
    const [, epoch, command] =
      /^note: interrupted holds epoch (\d+) in last\.safetensors and the best one in best\.safetensors; vgg16 (.*) goes on$/.exec(
        kept!,
      )!;
    expect(Number(epoch)).toBeGreaterThanOrEqual(3);
    expect(Number(epoch)).toBeLessThan(Number(EPOCHS));
    expect(command).toBe('train --resume interrupted');
    const unfinished = await program(['runs', at('interrupted')]);
    expect(unfinished.stdout).toMatch(/ unfinished\n$/);
    const { stderr: going } = await expectResumes('interrupted');
    expect(going).toContainEqual(expect.stringMatching(new RegExp(`^ +${Number(epoch) + 1}/60 `)));
    expect(going).not.toContainEqual(expect.stringMatching(new RegExp(`^ +${epoch}/60 `)));
  });

  it('while features are computed is heard at once, and none that is there is computed again', async () => {
    const features = async () => {
      const entries = await readdir(at('cache', 'features'), { recursive: true, withFileTypes: true });
      const files = entries.filter((entry) => entry.isFile() && !entry.name.includes('.tmp-'));
      return files.map(({ parentPath, name }) => join(parentPath, name));
    };
    const others = new Set(await features());
    const found = async () => (await features()).filter((path) => !others.has(path));
    const args = ['many photos', '--weights', 'base.safetensors', ...QUICK, '--size', '64', '--out', 'early'];
    const started = start(['train', ...args]);
    while ((await found()).length < 4 && started.child.exitCode === null) await sleep(5);
    const heard = said(started, /Ctrl-C again ends at once/);
    const begin = performance.now();
    started.child.kill('SIGINT');
    await heard;
    expect(performance.now() - begin).toBeLessThan(3000);
    const { code, stderr } = await started.ran;
    expect([code, stderr.at(-1)]).toEqual([130, 'error: interrupted']);
    // A fast GPU may have begun to train.
    expect(stderr.at(-2)).toMatch(/^note: .* early.*; vgg16 train --resume early goes on$/);
    const before = await Promise.all(
      (await found()).map(async (path) => ({ path, written: (await stat(path)).mtimeMs })),
    );
    expect(before.length).toBeGreaterThanOrEqual(4);
    expect((await resume('early')).code).toBe(0);
    for (const { path, written } of before) expect((await stat(path)).mtimeMs, path).toBe(written);
  });
});

describe('a run', () => {
  it.skipIf(process.platform === 'win32')(
    'that is killed at any moment goes on to the same bytes',
    async () => {
      const random = seededRandom(3);
      const first = start([...TRAIN, '--out', 'killed']);
      const kill = async (started: typeof first, when: RegExp) => {
        await said(started, when);
        await sleep(random.below(30));
        started.child.kill('SIGKILL');
        await started.ran;
        await expectUsable(at('killed'));
      };
      await kill(first, / 2\/60 /);
      await kill(start(['train', '--resume', 'killed']), / 1\d\/60 /);
      await expectResumes('killed');
    },
  );

  it('that is finished and resumed is evaluated again, and stays as it is', async () => {
    const { stdout } = await resume('whole');
    expect(stdout).toMatch(/^Best epoch: \d+ of 60\n/);
    expect(await traceOf(at('whole'))).toEqual(whole);
  });

  it('finds its base and its own pictures from another working folder, though the data set has more by now', async () => {
    await mkdir(at('elsewhere'));
    await cp(at('photos'), at('growing'), { recursive: true });
    const base = ['--weights', 'base.safetensors', ...QUICK, '--epochs', '2'];
    expect((await run(['train', 'growing', ...base, '--out', 'moved'])).code).toBe(0);
    const before = await traceOf(at('moved'));
    await cp(at('growing', 'red', '0.png'), at('growing', 'blue', 'new.png'));
    const { code, stderr } = await run(['train', '--resume', '../moved'], { cwd: at('elsewhere') });
    expect(code, stderr.join('\n')).toBe(0);
    expect(await traceOf(at('moved'))).toEqual(before);
  });
});

/** Whether a small file system can be had: by root, on Linux, where the machine lets it. */
function mountSmall(folder: string): boolean {
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', folder], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

describe.skipIf(process.platform !== 'linux')('a disk that refuses', () => {
  // The limit on files holds for what lavapipe computes in, too, which is a file in memory. A process that has opened SwiftShader
  // hands it to its children: these runs are all processes of their own.
  const ADAPTER = ['--adapter', 'swiftshader'];
  /** Its checkpoint is smaller than what results.csv comes to. */
  const SMALL = [
    'train',
    'photos',
    '--weights',
    'base.safetensors',
    ...QUICK,
    '--epochs',
    EPOCHS,
    '--patience',
    '0',
    ...ADAPTER,
  ];
  let small: Record<string, string>;

  beforeAll(async () => {
    expect((await start([...SMALL, '--out', 'small']).ran).code).toBe(0);
    small = await traceOf(at('small'));
  });

  it.each([
    ['a checkpoint', 'last.safetensors', -1],
    ['the rest of a line', 'results.csv', 300],
  ])('%s loses nothing', async (_, refused, beyond) => {
    const folder = `refused ${refused}`;
    const started = start([...SMALL, '--out', folder]);
    await said(started, / 3\/60 /);
    const { size } = await stat(at(folder, 'last.safetensors'));
    execFileSync('prlimit', ['--pid', String(started.child.pid), `--fsize=${size + beyond}`]);
    const { code, stdout, stderr } = await started.ran;
    expect([code, stdout]).toEqual([8, '']);
    expect(stderr.at(-1)).toBe(
      `error: cannot write ${folder}/${refused}: the file would be larger than is allowed`,
    );
    expect(stderr.at(-2)).toMatch(/^note: refused .* holds epoch \d+ .*; vgg16 train --resume .* goes on$/);
    expect((await readdir(at(folder))).filter((name) => name.includes('.tmp-'))).toEqual([]);
    await expectResumes(folder, small, (run) => start(['train', '--resume', run, ...ADAPTER]).ran);
  });
});

it('a disk that fills up while a run is saved loses nothing', async ({ skip }) => {
  await mkdir(at('disk'));
  if (!mountSmall(at('disk')))
    return skip('no small file system can be mounted here: this takes root on Linux');
  try {
    const started = start([...TRAIN, '--out', 'disk/run']);
    await said(started, / 3\/60 /);
    await writeFile(at('disk', 'other'), Buffer.alloc(2 ** 21)).catch(() => {});
    const { code, stderr } = await started.ran;
    expect(code).toBe(8);
    expect(stderr.at(-1)).toMatch(/^error: cannot write disk\/run\/.*: no space left on the disk$/);
    expect(stderr.at(-2)).toMatch(
      /^note: disk\/run holds epoch \d+ .*; vgg16 train --resume disk\/run goes on$/,
    );
    expect((await readdir(at('disk', 'run'))).filter((name) => name.includes('.tmp-'))).toEqual([]);
    await rm(at('disk', 'other'));
    await expectResumes('disk/run');
  } finally {
    execFileSync('umount', [at('disk')]);
  }
});
