// Every layer of VGG16 alone: ours and the peers', in turns.

import type { Gpu } from '../gpu/gpu.js';
import type { Choices } from '../network/choices.js';
import type { Measured } from './e2e.js';
import { type LayerTask, layerTask, plannedLayers } from './layer_task.js';
import { ourLayer, type ReadyLayer } from './our_layer.js';
import { openTfjs, type TfjsName } from './peers/engines.js';
import type { TfjsPeer } from './peers/tfjs.js';
import type { PeerNetwork } from './peers/tfjs_weights.js';
import { PAPER_SIZES, randomNetwork } from './random_network.js';
import { type BenchResult, faultOf, type LeftOut } from './report.js';
import { type TurnOptions, takeTurns, timed } from './turns.js';

export interface LayersOptions {
  readonly batch: number;
  /** Height and width in px of the pictures that the network is given. */
  readonly side: number;
  /** Names of layers; all of them by default. */
  readonly layers?: readonly string[] | undefined;
  readonly peers: readonly TfjsName[];
  /** What was chosen for this adapter, where that is to be used. */
  readonly choices?: Choices | undefined;
  readonly rounds: number;
  readonly maxSeconds: number;
  readonly signal?: AbortSignal | undefined;
  readonly onStep?: ((step: string) => void) | undefined;
}

/** Engines of ours for a layer. */
export type OurEngines = (task: LayerTask) => readonly LayerEngine[];

/** What is computed of a layer: its result by default. */
export interface Computed<Task extends LayerTask> {
  task(layer: LayerTask): Task;
  ours(task: Task): readonly LayerEngine[];
  theirs(peer: TfjsPeer, task: Task): Promise<ReadyLayer>;
}

/** Pooling is a layer of its own here, as the peers have it; in the whole network it is a part of the convolution. */
export function benchLayers(gpu: Gpu, options: LayersOptions): Promise<Measured> {
  return layerByLayer(gpu, options, (task) => [
    ['vgg16-webgpu', () => ourLayer(gpu, task, { choices: options.choices })],
  ]);
}

/** @throws as `layerTurns`; UsageError for a size that VGG16 does not take */
export function layerByLayer(gpu: Gpu, options: LayersOptions, ours: OurEngines): Promise<Measured> {
  return computedByLayer(gpu, options, {
    task: (layer) => layer,
    ours,
    theirs: (peer, { name, x, batch, inputShape }) =>
      peer.prepare(x, [batch, ...inputShape], { from: name, until: name }),
  });
}

/** As `layerByLayer`, of something else than the layers' results. */
export async function computedByLayer<Task extends LayerTask>(
  gpu: Gpu,
  options: LayersOptions,
  computed: Computed<Task>,
): Promise<Measured> {
  const { batch, side, layers, signal, onStep } = options;
  const measured: Measured = { results: [], leftOut: [] };
  const planned = plannedLayers(side).filter(({ name }) => !layers || layers.includes(name));
  onStep?.('random weights');
  const sizes = { ...PAPER_SIZES, featureSide: Math.floor(side / 32) };
  const top = planned.some(({ operation }) => operation === 'linear' || operation === 'softmax');
  const network = randomNetwork(sizes, { seed: 1, top });
  const peers = await openPeers(gpu, network, options, measured);
  try {
    for (const [i, layer] of planned.entries()) {
      signal?.throwIfAborted();
      const about = `${layer.name} (${i + 1} of ${planned.length})`;
      onStep?.(about);
      const task = computed.task(layerTask(layer, network, batch));
      const theirs = peers.map((peer): LayerEngine => [peer.name, () => computed.theirs(peer, task)]);
      const onTurn = (done: number, most: number) => onStep?.(`${about}: turn ${done} of ${most}`);
      const { results, leftOut } = await layerTurns(task, [...computed.ours(task), ...theirs], side, {
        ...options,
        onTurn,
      });
      measured.results.push(...results);
      measured.leftOut.push(...leftOut);
    }
  } finally {
    for (const peer of peers) peer.dispose();
  }
  return measured;
}

async function openPeers(
  gpu: Gpu,
  network: PeerNetwork,
  { peers, batch, onStep }: LayersOptions,
  { leftOut }: Measured,
): Promise<TfjsPeer[]> {
  const opened: TfjsPeer[] = [];
  for (const name of peers) {
    onStep?.(`weights for ${name}`);
    try {
      opened.push(await openTfjs(name, gpu, network));
    } catch (error) {
      leftOut.push({ engine: name, scope: 'all layers', batch, ...faultOf(error) });
    }
  }
  return opened;
}

// Engines compute one layer each in turn: checked first, then timed over as many repetitions as a clock needs.

/** An engine's name and how it is made ready for the layer. */
export type LayerEngine = readonly [name: string, ready: () => Promise<ReadyLayer>];

/** A turn repeats what takes less, so that starting it does not count: the wait for a device alone takes a tenth of a millisecond. */
const MIN_TURN_MS = 20;
const MOST_REPETITIONS = 200;

/** @throws what is no fault of an engine or the device; the signal's reason */
export async function layerTurns(
  task: LayerTask,
  engines: readonly LayerEngine[],
  side: number,
  options: TurnOptions,
): Promise<{ results: BenchResult[]; leftOut: LeftOut[] }> {
  const { name: scope, batch, flops, bytes } = task;
  const leftOut: LeftOut[] = [];
  const ready = new Map<string, { layer: ReadyLayer; nmse: number; repetitions: number }>();
  try {
    for (const [engine, open] of engines) {
      options.signal?.throwIfAborted();
      let layer: ReadyLayer | undefined;
      try {
        layer = await open();
        const nmse = task.errorOf(await layer.run());
        const once = await timed(() => layer!.compute(1));
        const repetitions = Math.min(MOST_REPETITIONS, Math.ceil(MIN_TURN_MS / once));
        ready.set(engine, { layer, nmse, repetitions });
      } catch (error) {
        layer?.dispose();
        leftOut.push({ engine, scope, batch, ...faultOf(error) });
      }
    }
    const turns = new Map(
      [...ready].map(([engine, { layer, repetitions }]) => [
        engine,
        async () => (await timed(() => layer.compute(repetitions))) / repetitions,
      ]),
    );
    const { timings, failed } = await takeTurns(turns, options);
    for (const [engine, reason] of failed) leftOut.push({ engine, scope, batch, kind: 'failed', reason });
    const results = [...timings].map(([engine, timing]): BenchResult => {
      const { nmse } = ready.get(engine)!;
      const error = Number.isNaN(nmse) ? null : nmse;
      return { engine, scope, batch, side, ...timing, nmse: error, flops, bytes };
    });
    return { results, leftOut };
  } finally {
    for (const { layer } of ready.values()) layer.dispose();
  }
}
