// A convolution to try choices on, with the pooling behind it where there is one.

import { record } from '../gpu/dispatch.js';
import { Tensor } from '../gpu/tensor.js';
import type { Conv3x3Choice } from '../kernels/conv3x3/candidates.js';
import { conv3x3, isWinograd } from '../kernels/conv3x3/conv3x3.js';
import { pointsOf, type WinogradRung, winogradFilter } from '../kernels/conv3x3/winograd.js';
import { maxPool2x2 } from '../kernels/maxpool2x2/maxpool2x2.js';
import type { ConvShape } from '../model/choices.js';
import { conv3x3At } from '../reference/single.js';
import { conv3x3Bound } from './bounds.js';
import { type Expected, placesFor, placesIn } from './check.js';
import { contenderOf, type Launched, Tensors, type Trial } from './trial.js';
import type { Workbench } from './workbench.js';

/** @throws GpuError where the adapter has not the memory */
export async function conv3x3Trial(bench: Workbench, shape: ConvShape): Promise<Trial<Conv3x3Choice>> {
  const { gpu, activations, weights } = bench;
  const { N, H, W, C, O, pooled } = shape;
  const tensors = new Tensors();
  try {
    const x = await tensors.own(activations.filled(gpu, 'x', [N, H, W, C]));
    const k = await tensors.own(weights.filled(gpu, 'k', [3, 3, C, O]));
    const b = await tensors.own(activations.filled(gpu, 'b', [O]));
    const y = await tensors.own(activations.filled(gpu, 'y', outputShape(shape)));
    /** What a rung that does not pool hands to the pooling. */
    const between = pooled ? await tensors.own(activations.filled(gpu, 'y, whole', [N, H, W, O])) : y;
    const written: readonly [Tensor, ...Tensor[]] = pooled ? [y, between] : [y];
    let known: Expected | undefined;
    const expected = () => (known ??= expectedOf(bench, shape));
    const transformed = new Map<number, Promise<Tensor>>();
    const kernelFor = (rung: WinogradRung) => {
      const points = pointsOf(rung);
      const u = transformed.get(points) ?? tensors.own(transform(bench, k, rung));
      transformed.set(points, u);
      return u;
    };
    const launch = async (choice: Conv3x3Choice): Promise<Launched> => {
      const args = { label: 'conv3x3', x, b, relu: true, ...choice };
      if (isWinograd(choice.rung)) {
        return conv3x3(gpu, { ...args, k: await kernelFor(choice.rung), y, pool: pooled });
      }
      const { dispatches, scratch } = await conv3x3(gpu, { ...args, k, y: between });
      const pooling = pooled ? await maxPool2x2(gpu, { label: 'maxpool2x2', x: between, y }) : [];
      return { dispatches: [...dispatches, ...pooling], scratch };
    };
    return {
      makeReady: async (choice) =>
        contenderOf(bench, await launch(choice), written, expected, conv3x3Bound(choice.rung)),
      dispose: () => tensors.dispose(),
    };
  } catch (error) {
    tensors.dispose();
    throw error;
  }
}

function outputShape({ N, H, W, O, pooled }: ConvShape): [number, number, number, number] {
  return pooled ? [N, Math.floor(H / 2), Math.floor(W / 2), O] : [N, H, W, O];
}

async function transform({ gpu }: Workbench, k: Tensor, rung: WinogradRung): Promise<Tensor> {
  const u = await Tensor.create(gpu, 'u', [pointsOf(rung), ...k.shape.slice(2)]);
  try {
    const encoder = gpu.device.createCommandEncoder({ label: 'u' });
    record(encoder, 'u', await winogradFilter(gpu, { label: 'u', k, u, rung }));
    await gpu.submit('u', encoder.finish());
    return u;
  } catch (error) {
    u.dispose();
    throw error;
  }
}

function expectedOf({ activations, weights }: Workbench, shape: ConvShape): Expected {
  const { C, O, pooled } = shape;
  const window = pooled ? [0, 1] : [0];
  const [, rows, columns] = outputShape(shape);
  const places = placesIn(outputShape(shape), placesFor(9 * C * window.length ** 2)) as [
    number,
    number,
    number,
    number,
  ][];
  const values = places.map(([n, h, w, o]) => {
    const whole = window.flatMap((i) =>
      window.map((j): [number, number, number, number] => [
        n,
        window.length * h + i,
        window.length * w + j,
        o,
      ]),
    );
    return Math.max(
      ...whole.map((at) => conv3x3At(activations.at, weights.at, activations.at, shape, true, at)),
    );
  });
  return { places: places.map(([n, h, w, o]) => ((n * rows + h) * columns + w) * O + o), values };
}
