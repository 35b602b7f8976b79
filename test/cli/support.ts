// The command, within this process or as a child process, and things to feed it.

import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { Readable } from 'node:stream';
import sharp, { type Sharp } from 'sharp';
import { afterAll, beforeAll, vi } from 'vitest';
import { report } from '../../src/cli/failure.js';
import { runProgram } from '../../src/cli/program.js';
import { Terminal } from '../../src/cli/terminal.js';
import { Gpu } from '../../src/node/gpu.js';
import { seededRandom } from '../../src/random.js';
import { freeSharedGpus, sharedGpu } from '../support/gpu.js';
import { type RandomVgg16, writeRandomVgg16 } from '../support/random_vgg16.js';

export const CLI = resolve('dist/cli.js');
if (!existsSync(CLI)) throw new Error(`${CLI} is missing: node scripts/build.mjs makes it`);

export interface Ran {
  /** Null where a signal ended it. */
  readonly code: number | null;
  readonly stdout: string;
  /** Lines, without those that only some machines see: `messages`. */
  readonly stderr: readonly string[];
}

/** Where the command runs. */
export interface Surroundings {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
}

/** What only a process of its own can have. */
export interface ProcessOptions extends Surroundings {
  /** Another copy of the command. */
  readonly cli?: string;
  /** The largest file that it may write, in blocks of 1024 bytes: a disk that is full. Not on Windows. */
  readonly fileBlocks?: number;
  /** stdout is a device that is always full. Linux only. */
  readonly fullStdout?: boolean;
  /** stdout is a pipe that nobody reads for a second. Not on Windows. */
  readonly slowReader?: boolean;
}

/** Dawn's null backend compiles and executes nothing: quick, where no number matters. */
export const NULL = { env: { VGG16_ADAPTER: 'null' } } as const;

export interface Started {
  readonly child: ChildProcessByStdio<null, Readable, Readable>;
  /** When it has ended. */
  readonly ran: Promise<Ran>;
}

/** Starts the command and goes on. */
export function start(args: readonly string[], options: ProcessOptions = {}): Started {
  const { cwd, env, cli = CLI, fileBlocks, fullStdout, slowReader } = options;
  const before = fileBlocks === undefined ? '' : `ulimit -f ${fileBlocks};`;
  const after = fullStdout ? '>/dev/full' : slowReader ? '| { sleep 1; cat; }' : '';
  const shell = before || after ? ['bash', '-c', `set -o pipefail; ${before} "$0" "$@" ${after}`] : [];
  const [program, ...rest] = [...shell, process.execPath, cli, ...args];
  const child = spawn(program!, rest, {
    cwd,
    // A test that wants a network says so, and serves it.
    env: { ...process.env, NO_COLOR: '1', FORCE_COLOR: undefined, VGG16_OFFLINE: '1', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const collected = (stream: Readable) => {
    let text = '';
    stream.setEncoding('utf8').on('data', (some: string) => {
      text += some;
    });
    return () => text;
  };
  const stdout = collected(child.stdout);
  const stderr = collected(child.stderr);
  const ran = new Promise<Ran>((done, fail) => {
    child.on('error', fail);
    child.on('close', (code) => done({ code, stdout: stdout(), stderr: messages(stderr()) }));
  });
  return { child, ran };
}

/** Runs the built command in a process of its own, for tests of what only a process does or has. */
export function spawned(args: readonly string[], options: ProcessOptions = {}): Promise<Ran> {
  return start(args, options).ran;
}

/** Environment and working folder are the process's: one command at a time has them. */
let turn: Promise<unknown> = Promise.resolve();

/**
 * Runs the command within this process, on its shared device, so that nothing starts or compiles twice. When it has ended, all
 * buffers of that device are destroyed: a test must not load a model of its own meanwhile.
 *
 * @param onSaid  told of what is written to stderr
 */
export function vgg16(
  args: readonly string[],
  surroundings: Surroundings = {},
  onSaid: (text: string) => void = () => {},
): Promise<Ran> {
  const ran = turn.then(() => within(surroundings, () => runHere(args, onSaid)));
  turn = ran.catch(() => {});
  return ran;
}

async function runHere(args: readonly string[], onSaid: (text: string) => void): Promise<Ran> {
  const said = { stdout: '', stderr: '' };
  const stream = (name: keyof typeof said) => ({
    write: (text: string) => {
      said[name] += text;
      if (name === 'stderr') onSaid(text);
    },
  });
  const terminal = new Terminal(stream('stdout'), stream('stderr'), new AbortController().signal);
  const code = await runProgram(args, terminal).catch((error: unknown) => report(error, terminal));
  return { code, stdout: said.stdout, stderr: messages(said.stderr) };
}

async function within<T>({ cwd, env }: Surroundings, work: () => Promise<T>): Promise<T> {
  const folder = process.cwd();
  const variables = { NO_COLOR: '1', VGG16_OFFLINE: '1', ...env };
  const before = Object.keys(variables).map((name) => [name, process.env[name]] as const);
  const opening = vi.spyOn(Gpu, 'open').mockImplementation(sharedGpu);
  try {
    Object.assign(process.env, variables);
    if (cwd !== undefined) process.chdir(cwd);
    return await work();
  } finally {
    opening.mockRestore();
    // As the end of a process does.
    await freeSharedGpus();
    process.chdir(folder);
    for (const [name, value] of before) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
  }
}

/** What the command itself says on stderr on every adapter, however slow the machine. */
function messages(stderr: string): string[] {
  return (
    stderr
      .split('\n')
      .filter((line) => line !== '')
      .filter((line) => !/^note: (NO GPU|the null backend)/.test(line))
      // Progress of classify, which only what takes longer than two seconds shows.
      .filter((line) => !/^classify \d+ pictures? in /.test(line))
  );
}

/** A temporary folder that is gone after the tests of the calling file. */
export function useFolder(): (...names: string[]) => string {
  let folder: string | undefined;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'vgg16 cli '));
  });
  afterAll(() => rm(folder!, { recursive: true, force: true }));
  return (...names) => join(folder!, ...names);
}

/** 32 px and few different layers: what takes time is the compiler. */
export const NARROW: RandomVgg16 = {
  widths: [4, 4, 4, 4, 4],
  hidden: 8,
  classes: 10,
  featureSide: 1,
  seed: 5,
};

/** Says how its pixels are prepared, so that no note is due. */
export async function writeNarrow(path: string, options: Partial<RandomVgg16> = {}): Promise<string> {
  const metadata = { preprocess: 'torchvision', ...options.metadata };
  await writeRandomVgg16(path, { ...NARROW, ...options, metadata });
  return path;
}

/** A picture of random blocks, without any symmetry, as sharp knows it. */
export function blocks(seed: number, width = 40, height = 36): Sharp {
  const random = seededRandom(seed);
  const pixels = Uint8Array.from({ length: 5 * 4 * 3 }, () => random.below(256));
  return sharp(pixels, { raw: { width: 5, height: 4, channels: 3 } }).resize(width, height, {
    kernel: 'nearest',
    fit: 'fill',
  });
}
