import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { OutputError } from '../../src/errors.js';
import { writeAtomically } from '../../src/node/atomic_file.js';
import { useProgram } from '../support/program.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'vgg16-atomic-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe('what killed processes were writing', () => {
  const program = useProgram('test/node/unfinished_writer.ts');

  /** Starts to write `name` in a folder of its own. */
  async function begun(name: string) {
    const own = await mkdtemp(join(folder, 'left-'));
    const child = spawn(process.execPath, [program, join(own, name)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await once(child.stdout!, 'data');
    const kill = async () => {
      child.kill('SIGKILL');
      await once(child, 'exit');
    };
    const write = () => writeAtomically(join(own, 'another'), (append) => append(Buffer.from('whole')));
    return { own, kill, write };
  }

  it('is removed by the next who writes in the folder, but not while they live', async () => {
    const { own, kill, write } = await begun('model.safetensors');
    await write();
    const names = await readdir(own);
    expect(names).toEqual([
      'another',
      expect.stringMatching(/^model\.safetensors\.tmp-\d+-[0-9a-f]{8}-[0-9a-f]{8}$/),
    ]);
    await kill();
    await write();
    expect(await readdir(own)).toEqual(['another']);
  });

  it('of another system, whose processes cannot be asked for, is removed after a day', async () => {
    const own = await mkdtemp(join(folder, 'left-'));
    // Process 1 runs here too; no process has the other number.
    const others = ['a.tmp-1-00000000-0123abcd', 'b.tmp-4194305-00000000-0123abcd', 'c.tmp-1-0123abcd'];
    const kept = ['d.tmp-1', 'e.tmp-1-00000000-0123abcd.txt', 'tmp-1-0123abcd'];
    for (const name of [...others, ...kept]) await writeFile(join(own, name), '');
    const write = () => writeAtomically(join(own, 'z'), async () => {});
    const yesterday = new Date(Date.now() - 25 * 3600 * 1000);
    for (const name of kept) await utimes(join(own, name), yesterday, yesterday);
    await write();
    expect(await readdir(own)).toEqual([...others, ...kept, 'z'].sort());
    for (const name of others) await utimes(join(own, name), yesterday, yesterday);
    await write();
    expect(await readdir(own)).toEqual([...kept, 'z']);
  });
});

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
