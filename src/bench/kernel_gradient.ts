// The gradient by a convolution's kernel alone, on every rung and by the peers.

import type { Gpu } from '../gpu/gpu.js';
import { Recorder } from '../gpu/recorder.js';
import {
  type Conv3x3BackwardChoice,
  conv3x3BackwardKernel,
} from '../kernels/conv3x3_backward/conv3x3_backward.js';
import { padToQuad } from '../kernels/shapes.js';
import { seededRandom } from '../random.js';
import { nmse } from '../reference/compare.js';
import type { LayerTask } from './layer_task.js';
import type { ReadyLayer } from './our_layer.js';

/** Numbers of dk that are held against float64: each is a sum over all pixels. */
const CHECKED = 48;

export interface KernelGradientTask extends LayerTask {
  /** (batch,H,W,O): the gradient by what the layer gave. */
  readonly dy: Float32Array<ArrayBuffer>;
  readonly sizes: {
    readonly N: number;
    readonly H: number;
    readonly W: number;
    readonly C: number;
    readonly O: number;
  };
}

/** The gradient by the kernel of a convolution: as many operations as its forward pass. `errorOf` takes dk (3,3,C,O). */
export function kernelGradientTask(task: LayerTask): KernelGradientTask {
  const [H, W, C] = task.inputShape as [number, number, number];
  const [N, O] = [task.batch, task.shape.at(-1)!];
  const random = seededRandom(task.x.length);
  const dy = new Float32Array(N * H * W * O);
  for (let i = 0; i < dy.length; i++) dy[i] = random.normal();
  const places = Array.from({ length: CHECKED }, () => random.below(9 * C * O));
  let expected: number[] | undefined;
  const sizes = { N, H, W, C, O };
  return {
    ...task,
    dy,
    sizes,
    bytes: 4 * (task.x.length + dy.length + 9 * C * O),
    errorOf(dk) {
      if (dk.length !== 9 * C * O || dk.some(Number.isNaN)) return Number.NaN;
      expected ??= places.map((place) => numberOf(task.x, dy, sizes, place));
      return nmse(
        places.map((place) => dk[place]!),
        expected,
      );
    },
  };
}

/** dk[place] in float64. */
function numberOf(
  x: Float32Array,
  dy: Float32Array,
  { N, H, W, C, O }: KernelGradientTask['sizes'],
  place: number,
): number {
  const [o, c, tap] = [place % O, Math.floor(place / O) % C, Math.floor(place / O / C)];
  const [i, j] = [Math.floor(tap / 3) - 1, (tap % 3) - 1];
  let sum = 0;
  for (let n = 0; n < N; n++) {
    for (let h = Math.max(0, -i); h < Math.min(H, H - i); h++) {
      for (let w = Math.max(0, -j); w < Math.min(W, W - j); w++) {
        sum += x[((n * H + h + i) * W + w + j) * C + c]! * dy[((n * H + h) * W + w) * O + o]!;
      }
    }
  }
  return sum;
}

/** @throws GpuError for a rung that is not for this adapter */
export async function ourKernelGradient(
  gpu: Gpu,
  { name, x, dy, sizes }: KernelGradientTask,
  choice: Conv3x3BackwardChoice,
): Promise<ReadyLayer> {
  const { N, H, W, C, O } = sizes;
  const Cq = padToQuad(C);
  const recorder = new Recorder(gpu, 'gradient by the kernel');
  const tensors = {
    x: recorder.persistent('x', [N, H, W, Cq], padded(x, C, Cq)),
    dy: recorder.persistent('dy', [N, H, W, O], dy),
    dk: recorder.persistent('dk', [3, 3, Cq, O]),
  };
  conv3x3BackwardKernel(recorder, { label: name, ...tensors, choice });
  const plan = await recorder.finish();
  return {
    async run() {
      await plan.poison(Number.NaN);
      await plan.run();
      const dk = await tensors.dk.read();
      return Cq === C ? dk : dk.filter((_, i) => Math.floor(i / O) % Cq < C);
    },
    compute: (times) => plan.repeat(times),
    dispose: () => plan.dispose(),
  };
}

function padded(values: Float32Array, channels: number, columns: number): Float32Array {
  if (channels === columns) return values;
  const result = new Float32Array((values.length / channels) * columns);
  for (let pixel = 0; pixel * channels < values.length; pixel++) {
    result.set(values.subarray(pixel * channels, (pixel + 1) * channels), pixel * columns);
  }
  return result;
}
