// Whether a run is being trained, told by the process that does it.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { UsageError } from '../../../src/errors.js';
import { leaveRun, markDiverged, occupyRun, stateOf } from '../../../src/node/runs/state.js';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'vgg16 state '));
});
afterEach(() => rm(folder, { recursive: true }));

const file = () => join(folder, 'state.json');
/** Says that another process trains the run. */
const claimFor = async (change: object) => {
  const said = JSON.parse(await readFile(file(), 'utf8')) as object;
  await writeFile(file(), JSON.stringify({ ...said, ...change }));
};

describe('the state of a run', () => {
  it('is running while a process has it, and then nothing', async () => {
    expect(await stateOf(folder)).toBeUndefined();
    await occupyRun(folder);
    expect(await stateOf(folder)).toBe('running');
    await expect(occupyRun(folder)).rejects.toThrow(UsageError);
    await expect(occupyRun(folder)).rejects.toThrow(
      `is being trained by process ${process.pid} of this machine`,
    );
    await leaveRun(folder);
    expect(await stateOf(folder)).toBeUndefined();
    await leaveRun(folder);
  });

  it('is that of no process that has ended, or is another by now', async () => {
    const child = spawn(process.execPath, ['-e', '0']);
    await once(child, 'exit');
    await occupyRun(folder);
    await claimFor({ pid: child.pid });
    expect(await stateOf(folder)).toBeUndefined();
    await claimFor({ pid: process.pid, since: 'before' });
    expect(await stateOf(folder)).toBeUndefined();
    await claimFor({ host: 'another' });
    expect(await stateOf(folder)).toBeUndefined();
    await occupyRun(folder);
    expect(await stateOf(folder)).toBe('running');
  });

  it('stays diverged until it is trained again', async () => {
    await occupyRun(folder);
    await markDiverged(folder);
    await leaveRun(folder);
    expect(await stateOf(folder)).toBe('diverged');
    await occupyRun(folder);
    expect(await stateOf(folder)).toBe('running');
  });

  it('is unknown where its file is damaged', async () => {
    await writeFile(file(), '{');
    expect(await stateOf(folder)).toBeUndefined();
    await occupyRun(folder);
    expect(await stateOf(folder)).toBe('running');
  });
});
