// Makes varied pictures of sources on the GPU, a batch at a time.

import { record } from '../../gpu/dispatch.js';
import type { Gpu } from '../../gpu/gpu.js';
import { Tensor } from '../../gpu/tensor.js';
import { frame, framingForSize } from '../../image/framing.js';
import type { Picture } from '../../image/picture.js';
import { VIEW_WORDS, viewWords, warp } from '../../kernels/warp/warp.js';
import type { ViewMaps } from './draw.js';

/** The longest side of a source, in short sides: a panorama's ends are left out, or it would need memory without limit. */
const LONGEST_SIDE = 2;

/** Bytes of the largest source for results of `size` px. */
export function largestSource(size: number): number {
  return 3 * LONGEST_SIDE * shortSide(size) ** 2;
}

/**
 * What varied views of `size` px are sampled from: the picture with its short side resized as it is for evaluation, so
 * that sampling at about 1:1 needs no antialiasing of its own.
 */
export function sourceOf(picture: Picture, size: number, name: string): Picture {
  const short = shortSide(size);
  const long = LONGEST_SIDE * short;
  const { width, height } = picture;
  const crop =
    width >= LONGEST_SIDE * height
      ? ([short, long] as const)
      : height >= LONGEST_SIDE * width
        ? ([long, short] as const)
        : 'none';
  return frame(picture, { resize: short, crop }, name);
}

function shortSide(size: number): number {
  return framingForSize(size).resize as number;
}

export interface VariedPicture {
  /** As `sourceOf` makes it. */
  readonly source: Picture;
  readonly maps: ViewMaps;
}

/** Owns the memory of a batch. The bytes are read back, for `forward` takes pictures: 150 kB each at 224 px. */
export class Warper {
  /** Batches wait for each other: they share the memory. */
  #turn: Promise<unknown> = Promise.resolve();

  private constructor(
    private readonly gpu: Gpu,
    private readonly size: number,
    private readonly pixels: Tensor,
    private readonly views: Tensor,
    private readonly y: Tensor,
    private readonly dispatches: Awaited<ReturnType<typeof warp>>,
  ) {}

  /** @throws GpuError */
  static async create(gpu: Gpu, size: number, batch: number): Promise<Warper> {
    const shapes = {
      'sources of views': [Math.ceil((batch * largestSource(size)) / 4)],
      'maps of views': [batch, VIEW_WORDS],
      views: [Math.ceil((batch * size * size * 3) / 4)],
    };
    const owned: Tensor[] = [];
    try {
      for (const [label, shape] of Object.entries(shapes)) owned.push(await Tensor.create(gpu, label, shape));
      const [pixels, views, y] = owned as [Tensor, Tensor, Tensor];
      const dispatches = await warp(gpu, { label: 'warp', pixels, views, y, size });
      return new Warper(gpu, size, pixels, views, y, dispatches);
    } catch (error) {
      for (const tensor of owned) tensor.dispose();
      throw error;
    }
  }

  /** Pictures of `size` x `size` px, at most as many as a batch. @throws GpuError, DeviceLostError */
  warp(pictures: readonly VariedPicture[]): Promise<Picture[]> {
    const result = this.#turn.then(() => this.#warp(pictures));
    this.#turn = result.catch(() => {});
    return result;
  }

  async #warp(pictures: readonly VariedPicture[]): Promise<Picture[]> {
    const { gpu, size } = this;
    const bytes = new Uint8Array(4 * Math.ceil(sum(pictures.map(({ source }) => source.data.length)) / 4));
    let end = 0;
    const views = pictures.map(({ source: { width, height, data }, maps }) => {
      const firstByte = end;
      bytes.set(data, firstByte);
      end += data.length;
      return { firstByte, width, height, ...maps };
    });
    await gpu.write('sources of views', this.pixels.buffer, bytes);
    // What remains of the batch is what it was before, as good as anything.
    await gpu.write(
      'maps of views',
      this.views.buffer,
      viewWords('warp', views, end) as Float32Array<ArrayBuffer>,
    );
    const encoder = gpu.device.createCommandEncoder({ label: 'warp' });
    record(encoder, 'warp', this.dispatches);
    await gpu.checked('warp', () => gpu.device.queue.submit([encoder.finish()]));
    const warped = new Uint8Array(await this.y.readBytes());
    const length = size * size * 3;
    return pictures.map((_, i) => ({
      width: size,
      height: size,
      data: warped.subarray(i * length, (i + 1) * length),
    }));
  }

  dispose(): void {
    for (const tensor of [this.pixels, this.views, this.y]) tensor.dispose();
  }
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
