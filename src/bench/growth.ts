// How time and memory grow with the batch and with the size of the pictures: in proportion, or something is wrong.

import type { Gpu } from '../gpu/gpu.js';
import type { Choices } from '../network/choices.js';
import type { Measured } from './e2e.js';
import type { Engine, PassInput } from './engine.js';
import { makeInput } from './input.js';
import { createOurs } from './ours.js';
import { openPeer, type PeerEngineName } from './peers/engines.js';
import { type NetworkSizes, PAPER_SIZES, randomNetwork, sourceOf } from './random_network.js';
import { faultOf } from './report.js';
import { takeTurns, timed } from './turns.js';

export interface GrowthOptions {
  /** With pictures of the usual size. */
  readonly batches: readonly number[];
  /** One picture at a time, height and width in px. */
  readonly sides: readonly number[];
  readonly peers: readonly PeerEngineName[];
  /** What was chosen for this adapter, where that is to be used. */
  readonly choices?: Choices | undefined;
  /** Of the network; the paper's by default. */
  readonly sizes?: Omit<NetworkSizes, 'featureSide'>;
  readonly rounds: number;
  readonly maxSeconds: number;
  readonly signal?: AbortSignal | undefined;
  readonly onStep?: ((step: string) => void) | undefined;
}

export const USUAL_SIDE = 224;

/**
 * The thirteen convolutions and five poolings. What comes out is not looked at here.
 *
 * @throws GpuError where our own engine cannot run; the signal's reason
 */
export async function benchGrowth(gpu: Gpu, options: GrowthOptions): Promise<Measured> {
  const { batches, sides, peers, signal, onStep } = options;
  const measured: Measured = { results: [], leftOut: [] };
  onStep?.('random weights');
  const network = randomNetwork({ ...PAPER_SIZES, ...options.sizes }, { seed: 1, top: false });
  const openers = new Map<string, () => Promise<Engine>>([
    ['vgg16-webgpu', () => createOurs(gpu, sourceOf(network), { choices: options.choices })],
    ...peers.map((name) => [name, () => openPeer(name, gpu, network)] as const),
  ]);
  const inputs = [
    ...batches.map((batch) => ({ batch, side: USUAL_SIDE })),
    ...sides
      .filter((side) => side !== USUAL_SIDE || !batches.includes(1))
      .map((side) => ({ batch: 1, side })),
  ];
  for (const [name, open] of openers) {
    for (const { batch, side } of inputs) {
      signal?.throwIfAborted();
      await measure(name, open, makeInput('convs', batch, side, 0), options, measured);
    }
  }
  return measured;
}

/** A fresh engine each time: what one keeps for later is not the next one's. */
async function measure(
  name: string,
  open: () => Promise<Engine>,
  input: PassInput,
  { rounds, maxSeconds, signal, onStep }: GrowthOptions,
  { results, leftOut }: Measured,
): Promise<void> {
  const { batch, side } = input;
  const about = { engine: name, scope: 'convs', batch, side };
  onStep?.(`${name}: batch ${batch}, ${side} px`);
  const wait = predictedSeconds(results, about);
  if (wait > maxSeconds) {
    leftOut.push({ ...about, kind: 'slow', reason: `a pass would take about ${Math.round(wait)} s` });
    return;
  }
  let engine: Engine | undefined;
  try {
    engine = await open();
    const pass = await engine.prepare('convs', input);
    try {
      await pass.run();
      const turns = new Map([[name, () => timed(() => pass.run())]]);
      const { timings, failed } = await takeTurns(turns, { rounds, maxSeconds, signal });
      const timing = timings.get(name);
      const deviceBytes = engine.deviceBytes();
      if (timing) results.push({ ...about, ...timing, ...(deviceBytes !== undefined && { deviceBytes }) });
      else leftOut.push({ ...about, kind: 'failed', reason: failed.get(name)! });
    } finally {
      pass.dispose();
    }
  } catch (error) {
    leftOut.push({ ...about, ...faultOf(error) });
  } finally {
    await engine?.dispose();
  }
}

/** In proportion to the pixels, from the last that was measured. */
function predictedSeconds(
  results: Measured['results'],
  { engine, batch, side }: { engine: string; batch: number; side: number },
): number {
  const last = results.filter((result) => result.engine === engine).at(-1);
  if (!last) return 0;
  return (last.minMs * batch * side ** 2) / (last.batch * last.side! ** 2) / 1000;
}
