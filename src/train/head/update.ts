// The end of a step: the gradients' norm, where it is limited, then the optimiser, piece by piece of every parameter.

import type { Gpu } from '../../gpu/gpu.js';
import type { Tensor } from '../../gpu/tensor.js';
import { adamw } from '../../kernels/adamw/adamw.js';
import { CLIP_NUMBERS, gradientNorm } from '../../kernels/gradient_norm/gradient_norm.js';
import { sgd } from '../../kernels/sgd/sgd.js';
import type { Parameter, Parameters } from '../../network/parameters.js';
import type { Launches, Launching } from './launches.js';
import { ADAMW_DEFAULTS, type TrainerOptions } from './trainer_options.js';

/** Begins the update's launches. @throws GpuError */
export async function launchUpdate(
  gpu: Gpu,
  launches: Launches,
  parameters: Parameters,
  control: Tensor,
  { optimiser, clipNorm }: TrainerOptions,
): Promise<Launching[]> {
  const begun: Launching[] = [];
  let clip: Tensor | undefined;
  if (clipNorm !== undefined) {
    clip = await launches.tensor('clipping', [CLIP_NUMBERS]);
    const gradients = parameters.all.flatMap(({ gradient }) => gradient!.pieces.map(({ k }) => k));
    begun.push(launches.add(gradientNorm(gpu, { label: 'clipping', gradients, clip, maxNorm: clipNorm })));
  }
  const shared = { control, ...(clip && { clip }) };
  for (const parameter of parameters.all) {
    const weightDecay = parameter.isKernel ? optimiser.weightDecay : 0;
    for (const piece of parameter.value.pieces.keys()) {
      begun.push(launches.add(updatePiece(gpu, parameter, piece, { ...optimiser, weightDecay }, shared)));
    }
  }
  return begun;
}

function updatePiece(
  gpu: Gpu,
  { name, value, gradient, moments }: Parameter,
  piece: number,
  optimiser: TrainerOptions['optimiser'],
  shared: { readonly control: Tensor; readonly clip?: Tensor },
): Launching {
  const [k, dk, m, v] = [value, gradient!, ...moments.values()].map(({ pieces }) => pieces[piece]!.k);
  const tensors = { label: name, w: k!, dw: dk!, ...shared };
  if (optimiser.name === 'sgd') return sgd(gpu, { ...tensors, momentum: m!, hyper: optimiser });
  return adamw(gpu, { ...tensors, m: m!, v: v!, hyper: { ...ADAMW_DEFAULTS, ...optimiser } });
}
