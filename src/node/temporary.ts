// Files under temporary names: how they are called, and how those of killed processes go.

import { createHash, randomBytes } from 'node:crypto';
import { readFileSync, readlinkSync } from 'node:fs';
import { readdir, rm, stat } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';

/** `NAME.tmp-PID-SYSTEM-RANDOM`; before SYSTEM was told, `NAME.tmp-PID-RANDOM`. */
const TEMPORARY = /\.tmp-(\d+)(?:-([0-9a-f]{8}))?-[0-9a-f]{8}$/;

/** Where it cannot be asked whether its writer lives, a file must have been left alone for so long to be taken for junk. */
const A_DAY = 24 * 3600 * 1000;

/** A name beside `path` that no other process or thread uses. */
export function temporaryName(path: string): string {
  return `${path}.tmp-${process.pid}-${system()}-${randomBytes(4).toString('hex')}`;
}

let known: string | undefined;

/**
 * Where process numbers mean the same processes: on the same host, since the same start, and in the same container, for
 * every container has a process 1.
 */
function system(): string {
  const asked = (ask: () => string) => {
    try {
      return ask();
    } catch {
      return ''; // Only Linux has it.
    }
  };
  known ??= createHash('sha256')
    .update(hostname())
    .update(asked(() => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8')))
    .update(asked(() => readlinkSync('/proc/self/ns/pid')))
    .digest('hex')
    .slice(0, 8);
  return known;
}

/** Removes from a folder what killed processes were writing there. Never fails. */
export async function removeLeftovers(folder: string): Promise<void> {
  const names = await readdir(folder).catch(() => []);
  for (const name of names) {
    const path = join(folder, name);
    const temporary = TEMPORARY.exec(name);
    if (temporary && (await isLeft(path, Number(temporary[1]), temporary[2])))
      await rm(path, { force: true }).catch(() => {});
  }
}

async function isLeft(path: string, pid: number, writtenOn: string | undefined): Promise<boolean> {
  const found = await stat(path).catch(() => undefined);
  if (!found?.isFile()) return false;
  if (writtenOn === system()) return !isRunning(pid);
  return Date.now() - found.mtimeMs > A_DAY;
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH'; // EPERM: it is somebody else's
  }
}
