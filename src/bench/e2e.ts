// The whole network, or half of it, pass by pass: ours and the peers on the same input, in turns.

import type { Gpu } from '../gpu/gpu.js';
import type { TensorDtype } from '../gpu/tensor.js';
import { type Conv3x3Rung, canRun } from '../kernels/conv3x3/rungs.js';
import type { Choices } from '../network/choices.js';
import { nmse } from '../reference/compare.js';
import type { Engine, EngineName, PassInput, ReadyPass, Scope } from './engine.js';
import { makeInput } from './input.js';
import { createOurs } from './ours.js';
import { openPeer, type PeerEngineName } from './peers/engines.js';
import type { PeerNetwork } from './peers/tfjs_weights.js';
import { type NetworkSizes, PAPER_SIZES, randomNetwork, sourceOf } from './random_network.js';
import { referencePass } from './reference_network.js';
import { type BenchResult, faultOf, type LeftOut } from './report.js';
import { takeTurns, timed } from './turns.js';

export interface E2eOptions {
  readonly batches: readonly number[];
  /** Height and width of the pictures in px. */
  readonly side: number;
  readonly scopes: readonly Scope[];
  readonly peers: readonly PeerEngineName[];
  /** Of our own weights: an engine for each. */
  readonly dtypes: readonly TensorDtype[];
  /** What was chosen for this adapter, by dtype, where that is to be used. */
  readonly choices?: ReadonlyMap<TensorDtype, Choices> | undefined;
  /** Besides, an engine for each of these. */
  readonly rungs: readonly Conv3x3Rung[];
  /** Of the network; the paper's by default. */
  readonly sizes?: Omit<NetworkSizes, 'featureSide'>;
  readonly rounds: number;
  /** An engine's turns take no longer than this together, and a pass that would alone is left out. */
  readonly maxSeconds: number;
  readonly signal?: AbortSignal | undefined;
  /** What is being done now, in a few words. */
  readonly onStep?: ((step: string) => void) | undefined;
}

/** What comes of a benchmark. */
export interface Measured {
  readonly results: BenchResult[];
  readonly leftOut: LeftOut[];
}

/** @throws GpuError where the adapter cannot hold our own weights; the signal's reason */
export async function benchE2e(gpu: Gpu, options: E2eOptions): Promise<Measured> {
  const { scopes, batches, side, signal, onStep } = options;
  const measured: Measured = { results: [], leftOut: [] };
  onStep?.('random weights');
  const sizes = { ...(options.sizes ?? PAPER_SIZES), featureSide: Math.floor(side / 32) };
  const network = randomNetwork(sizes, { seed: 1, top: scopes.some((scope) => scope !== 'convs') });
  const engines = await openEngines(gpu, network, options, measured);
  try {
    for (const scope of scopes) {
      const inputSide = scope === 'dense' ? sizes.featureSide : side;
      const channels = network.convs.at(-1)!.O;
      onStep?.(`${scope}: the reference in float64`);
      const expected = referencePass(network, scope, makeInput(scope, 1, inputSide, channels));
      for (const batch of batches) {
        signal?.throwIfAborted();
        const input = makeInput(scope, batch, inputSide, channels);
        await measure(engines, { scope, input, expected }, options, measured);
      }
    }
  } finally {
    for (const engine of engines) await engine.dispose();
  }
  return measured;
}

async function openEngines(
  gpu: Gpu,
  network: PeerNetwork,
  { scopes, batches, dtypes, choices, rungs, peers, onStep }: E2eOptions,
  { leftOut }: Measured,
): Promise<Engine[]> {
  const source = sourceOf(network);
  const engines: Engine[] = [];
  for (const dtype of dtypes) {
    const name: EngineName = dtype === 'f16' ? 'vgg16-webgpu-f16' : 'vgg16-webgpu';
    engines.push(await createOurs(gpu, source, { name, dtype, choices: choices?.get(dtype) }));
  }
  for (const rung of rungs) {
    const dtype = canRun(gpu, rung, 'f32') ? 'f32' : 'f16';
    const name: EngineName = `vgg16-webgpu/${rung}`;
    engines.push(await createOurs(gpu, source, { name, dtype, rungs: { conv3x3: rung } }));
  }
  for (const name of peers) {
    onStep?.(`weights for ${name}`);
    try {
      engines.push(await openPeer(name, gpu, network));
    } catch (error) {
      const fault = faultOf(error);
      for (const scope of scopes)
        for (const batch of batches) leftOut.push({ engine: name, scope, batch, ...fault });
    }
  }
  return engines;
}

interface Task {
  readonly scope: Scope;
  readonly input: PassInput;
  /** Of the last picture. */
  readonly expected: Float64Array;
}

/** One scope at one batch: every engine is checked, then they take turns. */
async function measure(
  engines: readonly Engine[],
  { scope, input, expected }: Task,
  { rounds, maxSeconds, signal, onStep }: E2eOptions,
  { results, leftOut }: Measured,
): Promise<void> {
  const { batch, side } = input;
  const ready: { engine: Engine; pass: ReadyPass; nmse: number }[] = [];
  try {
    for (const engine of engines) {
      const about = { engine: engine.name, scope, batch };
      signal?.throwIfAborted();
      const wait = predictedSeconds(results, engine.name, scope, batch);
      if (wait > maxSeconds) {
        leftOut.push({ ...about, kind: 'slow', reason: `a pass would take about ${Math.round(wait)} s` });
        continue;
      }
      onStep?.(`${scope}, batch ${batch}: ${engine.name} is checked`);
      try {
        const pass = await engine.prepare(scope, input);
        ready.push({ engine, pass, nmse: Number.NaN });
        const output = await pass.run();
        ready.at(-1)!.nmse = errorOf(output, expected);
      } catch (error) {
        if (ready.at(-1)?.engine === engine) ready.pop()!.pass.dispose();
        leftOut.push({ ...about, ...faultOf(error) });
      }
    }
    const turns = new Map(ready.map(({ engine, pass }) => [engine.name, () => timed(() => pass.run())]));
    const onTurn = (done: number, most: number) =>
      onStep?.(`${scope}, batch ${batch}: turn ${Math.min(done + 1, most)} of ${most}`);
    const { timings, failed } = await takeTurns(turns, { rounds, maxSeconds, signal, onTurn });
    for (const { engine, nmse } of ready) {
      const about = { engine: engine.name, scope, batch };
      const timing = timings.get(engine.name);
      const error = Number.isNaN(nmse) ? null : nmse;
      if (timing) results.push({ ...about, side, ...timing, nmse: error });
      else leftOut.push({ ...about, kind: 'failed', reason: failed.get(engine.name)! });
    }
  } finally {
    for (const { pass } of ready) pass.dispose();
  }
}

/** From the largest batch that was measured: passes take time in proportion, or less. */
function predictedSeconds(
  results: readonly BenchResult[],
  engine: EngineName,
  scope: Scope,
  batch: number,
): number {
  const last = results.filter((result) => result.engine === engine && result.scope === scope).at(-1);
  return last ? (last.minMs * batch) / last.batch / 1000 : 0;
}

/** The larger NMSE of the first and the last picture, which are the same; NaN if any number of any picture is none. */
function errorOf(output: Float32Array, expected: Float64Array): number {
  if (!output.every(Number.isFinite)) return Number.NaN;
  const size = expected.length;
  return Math.max(nmse(output.subarray(0, size), expected), nmse(output.subarray(-size), expected));
}
