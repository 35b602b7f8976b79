// One process at a time works on a file of the cache. The lock is a file that names its holder, who renews its time of
// change; a holder that was killed stops doing so, and then the lock is anybody's.
//
// A holder that only slept (a laptop's lid) may find that the lock was taken from it. It finds out within RENEW_MS,
// stops, and waits like everybody else. What it wrote meanwhile does no harm: a file is hashed as it lies on the disk
// before it gets its name.
//
// The package proper-lockfile would do, but it also handles the signals of the whole process: Ctrl-C would end it
// before anything is put in order, and a file size limit would kill it without a word.

import { randomUUID } from 'node:crypto';
import { link, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { refusing } from '../disk.js';

/** A lock that was not renewed for so long belongs to nobody. */
const STALE_MS = 10_000;
const RENEW_MS = 2_000;

/** How often those who wait look again. */
const LOOK_MS = 250;

interface LockOptions {
  readonly signal?: AbortSignal | undefined;
  /** Called once if another process has the lock. */
  readonly onWait: () => void;
}

/**
 * Runs `action` while no other process holds the lock.
 *
 * @param path  of the lock itself, in a folder that exists
 * @param action  may run again, from its beginning, where the lock was lost; its signal is aborted then
 * @throws OutputError where the folder may not be written; the signal's reason
 */
export async function withLock<T>(
  path: string,
  { signal, onWait }: LockOptions,
  action: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  let told = false;
  for (;;) {
    signal?.throwIfAborted();
    const holder = randomUUID();
    if (await refusing(path, () => taken(path, holder))) {
      const lost = new AbortController();
      const renewal = setInterval(async () => {
        if (!(await renewed(path, holder))) lost.abort(new Error(`${path} was taken away`));
      }, RENEW_MS).unref();
      try {
        return await action(signal ? AbortSignal.any([signal, lost.signal]) : lost.signal);
      } catch (error) {
        if (!lost.signal.aborted) throw error;
      } finally {
        clearInterval(renewal);
        if ((await holderOf(path)) === holder) await refusing(path, () => rm(path, { force: true }));
      }
    } else {
      if (!told) onWait();
      told = true;
      await sleep(LOOK_MS, undefined, { signal }).catch(() => signal?.throwIfAborted());
    }
  }
}

/** Whether the lock is now `holder`'s. */
async function taken(path: string, holder: string): Promise<boolean> {
  try {
    await writeFile(path, holder, { flag: 'wx' });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') {
      return (await brokeStale(path)) ? taken(path, holder) : false;
    }
    // A disk may have room for the name and none for what is in it.
    if ((await holderOf(path)) === '') await rm(path, { force: true });
    throw error;
  }
}

/** Removes a lock that nobody renews; whether there was one. */
async function brokeStale(path: string): Promise<boolean> {
  const holder = await holderOf(path);
  const age = await stat(path).then(
    ({ mtimeMs }) => Math.abs(Date.now() - mtimeMs),
    () => 0,
  );
  if (holder === undefined || age < STALE_MS) return false;
  // Several may come to this at once, and one may have taken the lock anew: only what was judged is removed. If yet
  // another has it by then, putting it back fails, and its holder finds out.
  const aside = `${path}.${randomUUID()}`;
  await rename(path, aside).catch(unlessMissing);
  if ((await holderOf(aside)) !== holder) await link(aside, path).catch(() => {});
  await rm(aside, { force: true });
  return true;
}

/** Whether the lock is still `holder`'s; then it is for another while. */
async function renewed(path: string, holder: string): Promise<boolean> {
  const now = new Date();
  if ((await holderOf(path)) !== holder) return false;
  return utimes(path, now, now).then(
    () => true,
    () => false,
  );
}

function holderOf(path: string): Promise<string | undefined> {
  return readFile(path, 'utf8').catch(() => undefined);
}

function unlessMissing(error: NodeJS.ErrnoException): void {
  if (error.code !== 'ENOENT') throw error;
}
