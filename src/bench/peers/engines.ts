// Peers by name, as engines among others.

import { UsageError } from '../../errors.js';
import type { Gpu } from '../../gpu/gpu.js';
import type { Engine, EngineName, PassInput, Scope } from '../engine.js';
import { createOnnxruntime } from './onnxruntime.js';
import { createTfjsPeer, type Part, type TfjsPeer } from './tfjs.js';
import type { PeerNetwork } from './tfjs_weights.js';

/** TensorFlow.js' backends, which compute single layers as well. */
export const TFJS_NAMES = ['tfjs-webgpu', 'tfjs-wasm', 'tfjs-cpu'] as const satisfies readonly EngineName[];

export type TfjsName = (typeof TFJS_NAMES)[number];

/** Those that there are, in the order in which tables show them. */
export const PEER_NAMES = [
  ...TFJS_NAMES,
  'onnxruntime-cpu',
  'onnxruntime-webgpu',
] as const satisfies readonly EngineName[];

export type PeerEngineName = (typeof PEER_NAMES)[number];

/** Slower than anybody would wait for, or not there in most places: only by name. */
export const PEERS_BY_DEFAULT: readonly TfjsName[] = ['tfjs-webgpu', 'tfjs-wasm'];

/**
 * Gives `network` to a peer, on the device of `gpu`, which may be missing where it computes on none.
 *
 * @throws UsageError where its packages are not installed; GpuError where the device refuses
 */
export async function openPeer(
  name: PeerEngineName,
  gpu: Gpu | undefined,
  network: PeerNetwork,
): Promise<Engine> {
  if (name === 'onnxruntime-cpu' || name === 'onnxruntime-webgpu') return createOnnxruntime(name, network);
  return tfjsEngine(await openTfjs(name, gpu, network));
}

/** @throws as `openPeer` */
export function openTfjs(name: TfjsName, gpu: Gpu | undefined, network: PeerNetwork): Promise<TfjsPeer> {
  if (name === 'tfjs-webgpu') return createTfjsPeer({ device: gpu!.device, adapterInfo: gpu!.info }, network);
  if (name === 'tfjs-wasm') return createTfjsPeer('wasm', network);
  if (name === 'tfjs-cpu') return createTfjsPeer('cpu', network);
  throw new UsageError(`there is no engine "${name satisfies never}"`);
}

const PARTS: Readonly<Record<Scope, Part>> = {
  convs: { until: 'block5_pool' },
  dense: { from: 'fc1', until: 'softmax' },
  all: { until: 'softmax' },
};

function tfjsEngine(peer: TfjsPeer): Engine {
  return {
    name: peer.name,
    prepare: (scope, input) => peer.prepare(input.x, shapeOf(scope, input), PARTS[scope]),
    deviceBytes: () => peer.deviceBytes(),
    async dispose() {
      peer.dispose();
    },
  };
}

function shapeOf(scope: Scope, { batch, side, x }: PassInput): number[] {
  return scope === 'dense' ? [batch, side, side, x.length / (batch * side ** 2)] : [batch, side, side, 3];
}
