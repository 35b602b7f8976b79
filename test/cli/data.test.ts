// vgg16 data check, as a user runs it.

import { mkdir, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { describe, expect, it } from 'vitest';
import { blocks, useFolder } from './support.js';
import { program } from './training.js';

const folder = useFolder();

async function write(root: string, files: Readonly<Record<string, number | string>>): Promise<string> {
  for (const [file, content] of Object.entries(files)) {
    const path = folder(root, file);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, typeof content === 'string' ? content : await blocks(content).jpeg().toBuffer());
  }
  return folder(root);
}

const CLEAN = { 'train/cats/1.jpg': 1, 'train/cats/2.jpg': 2, 'train/dogs/1.jpg': 3, 'val/cats/1.jpg': 4 };

describe('vgg16 data check', () => {
  it('counts the pictures of a clean folder and ends with 0', async () => {
    const root = await write('clean', { ...CLEAN, 'val/dogs/1.jpg': 5 });
    const { code, stdout, stderr } = await program(['data', 'check', root]);
    expect(stdout.split('\n')).toEqual([
      ...['class   train  val', 'cats        2    1', 'dogs        1    1', 'in all      3    2'],
      ...['', 'All is well.', ''],
    ]);
    expect(stderr).toEqual([expect.stringMatching(/^data check 5 files in /)]);
    expect(code).toBe(0);
  });

  it('groups what is wrong, the worst first, and ends with 3 where pictures are broken', async () => {
    const root = await write('dirty', {
      ...CLEAN,
      'val/dogs/1.jpg': 1,
      'train/dogs/2.jpg': '',
      'train/dogs/a\nb.jpg': 'x',
    });
    const { code, stdout } = await program(['data', 'check', root]);
    expect(stdout.split('\n\n').slice(1)).toEqual([
      expect.stringMatching(
        /^Training would refuse \(1\)\n.*: 2 of 7 pictures \(29 %\) cannot be read, more than 5 %$/,
      ),
      'Empty: mend these or take them out (1)\n  train/dogs/2.jpg: it is empty (0 bytes)',
      expect.stringMatching(
        /^Not a picture: mend these or take them out \(1\)\n {2}train\/dogs\/a\\nb\.jpg: it is not a picture .* begins "x"$/,
      ),
      expect.stringMatching(
        /^The same picture in two classes: .* \(1\)\n {2}val\/dogs\/1\.jpg: it is the same as train\/cats\/1\.jpg/,
      ),
    ]);
    expect(code).toBe(3);
  });

  it('ends with 0 where there are warnings only, and with 2 where training could not begin', async () => {
    const copies = await write('copies', { 'a/1.jpg': 1, 'a/2.jpg': 1, 'b/1.jpg': 2, '3.jpg': 3 });
    const warned = await program(['data', 'check', copies]);
    expect(warned.stdout).toMatch(/^class {3}pictures\n/);
    expect(warned.stdout).toContain('The same picture again');
    expect(warned.stdout).toContain('note: left out, for lying in no class folder: 1 picture, 3.jpg');
    expect(warned.code).toBe(0);
    const single = await program(['data', 'check', await write('single', { 'a/1.jpg': '' })]);
    expect(single.stdout).toMatch(
      /Structure: training could not begin \(1\)\n.*there is one class only, a \(1 picture\)/,
    );
    expect(single.code).toBe(2);
  });

  it('prints one JSON', async () => {
    const root = await write('json', { 'a/1.jpg': 1, 'a/2.jpg': '', 'b/1.jpg': 2, 'c.jpg': 3 });
    const { code, stdout } = await program(['data', 'check', root, '--json']);
    expect(JSON.parse(stdout)).toEqual({
      name: root,
      classes: [
        { name: 'a', train: 2, val: 0, test: 0 },
        { name: 'b', train: 1, val: 0, test: 0 },
      ],
      problems: [
        { kind: 'stray', severity: 'warning', path: 'c.jpg', reason: 'it lies in no class folder' },
        { kind: 'empty', severity: 'broken', path: 'a/2.jpg', reason: 'it is empty (0 bytes)' },
        { kind: 'refused', severity: 'fault', path: root, reason: 'no picture of a can be read to train on' },
      ],
      notes: [
        'left out, for lying in no class folder: 1 picture, c.jpg',
        'only one picture each of b: it is trained on',
        'val has no picture of b: how well they are told apart will not be known',
      ],
    });
    expect(code).toBe(3);
  });

  it('says in one line what is no data set', async () => {
    const { code, stdout, stderr } = await program(['data', 'check', folder('nowhere')]);
    expect([code, stdout, stderr]).toEqual([2, '', [`error: ${folder('nowhere')} does not exist`]]);
  });
});
