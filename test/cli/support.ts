// The built command as a child process, and things to feed it.

import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { Readable } from 'node:stream';
import sharp, { type Sharp } from 'sharp';
import { afterAll, beforeAll } from 'vitest';
import { seededRandom } from '../../src/bench/random.js';
import { type RandomVgg16, writeRandomVgg16 } from '../../src/bench/random_vgg16.js';

export const CLI = resolve('dist/cli.js');
if (!existsSync(CLI)) throw new Error(`${CLI} is missing: node scripts/build.mjs makes it`);

export interface Ran {
  /** Null where a signal ended it. */
  readonly code: number | null;
  readonly stdout: string;
  /** Lines, without the note that no GPU computes. */
  readonly stderr: readonly string[];
}

export interface RunOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
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
export function start(args: readonly string[], options: RunOptions = {}): Started {
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

/** Runs the command to its end. */
export function vgg16(args: readonly string[], options: RunOptions = {}): Promise<Ran> {
  return start(args, options).ran;
}

/** What the command itself says on stderr on every adapter. */
function messages(stderr: string): string[] {
  return stderr
    .split('\n')
    .filter((line) => line !== '')
    .filter((line) => !/^note: (NO GPU|the null backend)/.test(line));
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
