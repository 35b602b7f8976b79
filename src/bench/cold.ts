// From the start of a process to its first result, engine by engine, in turns.

import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { GpuError } from '../errors.js';
import { nmse } from '../reference/compare.js';
import type { Measured } from './e2e.js';
import type { Scope } from './engine.js';
import type { FirstPassCost, FirstPassRequest } from './first_pass.js';
import { makeInput } from './input.js';
import type { TfjsName } from './peers/engines.js';
import { writeTfjsFile } from './peers/tfjs_file.js';
import { PAPER_SIZES, randomNetwork, writeNetwork } from './random_network.js';
import { referencePass } from './reference_network.js';
import { type BenchResult, faultOf } from './report.js';
import { takeTurns } from './turns.js';

export interface ColdOptions {
  readonly side: number;
  readonly scopes: readonly Scope[];
  readonly peers: readonly TfjsName[];
  readonly adapter?: string | undefined;
  readonly rounds: number;
  readonly maxSeconds: number;
  readonly signal?: AbortSignal | undefined;
  readonly onStep?: ((step: string) => void) | undefined;
  /** How a process is started that computes a first pass: the arguments of Node. */
  readonly command: (request: FirstPassRequest) => readonly string[];
  /** Whether ours uses what was chosen for this adapter. */
  readonly tuned: boolean;
}

/** What a process says of its first pass, in a line of JSON. */
export interface FirstPassLine {
  /** The result's bytes, base64. A second line, a `FirstPassCost`, follows once they have been taken. */
  readonly output: string;
}

/**
 * The driver's cache of compiled shaders is as it is found: after the first round it is full for everybody. Weights have just
 * been written, so that they come from the operating system's memory, for everybody.
 *
 * @throws OutputError where there is no room for the weights in the folder of temporary files; the signal's reason
 */
export async function benchCold(options: ColdOptions): Promise<Measured> {
  const { side, peers, signal, onStep } = options;
  const measured: Measured = { results: [], leftOut: [] };
  const scopes = options.scopes.filter((scope) => scope !== 'dense');
  const folder = await mkdtemp(join(tmpdir(), 'vgg16-bench-'));
  try {
    for (const scope of scopes) {
      onStep?.(`cold, ${scope}: random weights`);
      const sizes = { ...PAPER_SIZES, featureSide: Math.floor(side / 32) };
      const network = randomNetwork(sizes, { seed: 1, top: scope === 'all' });
      const [ours, theirs] = [join(folder, 'vgg16.safetensors'), join(folder, 'tfjs.safetensors')];
      await writeNetwork(ours, network);
      if (peers.length > 0) await writeTfjsFile(theirs, network);
      onStep?.(`cold, ${scope}: the reference in float64`);
      const expected = referencePass(network, scope, makeInput(scope, 1, side, 0));
      signal?.throwIfAborted();
      const engines = (['vgg16-webgpu', ...peers] as const).map((engine): FirstPassRequest => {
        const weights = engine === 'vgg16-webgpu' ? ours : theirs;
        return { engine, scope, side, weights, adapter: options.adapter, tuned: options.tuned };
      });
      await measure(engines, expected, options, measured);
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  return measured;
}

async function measure(
  requests: readonly FirstPassRequest[],
  expected: Float64Array,
  { rounds, maxSeconds, side, command, signal, onStep }: ColdOptions,
  { results, leftOut }: Measured,
): Promise<void> {
  const found = new Map<string, Pick<BenchResult, 'nmse' | 'peakBytes' | 'deviceBytes'>>();
  const turns = new Map<string, () => Promise<number>>();
  const scope = requests[0]!.scope;
  for (const request of requests) {
    const { engine } = request;
    onStep?.(`cold, ${scope}: ${engine}`);
    const turn = async () => {
      const { ms, output, end } = await startAndWait(command(request), signal);
      const error = nmse(output, expected);
      found.set(engine, { nmse: Number.isNaN(error) ? null : error, ...end });
      return ms;
    };
    try {
      // Not counted: drivers keep what they compile.
      await turn();
      turns.set(engine, turn);
    } catch (error) {
      leftOut.push({ engine, scope, batch: 1, start: 'cold', ...faultOf(error) });
    }
  }
  const onTurn = (done: number, most: number) =>
    onStep?.(`cold, ${scope}: turn ${Math.min(done + 1, most)} of ${most}`);
  const { timings, failed } = await takeTurns(turns, { rounds, maxSeconds, signal, onTurn });
  for (const [engine, reason] of failed)
    leftOut.push({ engine, scope, batch: 1, start: 'cold', kind: 'failed', reason });
  for (const [engine, timing] of timings) {
    results.push({ engine, scope, batch: 1, start: 'cold', side, ...timing, ...found.get(engine)! });
  }
}

interface Started {
  readonly ms: number;
  readonly output: Float32Array;
  readonly end: FirstPassCost;
}

/** Starts a process and takes the time until its first result has come. @throws GpuError with what it said where it failed */
async function startAndWait(args: readonly string[], signal: AbortSignal | undefined): Promise<Started> {
  const start = performance.now();
  const child = spawn(process.execPath, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    // It would hear another signal, and finish what it has begun.
    killSignal: 'SIGKILL',
    ...(signal && { signal }),
  });
  let ms = Number.NaN;
  let said = '';
  let complaint = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    said += text;
    if (Number.isNaN(ms) && said.includes('\n')) ms = performance.now() - start;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    complaint += text;
  });
  const code = await new Promise<number | null>((resolve, reject) => {
    child.on('error', (error) => reject(signal?.aborted ? signal.reason : error));
    child.on('close', resolve);
  });
  const [first, second] = said.split('\n');
  if (code !== 0 || !first || !second) {
    const line = complaint.trim().split('\n').at(-1) ?? '';
    throw new GpuError(line.replace(/^error: /, '') || `the process ended with ${code} and said nothing`);
  }
  const { output: text } = parsed<FirstPassLine>(first);
  const bytes = Buffer.from(text, 'base64');
  const output = new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
  return { ms, output, end: parsed<FirstPassCost>(second) };
}

/** @throws GpuError for what is no JSON: something else has been said */
function parsed<T>(line: string): T {
  try {
    return JSON.parse(line) as T;
  } catch {
    throw new GpuError(`the process said something unexpected: ${line.slice(0, 100)}`);
  }
}
