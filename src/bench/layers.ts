// Every layer of VGG16 alone: ours and the peers', in turns.

import type { Gpu } from '../gpu/gpu.js';
import type { Choices } from '../network/choices.js';
import type { Measured } from './e2e.js';
import { layerTask, plannedLayers } from './layer_task.js';
import { type LayerEngine, layerTurns } from './layer_turns.js';
import { ourLayer } from './our_layer.js';
import { openTfjs, type TfjsName } from './peers/engines.js';
import type { TfjsPeer } from './peers/tfjs.js';
import type { PeerNetwork } from './peers/tfjs_weights.js';
import { PAPER_SIZES, randomNetwork } from './random_network.js';
import { faultOf } from './report.js';

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
export type OurEngines = (task: ReturnType<typeof layerTask>) => readonly LayerEngine[];

/** Pooling is a layer of its own here, as the peers have it; in the whole network it is a part of the convolution. */
export function benchLayers(gpu: Gpu, options: LayersOptions): Promise<Measured> {
  return layerByLayer(gpu, options, (task) => [
    ['vgg16-webgpu', () => ourLayer(gpu, task, { choices: options.choices })],
  ]);
}

/** @throws as `layerTurns`; UsageError for a size that VGG16 does not take */
export async function layerByLayer(gpu: Gpu, options: LayersOptions, ours: OurEngines): Promise<Measured> {
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
      const task = layerTask(layer, network, batch);
      const part = { from: layer.name, until: layer.name };
      const theirs = peers.map((peer): LayerEngine => {
        return [peer.name, () => peer.prepare(task.x, [batch, ...layer.inputShape], part)];
      });
      const onTurn = (done: number, most: number) => onStep?.(`${about}: turn ${done} of ${most}`);
      const { results, leftOut } = await layerTurns(task, [...ours(task), ...theirs], side, {
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
