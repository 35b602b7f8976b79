// A plan's layers as they are launched: which kernels each takes, which of them are one, what memory they share.

import { isPooled, type LayerName } from '../architecture.js';
import type { Dispatch } from '../gpu/dispatch.js';
import type { Gpu } from '../gpu/gpu.js';
import type { Shape, Tensor } from '../gpu/tensor.js';
import { avgPool } from '../kernels/avgpool/avgpool.js';
import { type Conv3x3Choice, defaultConv3x3 } from '../kernels/conv3x3/candidates.js';
import {
  type Conv3x3Rung,
  type Conv3x3Scratch,
  type Conv3x3Sizes,
  conv3x3,
  isWinograd,
} from '../kernels/conv3x3/conv3x3.js';
import { defaultScratchBytes } from '../kernels/conv3x3/defaults.js';
import { pointsOf, winogradFilter, winogradScratch } from '../kernels/conv3x3/winograd.js';
import { defaultLinear, type LinearChoice } from '../kernels/linear/candidates.js';
import { type LinearRung, linear } from '../kernels/linear/linear.js';
import { maxPool2x2 } from '../kernels/maxpool2x2/maxpool2x2.js';
import { padToQuad } from '../kernels/shapes.js';
import { softmax } from '../kernels/softmax/softmax.js';
import type { PlannedLayer } from '../network/layers.js';
import type { Parameter } from '../network/parameters.js';
import { Choices, type ConvShape, type DenseShape } from './choices.js';
import type { Network } from './network.js';

/** Which rung of each ladder a plan climbs to, for all layers alike. */
export interface Rungs {
  readonly conv3x3?: Conv3x3Rung;
  readonly linear?: LinearRung;
}

/** Which kernels are taken: the rungs that are named; else what was chosen for a shape; else the default. */
export interface KernelWishes {
  readonly rungs?: Rungs;
  readonly choices?: Choices | undefined;
  /** The batch whose choices count, where it is not the plan's own. */
  readonly choicesFor?: number;
}

interface LaunchRequest extends KernelWishes {
  readonly batch: number;
  readonly outputs: readonly LayerName[];
  readonly timed?: boolean;
}

/** One layer, or a convolution and the pooling behind it. */
export interface LayerLaunch {
  readonly first: PlannedLayer;
  readonly last: PlannedLayer;
  readonly conv?: { readonly choice: Conv3x3Choice; readonly sizes: Conv3x3Sizes };
  readonly dense?: { readonly choice: LinearChoice; readonly shape: DenseShape };
}

export function convShapeOf(
  { name, inputShape, shape }: Pick<PlannedLayer, 'name' | 'inputShape' | 'shape'>,
  N: number,
): ConvShape {
  const [H, W, C] = inputShape as [number, number, number];
  return { N, H, W, C: padToQuad(C), O: padToQuad(shape[2]!), pooled: isPooled(name) };
}

/** @param before  the layer before this one, whose channels may be padded */
export function denseShapeOf({ shape }: PlannedLayer, before: PlannedLayer, N: number): DenseShape {
  const [, D] = paddedShape(1, [paddedShape(1, before.shape).reduce((product, side) => product * side, 1)]);
  return { N, D: D!, O: padToQuad(shape[0]!) };
}

export function conv3x3Choice(
  gpu: Gpu,
  shape: ConvShape,
  { rungs, choices = Choices.NONE }: KernelWishes,
): Conv3x3Choice {
  if (rungs?.conv3x3) return { rung: rungs.conv3x3 };
  return choices.forConv3x3(shape) ?? defaultConv3x3(gpu, shape);
}

/** @param rows  that are really computed, where the choice is that for another batch */
export function linearChoice(
  gpu: Gpu,
  shape: DenseShape,
  { rungs, choices = Choices.NONE }: KernelWishes,
  rows = shape.N,
): LinearChoice {
  if (rungs?.linear) return { rung: rungs.linear };
  return choices.forLinear(shape) ?? defaultLinear(gpu, { N: rows });
}

/**
 * Layers in order, as they are launched. Winograd's rungs pool what they compute, unless the convolution's own result is
 * asked for, or its own time.
 */
export function planLaunches(
  gpu: Gpu,
  layers: readonly PlannedLayer[],
  { batch, outputs, timed, choicesFor = batch, ...wishes }: LaunchRequest,
): LayerLaunch[] {
  const launches: LayerLaunch[] = [];
  for (const [i, layer] of layers.entries()) {
    const before = launches.at(-1);
    const isFused = layer.operation === 'maxpool2x2' && before?.conv && isWinograd(before.conv.choice.rung);
    if (isFused && !timed && !outputs.includes(before.first.name)) {
      launches[launches.length - 1] = { ...before, last: layer };
    } else if (layer.operation === 'conv3x3') {
      const shape = convShapeOf(layer, choicesFor);
      const choice = conv3x3Choice(gpu, shape, wishes);
      launches.push({ first: layer, last: layer, conv: { choice, sizes: { ...shape, N: batch } } });
    } else if (layer.operation === 'linear') {
      const shape = denseShapeOf(layer, layers[i - 1]!, choicesFor);
      const choice = linearChoice(gpu, shape, wishes, batch);
      launches.push({ first: layer, last: layer, dense: { choice, shape: { ...shape, N: batch } } });
    } else {
      launches.push({ first: layer, last: layer });
    }
  }
  return launches;
}

/** Which kernels compute these layers, as a text: where it is the same, they round alike. */
export function kernelsText(
  gpu: Gpu,
  layers: readonly PlannedLayer[],
  request: Omit<LaunchRequest, 'outputs'>,
): string {
  // Timed plans fuse nothing, so that each layer is told by itself.
  return planLaunches(gpu, layers, { ...request, outputs: [], timed: true })
    .map(kernelOf)
    .join(' ');
}

/** The amount of scratch is left out: it decides what is computed when, not how. */
function kernelOf({ first: { name }, conv, dense }: LayerLaunch): string {
  const { rung, tiling = {} }: Partial<Conv3x3Choice> = conv?.choice ?? {};
  return JSON.stringify([name, rung, Object.entries(tiling).sort(), dense?.choice]);
}

/** Of a batch, with channels padded to quads. */
export function paddedShape(batch: number, shape: readonly number[]): number[] {
  return [batch, ...shape.slice(0, -1), padToQuad(shape[shape.length - 1]!)];
}

/** As much as the launch needs that needs most: they run one after another. */
export async function createScratch(
  gpu: Gpu,
  create: (label: string, shape: Shape) => Promise<Tensor>,
  launches: readonly LayerLaunch[],
): Promise<Conv3x3Scratch | undefined> {
  const wanted = launches.flatMap(({ conv }) => {
    if (!conv || !isWinograd(conv.choice.rung)) return [];
    const { rung, scratchBytes = defaultScratchBytes(gpu) } = conv.choice;
    return [winogradScratch(rung, conv.sizes, scratchBytes)];
  });
  if (wanted.length === 0) return undefined;
  return {
    v: await create('transformed input', [Math.max(...wanted.map(({ v }) => v))]),
    m: await create('products', [Math.max(...wanted.map(({ m }) => m))]),
  };
}

/** A convolution's kernel as `rung` reads it: as it is, or transformed, which is done once and kept. @throws GpuError */
function convKernel(gpu: Gpu, kernel: Parameter, rung: Conv3x3Rung): Tensor | Promise<Tensor> {
  const k = kernel.value.whole;
  if (!isWinograd(rung)) return k;
  const points = pointsOf(rung);
  return kernel.derived({
    name: `winograd ${points}`,
    shape: [points, ...k.shape.slice(2)],
    launch: (u) => winogradFilter(gpu, { label: kernel.name, k, u, rung }),
  });
}

export async function launchLayer(
  gpu: Gpu,
  network: Network,
  { first: { name, operation, shape, relu }, last, conv, dense }: LayerLaunch,
  x: Tensor,
  y: Tensor,
  scratch: Conv3x3Scratch | undefined,
): Promise<{ dispatches: Dispatch[]; scratch: Tensor[] }> {
  const label = name;
  switch (operation) {
    case 'conv3x3': {
      const { choice } = conv!;
      const { kernel, bias } = network.parameters.layer(name);
      const b = bias.value.whole;
      const k = await convKernel(gpu, kernel, choice.rung);
      return conv3x3(gpu, { label, x, k, b, y, relu, pool: last.name !== name, ...choice, scratch });
    }
    case 'maxpool2x2':
      return { dispatches: await maxPool2x2(gpu, { label, x, y }), scratch: [] };
    case 'avgpool':
      return { dispatches: await avgPool(gpu, { label, x, y }), scratch: [] };
    case 'linear': {
      const { kernel, bias } = network.parameters.layer(name);
      const { pieces } = kernel.value;
      const b = bias.value.whole;
      const { choice, shape } = dense!;
      const flat = x.view(`${name} input`, [shape.N, x.size / shape.N]);
      return linear(gpu, { label, x: flat, pieces, b, y, relu, ...choice });
    }
    case 'softmax':
      return { dispatches: await softmax(gpu, { label, x, y, classes: shape[0]! }), scratch: [] };
  }
}
