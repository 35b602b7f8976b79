import { execFileSync } from 'node:child_process';
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeFolders, NotAFile, readRegular } from '../../src/node/disk.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'vgg16-disk-'));
});
afterAll(() => rm(folder, { recursive: true }));

describe.skipIf(process.platform === 'win32')('readRegular', () => {
  it('reads files, and refuses at once what might never end', async () => {
    const at = (name: string) => join(folder, name);
    await writeFile(at('text'), 'some');
    expect(String(await readRegular(at('text')))).toBe('some');
    execFileSync('mkfifo', [at('fifo')]);
    for (const [path, kind] of [
      [at('fifo'), 'a FIFO'],
      ['/dev/zero', 'a device'],
      [folder, 'a folder'],
    ] as const)
      await expect(readRegular(path)).rejects.toThrow(new NotAFile(kind));
    await expect(readRegular(at('nothing'))).rejects.toThrow('ENOENT');
  });
});

describe('makeFolders', () => {
  it('makes what is missing, and nothing where all is there, whoever is faster', async () => {
    const path = join(folder, 'a', 'b', 'c');
    await Promise.all([makeFolders(path), makeFolders(path), makeFolders(join(folder, 'a', 'd'))]);
    await makeFolders(path);
    expect((await stat(path)).isDirectory()).toBe(true);
  });

  it('says what is in the way', async () => {
    const file = join(folder, 'file');
    await writeFile(file, '');
    await expect(makeFolders(file)).rejects.toThrow('EEXIST');
    await expect(makeFolders(join(file, 'below'))).rejects.toThrow('ENOTDIR');
  });

  it.skipIf(process.platform !== 'linux')('ends where no folder can be made', async () => {
    await expect(makeFolders('/proc/nope/deeper')).rejects.toThrow('ENOENT');
  });
});
