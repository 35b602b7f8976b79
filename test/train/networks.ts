// Narrow networks for tests of training a body: their layers, and numbers that everyone draws alike.

import { BLOCKS, FEATURE_LAYERS } from '../../src/architecture.js';
import { PAPER_WIDTHS, type PlannedLayer, planLayers } from '../../src/network/layers.js';
import type { HeadShape } from '../../src/train/head/head_shape.js';
import type { Trainer } from '../../src/train/trainer.js';

export interface NarrowNetwork {
  /** Blocks that are trained, 1 to 5, the last of them. */
  readonly blocks: readonly number[];
  /** Of what the first of them is given. */
  readonly side: number;
  readonly pool: 'avg' | 'flatten';
  readonly hidden: readonly number[];
}

/** @param channels  of each of the five blocks */
export function narrowShape(
  channels: readonly number[],
  classes: number,
  { blocks, side, pool, hidden }: NarrowNetwork,
): HeadShape {
  const convs = BLOCKS.flatMap((block, i) => block.map(({ name }) => [name, channels[i]!] as const));
  const widths = { ...PAPER_WIDTHS, convs: new Map(convs), dense: new Map() };
  // A picture whose feature map before the first trained block has this side.
  const first = blocks[0]!;
  const input = side * 2 ** (first - 1);
  const all = planLayers(widths, input, input, FEATURE_LAYERS.at(-1)!);
  const layers: readonly PlannedLayer[] = all.filter(({ name }) => blocks.includes(Number(name[5])));
  const [H, W, C] = layers.at(-1)!.shape as [number, number, number];
  return { inputs: pool === 'avg' ? C : H * W * C, hidden, classes, body: { layers, pool } };
}

/** As in the golden scripts: multiples of 2^-23 in [-1, 1). */
export function numbers(): () => number {
  let state = 1;
  return () => {
    state = (Math.imul(1664525, state) + 1013904223) >>> 0;
    return (state >>> 8) / 2 ** 23 - 1;
  };
}

/** Kernels whose deviation keeps the size of activations, and small biases; returned by name. */
export async function drawParameters(
  trainer: Trainer,
  next: () => number,
): Promise<Map<string, Float32Array>> {
  const drawn = new Map<string, Float32Array>();
  for (const { name, shape } of trainer.state.filter(({ name }) => /\.(kernel|bias)$/.test(name))) {
    const size = shape.reduce((product, side) => product * side, 1);
    const inputs = size / shape.at(-1)!;
    const scale = shape.length === 1 ? 0.1 : Math.sqrt((shape.length === 4 ? 6 : 3) / inputs);
    const values = Float32Array.from({ length: size }, () => scale * next());
    drawn.set(name, values);
    await trainer.write(name, values);
  }
  return drawn;
}
