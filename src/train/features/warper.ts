// Makes varied pictures of sources on the GPU, a batch at a time.

import type { Gpu } from '../../gpu/gpu.js';
import type { Plan } from '../../gpu/plan.js';
import { Recorder } from '../../gpu/recorder.js';
import type { Tensor } from '../../gpu/tensor.js';
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
  private constructor(
    private readonly size: number,
    private readonly plan: Plan,
    private readonly pixels: Tensor,
    private readonly views: Tensor,
  ) {}

  /** @throws GpuError */
  static async create(gpu: Gpu, size: number, batch: number): Promise<Warper> {
    const recorder = new Recorder(gpu, 'warp');
    const pixels = recorder.persistent('sources of views', [Math.ceil((batch * largestSource(size)) / 4)]);
    const views = recorder.persistent('maps of views', [batch, VIEW_WORDS]);
    const y = recorder.temporary('views', [Math.ceil((batch * size * size * 3) / 4)]);
    warp(recorder, { label: 'warp', pixels, views, y, size });
    recorder.read('views', y);
    return new Warper(size, await recorder.finish(), pixels, views);
  }

  /** Pictures of `size` x `size` px, at most as many as a batch. @throws GpuError, DeviceLostError */
  async warp(pictures: readonly VariedPicture[]): Promise<Picture[]> {
    const { size } = this;
    const bytes = new Uint8Array(4 * Math.ceil(sum(pictures.map(({ source }) => source.data.length)) / 4));
    let end = 0;
    const views = pictures.map(({ source: { width, height, data }, maps }) => {
      const firstByte = end;
      bytes.set(data, firstByte);
      end += data.length;
      return { firstByte, width, height, ...maps };
    });
    // The rest of the batch is what it was before, as good as anything.
    const words = viewWords('warp', views, end) as Float32Array<ArrayBuffer>;
    const results = await this.plan.run([
      [this.pixels, bytes],
      [this.views, words],
    ]);
    const warped = new Uint8Array(results.get('views')!.buffer);
    const length = size * size * 3;
    return pictures.map((_, i) => ({
      width: size,
      height: size,
      data: warped.subarray(i * length, (i + 1) * length),
    }));
  }

  dispose(): void {
    this.plan.dispose();
  }
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
