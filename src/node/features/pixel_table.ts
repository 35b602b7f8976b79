// The pixels of pictures, for networks that are trained from their first layer on: held in memory as bytes, varied and normalised as
// they are read.

import { createHash } from 'node:crypto';
import { availableParallelism } from 'node:os';
import { ahead } from '../../ahead.js';
import { PictureError } from '../../errors.js';
import { centred, frame, framingForSize } from '../../image/framing.js';
import { oddityOf } from '../../model/oddity.js';
import type { Random } from '../../random.js';
import type { Sample } from '../../train/dataset.js';
import type { FeatureRow, FeatureSpec, FeatureStats, FeatureTable } from '../../train/features/spec.js';
import { randomStream } from '../../train/random.js';
import type { Preprocess } from '../../weights/archive.js';
import { arithmeticOf } from '../../weights/preprocess.js';
import { BrokenCount } from '../datasets/refusals.js';
import { HASH_BYTES, withContents } from './contents.js';
import type { ExtractOptions } from './table.js';

/** Bytes of pixels that are held; of more, files have to be read again and again, as `extractFeatures` does. */
const MOST_BYTES = 2 ** 31;

/** The side of the square that is held of each picture: its short side, resized. What the network sees is cut out of that. */
function heldSide(size: number): number {
  return framingForSize(size).resize as number;
}

/** Whether so many pictures' pixels can be held, and varied in these ways as they are read. */
export function holdsPixels({ layer, augment, size }: FeatureSpec, pictures: number): boolean {
  const varies = augment.every((way) => way === 'flip' || way === 'shift');
  return layer === 'pixels' && varies && pictures * 3 * heldSide(size) ** 2 <= MOST_BYTES;
}

type PixelOptions = Pick<
  ExtractOptions,
  'onProgress' | 'broken' | 'onBroken' | 'onOdd' | 'signal' | 'cacheFolder'
> & { readonly preprocess: Preprocess };

/** Reads all pictures; those that cannot be read are left out. @throws as `extractFeatures` */
export async function openPixels(
  samples: readonly Sample[],
  spec: FeatureSpec,
  options: PixelOptions,
): Promise<FeatureTable> {
  const { onProgress, onBroken, onOdd, signal, broken = new BrokenCount(samples.length) } = options;
  const side = heldSide(spec.size);
  const start = performance.now();
  const held: { sample: Sample; pixels: Uint8Array; hash: Buffer }[] = [];
  const stats = { computed: 0, cached: 0, broken: 0, seconds: 0, gpuIdleShare: 0 };
  let done = 0;
  const open = async (sample: Sample) => {
    try {
      return await withContents(sample, async ({ hash, decode }) => {
        const picture = await decode();
        const oddity = oddityOf(picture, framingForSize(spec.size));
        if (oddity) onOdd?.(sample, `${sample.name}: ${oddity.reason}`);
        const { data } = frame(picture, { resize: side, crop: side }, sample.name);
        return { sample, pixels: new Uint8Array(data), hash };
      });
    } catch (error) {
      if (error instanceof PictureError) return error;
      throw error;
    }
  };
  onProgress?.(0, samples.length, stats);
  for await (const opened of ahead(samples, 2 * availableParallelism(), open)) {
    signal?.throwIfAborted();
    if (opened instanceof PictureError) {
      stats.broken++;
      onBroken?.(samples[done]!, opened);
      broken.add(opened);
    } else {
      stats.computed++;
      held.push(opened);
    }
    done++;
    stats.seconds = (performance.now() - start) / 1000;
    onProgress?.(done, samples.length, stats);
  }
  return new PixelTable(held, spec, options, stats);
}

class PixelTable implements FeatureTable {
  readonly width: number;
  readonly samples: readonly Sample[];
  readonly views: number;
  readonly digest: string;
  #epoch = 0;

  constructor(
    private readonly held: readonly { sample: Sample; pixels: Uint8Array; hash: Buffer }[],
    private readonly spec: FeatureSpec,
    private readonly options: PixelOptions,
    readonly stats: FeatureStats,
  ) {
    this.width = 3 * spec.size ** 2;
    this.samples = held.map(({ sample }) => sample);
    this.views = spec.views;
    const hash = createHash('sha256');
    for (const { hash: own } of held) hash.update(own.subarray(0, HASH_BYTES));
    this.digest = hash.digest('hex');
  }

  async read(rows: readonly FeatureRow[], target: Float32Array): Promise<void> {
    for (const [i, { sample, view }] of rows.entries()) {
      const row = target.subarray(i * this.width, (i + 1) * this.width);
      this.#write(this.held[sample]!.pixels, this.#window(sample, view), row);
    }
  }

  async refreshViews(epoch: number): Promise<void> {
    if (this.options.cacheFolder === undefined) this.#epoch = epoch;
  }

  async close(): Promise<void> {}

  /** What is cut out of the square that is held, and whether it is mirrored. */
  #window(sample: number, view: number): { left: number; top: number; mirrored: boolean } {
    const { size, seed, augment } = this.spec;
    const room = heldSide(size) - size;
    const middle = { left: centred(room), top: centred(room), mirrored: false };
    if (view === 0) return middle;
    const { hash } = this.held[sample]!;
    const stream: Random = randomStream(
      seed,
      'augment',
      hash.toString('hex'),
      this.#epoch * this.views + view,
    );
    const mirrored = stream.uniform() < 0.5;
    const [left, top] = [stream.below(room + 1), stream.below(room + 1)];
    return {
      ...(augment.includes('shift') ? { left, top } : middle),
      mirrored: augment.includes('flip') && mirrored,
    };
  }

  /** (size,size,3), normalised as the network's first layer reads it. */
  #write(
    pixels: Uint8Array,
    { left, top, mirrored }: { left: number; top: number; mirrored: boolean },
    row: Float32Array,
  ): void {
    const { size } = this.spec;
    const side = heldSide(size);
    const { reverse, mean, scale } = arithmeticOf(this.options.preprocess);
    let at = 0;
    for (let h = 0; h < size; h++) {
      for (let w = 0; w < size; w++) {
        const from = 3 * ((top + h) * side + left + (mirrored ? size - 1 - w : w));
        for (let c = 0; c < 3; c++)
          row[at++] = (pixels[from + (reverse ? 2 - c : c)]! - mean[c]!) * scale[c]!;
      }
    }
  }
}
