// Several processes, and processes that end before they are done.

import { existsSync, readFileSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../../src/random.js';
import { type ChildSurroundings, type Said, useChildren } from './children.js';
import { type Behaviour, FILE, sends, useServer } from './server.js';
import { expectWhole, useCache } from './support.js';

const server = useServer();
const cache = useCache();
const child = useChildren();
const start = (surroundings?: ChildSurroundings) =>
  child({ url: server.url, folder: cache.places.folder }, surroundings);

const WAITING = 'waiting for another process that fetches vgg16.tv_in1k.safetensors';

/** A lock that a killed process left is free ten seconds later; a test does not wait for them. */
const letLockAge = () => {
  if (existsSync(cache.places.lock)) utimesSync(cache.places.lock, 0, 0);
};

/** Sends 10 kB at a time, and says when. */
function drips(onSent: (total: number) => void): Behaviour {
  return (request, response, asked) => {
    const partial = request.headers['if-range'] === '"v1"';
    sends({ stallAfter: 0 })(request, response, asked);
    let at = partial ? asked.from : 0;
    const timer = setInterval(() => {
      const next = Math.min(at + 10_000, FILE.length);
      response.write(FILE.subarray(at, next));
      asked.sent += next - at;
      at = next;
      onSent(at);
      if (at === FILE.length) response.end();
      if (at === FILE.length || response.destroyed) clearInterval(timer);
    }, 2);
  };
}

describe('a process that is killed', () => {
  it('at any moment leaves nothing bad, and the next one goes on with what came', async () => {
    // Four times before the end of the file, then twice behind it.
    const random = seededRandom(216);
    for (let round = 0; round < 6; round++) {
      // Above the file's length: while it is verified and gets its name.
      const mark = random.below(FILE.length * 1.3);
      const delay = mark > FILE.length ? random.below(12) : 0;
      let kill = () => {};
      server.behave(
        drips((total) => {
          if (total >= Math.min(mark, FILE.length)) setTimeout(() => kill(), delay);
        }),
      );
      const { process, ended } = start();
      kill = () => process.kill('SIGKILL');
      await ended;
      if (existsSync(cache.places.file)) expect(readFileSync(cache.places.file).equals(FILE)).toBe(true);
      letLockAge();
    }
    server.behave(sends());
    await cache.fetch({ url: server.url });
    expectWhole(cache);
    expect(server.asked.some(({ from }) => from > 0)).toBe(true);
  });

  it('frees those who wait for it, who go on where it was', async () => {
    server.behave(sends({ stallAfter: 150_000 }), sends());
    const first = start();
    while (!(existsSync(cache.places.part) && statSync(cache.places.part).size === 150_000)) await pause(10);
    const second = start({
      onSaid: ({ note }) => {
        if (note !== WAITING) return;
        first.process.kill('SIGKILL');
        void first.ended.then(letLockAge);
      },
    });
    expect((await second.ended).at(-1)).toEqual({ fetched: true });
    expectWhole(cache);
    expect(server.asked.map(({ from }) => from)).toEqual([0, 150_000]);
  });
});

it('a lock that was left long ago keeps nobody waiting', async () => {
  writeFileSync(cache.places.lock, 'whoever');
  letLockAge();
  server.behave(sends());
  await cache.fetch({ url: server.url });
  expectWhole(cache);
  expect(cache.notes).not.toContain(WAITING);
});

describe('two processes at once', () => {
  it('download once, and both have the file', async () => {
    let isWaiting = () => {};
    const waiting = new Promise<void>((done) => {
      isWaiting = done;
    });
    const onSaid = ({ note }: Said) => note === WAITING && isWaiting();
    server.behave((request, response, asked) => {
      sends({ stallAfter: 150_000 })(request, response, asked);
      void waiting.then(() => response.end(FILE.subarray(150_000)));
    });
    const said = await Promise.all([start({ onSaid }).ended, start({ onSaid }).ended]);
    expect(said.map((lines) => lines.at(-1)?.fetched).sort()).toEqual([false, true]);
    expectWhole(cache);
    expect(server.asked).toHaveLength(1);
  });

  it('so do two calls in one process', async () => {
    server.behave(drips(() => {}));
    const both = await Promise.all([cache.fetch({ url: server.url }), cache.fetch({ url: server.url })]);
    expect(both.map(({ fetched }) => fetched).sort()).toEqual([false, true]);
    expect(server.asked).toHaveLength(1);
    expectWhole(cache);
  });

  it('notice when a lock is taken from one that slept: it stops, waits, and has the file as well', async () => {
    server.behave(sends({ stallAfter: 150_000 }), sends());
    const slept = cache.fetch({ url: server.url });
    while (!existsSync(cache.places.part)) await pause(10);
    const holder = readFileSync(cache.places.lock, 'utf8');
    const ageing = setInterval(() => {
      const isTheirs = existsSync(cache.places.lock) && readFileSync(cache.places.lock, 'utf8') === holder;
      if (isTheirs) letLockAge();
    }, 20);
    expect((await start().ended).at(-1)).toEqual({ fetched: true });
    clearInterval(ageing);
    // It finds out when it renews the lock.
    expect(await slept).toMatchObject({ fetched: false });
    expectWhole(cache);
    expect(server.asked).toHaveLength(2);
  });
});

describe('a disk', () => {
  it.skipIf(process.platform === 'win32')(
    'that is full is told, and what fitted is gone on with',
    async () => {
      server.behave(sends());
      const said = await start({ fileBlocks: 100 }).ended;
      expect(said).toEqual([
        { error: `OutputError: cannot write ${cache.places.part}: the file would be larger than is allowed` },
      ]);
      expect(existsSync(cache.places.file)).toBe(false);
      await cache.fetch({ url: server.url });
      expectWhole(cache);
      expect(server.asked.at(-1)!.from).toBe(100 * 1024);
    },
  );

  it('whose folder cannot be made is told before any server is asked', async () => {
    const file = cache.places.file;
    await writeFile(join(cache.places.folder, 'taken'), '');
    expect(
      await cache.failure({ url: server.url, folder: join(cache.places.folder, 'taken', 'weights') }),
    ).toMatch(/^cannot write .*taken.weights: its folder is not a folder$/);
    expect(server.asked).toEqual([]);
    expect(existsSync(file)).toBe(false);
  });

  it.skipIf(process.platform === 'win32')('whose folder may only be read is told, too', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'vgg16 read only '));
    await chmod(folder, 0o555);
    const root = process.getuid!() === 0;
    const { ended } = child({ url: server.url, folder, ...(root && { user: 65534 }) });
    const [said] = await ended;
    expect(said?.error).toMatch(/^OutputError: cannot write .*\.lock: permission denied$/);
    expect(server.asked).toEqual([]);
    await rm(folder, { recursive: true });
  });
});
