import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { writeAtomically } from '../src/atomic_file.js';
import { OutputError } from '../src/errors.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'vgg16-atomic-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe('writeAtomically', () => {
  it('appends, and writes over what was appended, in any order', async () => {
    const path = join(folder, 'file');
    await writeAtomically(path, async (append, overwrite) => {
      await append(Buffer.from('head'));
      await append(Buffer.from('1234'));
      await overwrite(0, Buffer.from('HE'));
      await append(Buffer.from('5678'));
      await overwrite(7, Buffer.from('x'));
    });
    expect(await readFile(path, 'utf8')).toBe('HEad123x5678');
  });

  it('finds out that it cannot write before anything is produced', async () => {
    const file = join(folder, 'a file');
    await writeFile(file, '');
    const refused = [
      [join(folder, 'missing', 'file'), 'its folder does not exist'],
      [join(file, 'file'), 'its folder is not a folder'],
      [folder, 'it is a folder'],
      [join(folder, 'x'.repeat(300)), 'the name is too long'],
    ] as const;
    for (const [path, reason] of refused) {
      const produce = () => expect.unreachable();
      await expect(writeAtomically(path, produce)).rejects.toThrow(
        new OutputError(`cannot write ${path}: ${reason}`),
      );
    }
  });

  it.skipIf(process.platform === 'win32')('leaves devices alone', async () => {
    const before = await stat('/dev/null');
    await expect(writeAtomically('/dev/null', async () => {})).rejects.toThrow(
      new OutputError('cannot write /dev/null: it is not a regular file'),
    );
    expect((await stat('/dev/null')).ino).toBe(before.ino);
  });

  it('leaves nothing of a file whose making failed', async () => {
    const path = join(folder, 'kept');
    await writeFile(path, 'old');
    const before = await readdir(folder);
    const failing = writeAtomically(path, async (append) => {
      await append(Buffer.from('new'));
      throw new RangeError('broken');
    });
    await expect(failing).rejects.toThrow(new RangeError('broken'));
    expect(await readFile(path, 'utf8')).toBe('old');
    expect(await readdir(folder)).toEqual(before);
  });
});
