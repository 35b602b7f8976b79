import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { UsageError } from '../../../src/errors.js';
import { readArguments } from '../../../src/node/runs/args.js';
import { abandonRun, createRun, runFile } from '../../../src/node/runs/folder.js';

let parent: string;
beforeAll(async () => {
  parent = await mkdtemp(join(tmpdir(), 'vgg16-run-'));
});
afterAll(() => rm(parent, { recursive: true, force: true }));

describe('a run that is given up', () => {
  it('takes away the folder that was made for it, but no other', async () => {
    const own = join(parent, 'own');
    await createRun(own);
    await writeFile(runFile(own, 'environment'), '{}');
    await abandonRun(own);
    expect(existsSync(own)).toBe(false);
    const given = join(parent, 'given');
    await mkdir(given);
    await createRun(given);
    await writeFile(runFile(given, 'environment'), '{}');
    await abandonRun(given);
    expect(await readdir(given)).toEqual([]);
  });
});

describe('a run that was killed before it had begun', () => {
  it('can be begun again in its folder, if that is empty, and is told otherwise', async () => {
    const folder = join(parent, 'killed');
    await mkdir(folder);
    await createRun(folder);
    await writeFile(runFile(folder, 'environment'), '{}');
    await expect(createRun(folder)).rejects.toThrow(
      new UsageError(`${folder} holds a run that was ended before it had begun; remove it, or name another`),
    );
    await expect(readArguments(runFile(folder, 'args'))).rejects.toThrow(
      new UsageError(`${folder} holds a run that was ended before it had begun; train anew`),
    );
  });
});
