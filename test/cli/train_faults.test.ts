// What people really train on, and ask for: each ends with one clear line and its exit code, and leaves nothing half-made.

import { spawn } from 'node:child_process';
import { chmod, cp, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { beforeAll, describe, expect, it } from 'vitest';
import { CLI, type Ran, useFolder } from './support.js';
import {
  CLASSES,
  commandIn,
  expectUsable,
  program,
  QUICK,
  useWorkingFolder,
  writeBase,
  writePhotos,
} from './training.js';

const at = useFolder();
const { run } = commandIn(() => at());
useWorkingFolder(() => at());
const BASE = ['--weights', 'base.safetensors', ...QUICK];

/** A data set without parts: classes and how many of its pictures each has. */
async function folderOf(name: string, classes: Readonly<Record<string, number>>): Promise<void> {
  for (const [label, [own, count]] of Object.entries(classes).entries()) {
    await mkdir(at(name, own), { recursive: true });
    for (let i = 0; i < count; i++)
      await cp(at('photos', CLASSES[label % 3]!, `${i}.png`), at(name, own, `${i}.png`));
  }
}

beforeAll(async () => {
  await writeBase(at('base.safetensors'));
  await writePhotos(at('photos'));
  await folderOf('no picture of bees', { ants: 3, bees: 0 });
  await folderOf('ants only', { ants: 3 });
  await folderOf('one picture', { ants: 1 });
  await folderOf('one each', { ants: 1, bees: 1 });
  await folderOf('strange val/train', { ants: 3, bees: 3 });
  await folderOf('strange val/val', { ants: 2, wasps: 2 });
  await folderOf('all broken', { ants: 4, bees: 4 });
  for (const name of ['ants', 'bees']) {
    for (let i = 0; i < 4; i++) await writeFile(at('all broken', name, `${i}.png`), '');
  }
  await cp(at('photos'), at('many broken'), { recursive: true });
  for (const i of [0, 1, 2]) await writeFile(at('many broken', 'red', `${i}.png`), 'no picture');
  await cp(at('photos'), at('lost class'), { recursive: true });
  await folderOf('in use', { 'not a run': 1 });
  await mkdir(at('nothing'));
  await writeFile(at('empty.csv'), '');
});

/** Runs what has to fail, and finds no trace of it. */
async function expectFault(
  command: (args: readonly string[]) => Promise<Ran>,
  args: readonly string[],
  code: number,
  line: RegExp,
): Promise<void> {
  const ran = await command(['train', ...args]);
  expect([ran.code, ran.stdout]).toEqual([code, '']);
  expect(ran.stderr.at(-1)).toMatch(line);
  expect(ran.stderr.filter((text) => text.startsWith('error:'))).toHaveLength(1);
  expect(await readdir(at('runs')).catch(() => [])).toEqual([]);
}

describe('pictures', () => {
  it.each<[name: string, line: RegExp]>([
    [
      'no picture of bees',
      /^error: no picture of bees: the class bees has no picture; add some or remove its folder$/,
    ],
    [
      'ants only',
      /^error: ants only: there is one class only, ants \(3 pictures\); it takes two to tell apart/,
    ],
    ['one picture', /^error: one picture: there is one class only, ants \(1 picture\)/],
    ['one each', /^error: one each: no class has two pictures, so that one could be kept from training/],
    ['strange val', /^error: strange val: val has what train lacks: wasps \(train has ants, bees\)/],
    ['nowhere', /^error: nowhere does not exist$/],
    [
      'nothing',
      /^error: nothing: there is no picture \(looked for .*\); what is needed is one folder a class/,
    ],
    ['empty.csv', /^error: empty\.csv: it is empty; its first line must name the columns/],
  ])('that cannot be trained on: %s', (name, line) => expectFault(program, [name, ...BASE], 2, line));

  it('of which too many are broken stop it', async () => {
    await expectFault(
      run,
      ['many broken', ...BASE],
      3,
      /^error: stopped: 2 of 21 pictures \(9\.5 %\) cannot be read, more than 5 %: many broken\/red\/\d\.png is not a picture .*; `vgg16 data check` lists all that is wrong; mend them or take them out$/,
    );
    await expectFault(
      run,
      ['all broken', ...BASE],
      3,
      /^error: stopped: 2 of 8 pictures .* is empty \(0 bytes\)/,
    );
    const check = await program(['data', 'check', 'many broken']);
    expect(check.code).toBe(3);
    expect(check.stdout).toContain(
      'Training would refuse (1)\n  many broken: 3 of 21 pictures (14 %) cannot be read, more than 5 %\n',
    );
  });
});

describe('arguments', () => {
  it.each<[line: RegExp, ...args: string[]]>([
    [/^error: name a folder of pictures, one folder a class: vgg16 train photos\//],
    [
      /'--head <kind>' argument 'deep' is invalid\. Allowed choices are linear, mlp, fc\.$/,
      'photos',
      '--head',
      'deep',
    ],
    [/'--lr <x>' argument 'fast' is invalid\. It must be a number\.$/, 'photos', '--lr', 'fast'],
    [/^error: --epochs is 0; it must be a whole number, at least 1/, 'photos', '--epochs', '0'],
    [
      /^error: --augment is "fly"; it must be flip, shift, crop, rotate or color$/,
      'photos',
      '--augment',
      'fly',
    ],
    [/^error: --momentum is for --optimiser sgd/, 'photos', '--momentum', '0.5'],
    [/^error: --size is 31; it must be a whole number, at least 32/, 'photos', '--size', '31'],
    [/^error: in use is not empty; a run needs a folder of its own/, 'photos', ...BASE, '--out', 'in use'],
    [/^error: base\.safetensors is no folder$/, 'photos', ...BASE, '--out', 'base.safetensors'],
    [/^error: .*nowhere.*args\.json.*is its folder that of a run\?$/, '--resume', 'nowhere'],
    [/^error: .*photos.*args\.json.*is its folder that of a run\?$/, '--resume', 'photos'],
    [/^error: --resume r goes on with the run's own pictures; leave photos out$/, 'photos', '--resume', 'r'],
    [
      /^error: --resume r goes on as the run began; leave --out, --base out$/,
      '--resume',
      'r',
      '--out',
      'x',
      '--base',
      'y',
    ],
    [/^error: --resume r goes on as the run began; leave --dtype out$/, '--resume', 'r', '--dtype', 'f32'],
  ])('%s', (line, ...args) => expectFault(program, args, 2, line));

  it('that name no VGG16 are told, before anything is computed', async () => {
    await expectFault(
      run,
      ['photos', '--weights', 'photos/red/0.png'],
      4,
      /^error: photos\/red\/0\.png: not a weights file of a known format/,
    );
    await expectFault(run, ['photos', '--weights', 'nowhere.pth'], 4, /^error: nowhere\.pth: no such file$/);
    await expectFault(
      run,
      ['photos', ...BASE, '--init-from', 'nowhere'],
      4,
      /^error: .*nowhere: no such file$/,
    );
  });
});

describe('a run that began', () => {
  beforeAll(async () => {
    const { code } = await run(['train', 'lost class', ...BASE, '--out', 'begun']);
    expect(code).toBe(0);
  });

  it('is not resumed with other arguments, which are named', async () => {
    const args = ['--resume', 'begun', '--lr', '0.5', '--head', 'linear', '--no-cache', '--epochs', '9'];
    const { code, stderr } = await program(['train', ...args]);
    expect([code, stderr.length]).toEqual([2, 1]);
    expect(stderr[0]).toMatch(/^error: begun can only go on as it began: --/);
    for (const change of ['--lr was 0.1, not 0.5', '--epochs was 6, not 9', '--cache was true, not false'])
      expect(stderr[0]).toContain(change);
    expect(stderr[0]).not.toContain('--head');
  });

  it('is not resumed where its pictures are gone or its base is another, and stays as it is', async () => {
    const before = await readFile(at('begun', 'last.safetensors'));
    await rm(at('lost class', 'red'), { recursive: true });
    const gone = await run(['train', '--resume', 'begun']);
    expect(gone.code).toBe(3);
    expect(gone.stderr.at(-1)).toMatch(/^error: stopped: .* cannot be read, more than 5 %: .*does not exist/);
    await cp(at('base.safetensors'), at('kept.safetensors'));
    await writeBase(at('base.safetensors'), 12);
    const other = await run(['train', '--resume', 'begun']);
    expect([other.code, other.stderr.at(-1)]).toEqual([
      2,
      expect.stringMatching(/^error: begun was trained on another base than .*base\.safetensors is now$/),
    ]);
    await cp(at('kept.safetensors'), at('base.safetensors'));
    expect((await readFile(at('begun', 'last.safetensors'))).equals(before)).toBe(true);
  });
});

it('a loss that is no number any more stops it, says where, and keeps the last good head', async () => {
  const args = ['--optimiser', 'sgd', '--momentum', '0', '--lr', '10', '--weight-decay', '1'];
  const schedule = ['--schedule', 'constant', '--epochs', '60', '--out', 'diverged'];
  const { code, stdout, stderr } = await run(['train', 'photos', ...BASE, ...args, ...schedule]);
  expect([code, stdout]).toEqual([10, '']);
  expect(stderr.at(-1)).toMatch(
    /^error: the (loss is not finite any more in epoch \d+, step [123]|validation loss after epoch \d+ is not finite); diverged holds epoch \d+ in last\.safetensors and the best one in best\.safetensors; try a lower --lr than 10$/,
  );
  expect((await readdir(at('diverged'))).filter((name) => name.endsWith('.safetensors'))).toHaveLength(2);
  await expectUsable(at('diverged'));
});

describe.skipIf(process.platform === 'win32')('a place that may not be written', () => {
  /** As somebody without rights; root has them all. */
  const weakly = (args: readonly string[]) =>
    new Promise<{ code: number | null; stderr: string }>((done, fail) => {
      const nobody = process.getuid?.() === 0 ? { uid: 65534, gid: 65534 } : {};
      const env = { ...process.env, NO_COLOR: '1', VGG16_CACHE: at('free for all'), HOME: at() };
      const child = spawn(process.execPath, [CLI, ...args], {
        cwd: at(),
        env,
        stdio: ['ignore', 'ignore', 'pipe'],
        ...nobody,
      });
      let stderr = '';
      child.stderr.setEncoding('utf8').on('data', (some: string) => {
        stderr += some;
      });
      child.on('error', fail);
      child.on('close', (code) => done({ code, stderr }));
    });

  it('is told before anything is computed', async ({ skip }) => {
    await chmod(at(), 0o755);
    const { code: canRun } = await weakly(['--version']);
    if (canRun !== 0) return skip('a user without rights cannot run the command from this folder');
    await mkdir(at('locked'));
    await mkdir(at('free for all'));
    await chmod(at('free for all'), 0o777);
    await chmod(at('locked'), 0o555);
    const { code, stderr } = await weakly(['train', 'photos', ...BASE, '--out', 'locked']);
    expect(code, stderr).toBe(8);
    expect(stderr).toMatch(/\nerror: cannot write locked.*: permission denied\n$/);
    expect(stderr).not.toContain('features of');
    expect(await readdir(at('locked'))).toEqual([]);
  });
});
