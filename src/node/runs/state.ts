// state.json: which process is training a run, or that its loss diverged. A run that rests has none, nor has one that is
// finished; that of a killed process names one that is not there any more.

import { readFile, rm } from 'node:fs/promises';
import { hostname } from 'node:os';
import { UsageError } from '../../errors.js';
import { runFile, writeJson } from './folder.js';

interface Running {
  readonly state: 'running';
  readonly host: string;
  readonly pid: number;
  /** When the process was started, as its system counts; null where that is not told. */
  readonly since: string | null;
}

export type RunState = 'running' | 'diverged';

/** Undefined for a run that rests, or whose file cannot be read. */
export async function stateOf(folder: string): Promise<RunState | undefined> {
  const said = await read(folder);
  if (said?.state === 'diverged') return 'diverged';
  return said && (await isThere(said)) ? 'running' : undefined;
}

/** Writes down that this process trains the run. @throws UsageError where another one does; OutputError */
export async function occupyRun(folder: string): Promise<void> {
  const said = await read(folder);
  if (said?.state === 'running' && (await isThere(said))) {
    throw new UsageError(
      `${folder} is being trained by process ${said.pid} of this machine; wait for it, or end it`,
    );
  }
  const { pid } = process;
  const running: Running = { state: 'running', host: hostname(), pid, since: await startOf(pid) };
  await writeJson(runFile(folder, 'state'), running);
}

/** Takes back what `occupyRun` wrote, unless the run has diverged since. What cannot be removed names an ended process. */
export async function leaveRun(folder: string): Promise<void> {
  const said = await read(folder);
  if (said?.state === 'running') await rm(runFile(folder, 'state'), { force: true }).catch(() => {});
}

/** Writes down that the loss is not finite any more. The error that says so is the news, not that this cannot be written. */
export async function markDiverged(folder: string): Promise<void> {
  await writeJson(runFile(folder, 'state'), { state: 'diverged' }).catch(() => {});
}

async function read(folder: string): Promise<Running | { readonly state: 'diverged' } | undefined> {
  try {
    return JSON.parse(await readFile(runFile(folder, 'state'), 'utf8')) ?? undefined;
  } catch {
    return undefined;
  }
}

/** Whether the very process that was meant is there: its number may be another's by now. */
async function isThere({ host, pid, since }: Running): Promise<boolean> {
  if (host !== hostname() || !Number.isInteger(pid)) return false;
  try {
    process.kill(pid, 0);
  } catch (error) {
    // One of another user is there, too.
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return false;
  }
  return since === (await startOf(pid));
}

/** When a process was started, in ticks since the system was: Linux alone tells. */
async function startOf(pid: number): Promise<string | null> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined);
  // The name of the program, in brackets, may hold spaces and brackets.
  return text?.slice(text.lastIndexOf(')') + 2).split(' ')[19] ?? null;
}
