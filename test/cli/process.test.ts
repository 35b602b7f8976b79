// How the command behaves as a process: pipes, signals, help, machines that lack something.

import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { cp, mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, it } from 'vitest';
import { EXIT_CODES } from '../../src/errors.js';
import { blocks, CLI, NULL, type Started, spawned, start, useFolder, vgg16, writeNarrow } from './support.js';

const at = useFolder();
let weights: readonly string[];

const MAJOR = Number(process.versions.node.split('.')[0]);

/** Node 20 has it as an experiment. */
const PERMISSION = MAJOR < 23 ? '--experimental-permission' : '--permission';

/** Enough that their results do not fit into a pipe (64 KiB). */
const MANY = 300;

beforeAll(async () => {
  weights = ['--weights', await writeNarrow(at('narrow.safetensors'))];
  await mkdir(at('many'));
  const picture = await blocks(1).png().toBuffer();
  await Promise.all(
    Array.from({ length: MANY }, (_, i) =>
      writeFile(at('many', `${String(i).padStart(3, '0')}.png`), picture),
    ),
  );
});

describe.skipIf(process.platform !== 'linux')('a process that may not have what it needs', () => {
  const limited = (limit: string) => promisify(execFile)('bash', ['-c', `${limit} "$0" --version`, CLI]);

  it.each<[string, limit: string, what: string]>([
    // From Node 22 on, modules are read one after another, and a limit that is too low ends Node itself.
    ...(MAJOR < 22
      ? [
          ['few descriptors', 'ulimit -n 24;', 'too many files are open; allow more (ulimit -n)'] satisfies [
            string,
            string,
            string,
          ],
        ]
      : []),
    [
      "Node's permission model",
      `"${process.execPath}" ${PERMISSION} --allow-fs-read="$0"`,
      "Node's permission model forbids it to read its own files; allow it (--allow-fs-read)",
    ],
  ])('says so in one line: %s', async (_, limit, what) => {
    const failed = await limited(limit).then(
      () => expect.unreachable(),
      (error: { code: number; stderr: string }) => error,
    );
    expect(failed.code).toBe(1);
    const lines = failed.stderr.split('\n').filter((line) => !/Warning|trace-warnings/.test(line));
    expect(lines).toEqual([`error: vgg16 cannot be loaded: ${what}`, '']);
  });
});

describe('stdout', () => {
  it.skipIf(process.platform === 'win32')('is not cut where it is read slowly', async () => {
    const args = ['classify', at('many'), ...weights, '--top', '10', '--json'];
    const { code, stdout } = await spawned(args, { ...NULL, slowReader: true });
    expect(code).toBe(0);
    expect(stdout.length).toBeGreaterThan(2 ** 17);
    expect(JSON.parse(stdout)).toHaveLength(MANY);
  });

  it.each([['--json'], ['--top=10']])('may be closed early, as head does (%s)', async (flag) => {
    const { child, ran } = start(['classify', at('many'), ...weights, flag], NULL);
    child.stdout.once('data', () => child.stdout.destroy());
    const { code, stderr } = await ran;
    expect([code, stderr]).toEqual([0, []]);
  });

  it.skipIf(process.platform !== 'linux')('that cannot be written is an error', async () => {
    const { code, stderr } = await spawned(['summary'], { fullStdout: true });
    expect([code, stderr]).toEqual([
      8,
      ['error: cannot write to the standard output: ENOSPC: no space left on device, write'],
    ]);
  });
});

describe.skipIf(process.platform === 'win32')('Ctrl-C', () => {
  const out = (name: string) => readdir(at()).then((files) => files.filter((file) => file.startsWith(name)));

  /** Starts what takes long, and waits until it is at it: the unfinished file is there. */
  async function begun(name: string, ...flags: string[]): Promise<Started> {
    const args = ['features', at('many'), '--until', 'block5_pool', '--out', at(name), ...flags];
    const started = start(args);
    while ((await out(name)).length === 0) await sleep(20);
    await sleep(700);
    return started;
  }

  it('ends it with 130 and leaves no half file', async () => {
    const { child, ran } = await begun('once.npy', '--size', '32', '--batch', '1');
    child.kill('SIGINT');
    const { code, stdout, stderr } = await ran;
    expect([code, stdout, stderr.at(-1)]).toEqual([130, '', 'error: interrupted']);
    expect(await out('once.npy')).toEqual([]);
  });

  it('twice ends it at once, whatever the GPU is doing', async () => {
    const { child, ran } = await begun('twice.npy', '--batch', '64');
    const begin = performance.now();
    child.kill('SIGINT');
    await sleep(500);
    child.kill('SIGINT');
    const { code, stdout } = await ran;
    // The batch itself takes a CPU a quarter of a minute; a process that ends takes long where others compute.
    expect(performance.now() - begin).toBeLessThan(6000);
    // A shell says 130 of what SIGINT has ended, too. A fast GPU is done before the second one.
    expect([null, 130]).toContain(code);
    expect(stdout).toBe('');
    expect(await out('twice.npy')).toEqual([]);
  });
});

describe('help', () => {
  it('lists the commands, without an error', async () => {
    const { code, stdout, stderr } = await vgg16(['--help']);
    expect([code, stderr]).toEqual([0, []]);
    for (const command of ['classify', 'features', 'weights', 'summary', 'doctor', 'tune'])
      expect(stdout).toContain(`\n  ${command} `);
  });

  it('has all exit codes in a command of their own', async () => {
    const { code, stdout, stderr } = await vgg16(['codes']);
    expect([code, stderr]).toEqual([0, []]);
    const codes = /Exit codes:\n((?: +\d+ {2}\S.*\n)+)/.exec(stdout)![1]!;
    expect(
      codes
        .trim()
        .split('\n')
        .map((line) => Number.parseInt(line, 10)),
    ).toEqual(Object.values(EXIT_CODES));
  });

  const WEIGHTS = ['fetch', 'convert', 'list', 'path', 'inspect', 'diff', 'verify', 'rm'];
  const COMMANDS = [
    'classify',
    'features',
    'summary',
    'doctor',
    'tune',
    ...WEIGHTS.map((name) => `weights ${name}`),
  ];

  it.each(COMMANDS)('of %s has examples of its own', async (command) => {
    const { code, stdout, stderr } = await vgg16([...command.split(' '), '--help']);
    expect([code, stderr]).toEqual([0, []]);
    const examples = stdout.split('\n').filter((line) => line.startsWith('  $ '));
    expect(examples.length).toBeGreaterThanOrEqual(2);
    expect(examples.length).toBeLessThanOrEqual(4);
    for (const example of examples) {
      expect(example).toMatch(new RegExp(`^ {2}\\$ vgg16 ${command}\\b`));
      for (const [flag] of example.matchAll(/--[a-z]+/g))
        expect(stdout).toMatch(new RegExp(`^ {2}(-\\w, )?${flag}\\b`, 'm'));
    }
  });

  it('is shown on stderr where there is no command', async () => {
    const { code, stdout, stderr } = await vgg16([]);
    expect([code, stdout, stderr[0]]).toEqual([2, '', 'Usage: vgg16 [options] <command>']);
  });

  it("--version is the package's", async () => {
    const { version } = JSON.parse(await readFile('package.json', 'utf8')) as { version: string };
    expect(await vgg16(['--version'])).toEqual({ code: 0, stdout: `${version}\n`, stderr: [] });
  });
});

describe('colours', () => {
  it('appear where they are asked for, and not with NO_COLOR', async () => {
    const start = '\u001b[';
    const coloured = await spawned(['summary'], { env: { NO_COLOR: '', FORCE_COLOR: '1' } });
    expect(coloured.stdout).toContain(start);
    const plain = await spawned(['summary'], { env: { NO_COLOR: '1', FORCE_COLOR: '1' } });
    expect(plain.stdout).not.toContain(start);
  });
});

describe.skipIf(process.platform !== 'linux')('an installation', () => {
  /** As npm makes it, in a folder of its own, with the packages that are named. */
  async function install(name: string, packages: readonly string[]): Promise<string> {
    await mkdir(at(name, 'node_modules'), { recursive: true });
    await cp('dist', at(name, 'dist'), { recursive: true });
    await cp('package.json', at(name, 'package.json'));
    for (const dependency of packages) {
      const installed = at(name, 'node_modules', dependency);
      await mkdir(dirname(installed), { recursive: true });
      await symlink(join(process.cwd(), 'node_modules', dependency), installed);
    }
    return at(name);
  }

  /** What the package asks for, without the drivers that developers have beside it. */
  const { dependencies, optionalDependencies } = JSON.parse(readFileSync('package.json', 'utf8'));
  const BARE = Object.keys({ ...dependencies, ...optionalDependencies });
  /** A Vulkan without any driver. */
  const NO_DRIVER = { VGG16_ADAPTER: '', VK_ICD_FILENAMES: '/nonexistent', VK_DRIVER_FILES: '/nonexistent' };

  it('without any adapter says what to install, with exit code 5', async () => {
    const cwd = await install('bare', BARE);
    const options = { cwd, cli: join(cwd, 'dist', 'cli.js'), env: NO_DRIVER };
    const args = ['classify', at('many', '000.png'), ...weights];
    const line = expect.stringMatching(
      /^error: no WebGPU adapter found; install a Vulkan driver: .*npm install @sparticuz\/chromium/,
    );
    expect(await spawned(args, options)).toEqual({ code: 5, stdout: '', stderr: [line] });

    // This copy has no weights either.
    const doctor = await spawned(['doctor'], options);
    expect([doctor.code, doctor.stderr]).toEqual([5, [line]]);
    expect(doctor.stdout).toContain('\nAdapter\n  NONE\n');
    expect(doctor.stdout).toMatch(/FAIL {2}.*vgg16-imagenet-base\.safetensors: no such file/);
    const summary = await spawned(['summary'], options);
    expect(summary).toEqual({ code: 4, stdout: '', stderr: [expect.stringContaining('no such file')] });
  });

  it('whose cache folder cannot be written says so, with exit code 5', async () => {
    const env = { VGG16_ADAPTER: 'swiftshader', VGG16_CACHE: weights[1]! };
    const { code, stderr } = await spawned(['classify', at('many', '000.png'), ...weights], { env });
    expect([code, stderr]).toEqual([
      5,
      [
        expect.stringMatching(
          /^error: SwiftShader cannot be unpacked into .*; set VGG16_CACHE to a folder that can be written$/,
        ),
      ],
    ]);
  });

  it('with a damaged base is told by the doctor, with exit code 4', async () => {
    const cwd = await install('damaged', BARE);
    await mkdir(join(cwd, 'weights'));
    await cp(weights[1]!, join(cwd, 'weights', 'vgg16-imagenet-base.safetensors'));
    const options = { cwd, cli: join(cwd, 'dist', 'cli.js') };
    const { code, stdout } = await spawned(['doctor', '--json', '--adapter', 'null'], options);
    const { embeddedBase } = JSON.parse(stdout) as { embeddedBase: { ok: boolean; message: string } };
    expect(embeddedBase).toEqual({
      ok: false,
      message: expect.stringContaining('is damaged: its SHA-256 is '),
    });
    // The null backend fails the self-test, which weighs more.
    expect(code).toBe(6);
  });
});
