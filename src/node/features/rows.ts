// The rows of pictures: what each is called, where it is kept, and what has to be done where it is not.

import { createHash } from 'node:crypto';
import { availableParallelism } from 'node:os';
import { atMost } from '../../ahead.js';
import { PictureError } from '../../errors.js';
import { frame, framingForSize } from '../../image/framing.js';
import type { Picture } from '../../image/picture.js';
import { oddityOf } from '../../model/oddity.js';
import type { Sample } from '../../train/dataset.js';
import { DRAW_VERSION, drawView } from '../../train/features/draw.js';
import type { Job } from '../../train/features/pipeline.js';
import type { FeatureSpec } from '../../train/features/spec.js';
import { sourceOf } from '../../train/features/warper.js';
import { randomStream } from '../../train/random.js';
import { type Contents, HASH_BYTES, withContents } from './contents.js';
import type { RowMemory } from './row_memory.js';
import type { FeatureStore } from './store.js';

/** Pictures that are read and decoded at a time, for all of whose pixels there must be memory. */
const DECODERS = Math.min(8, Math.max(2, availableParallelism()));

export interface OpenRequest {
  readonly views: readonly number[];
  /** Take what is kept already. */
  readonly lookUp: boolean;
  /** Told of each row that is computed. */
  readonly onRow: (row: Float32Array) => void;
  /** Told in a line of a picture that is decoded, and of which hardly anything is seen. */
  readonly onOdd?: (note: string) => void;
}

/** A picture that has been read. */
export interface Opened {
  /** How many of the views asked for are kept. */
  readonly found: number;
  /** The others. */
  readonly jobs: readonly Job[];
}

/** Rows go by a sample's place among all samples, whether or not it can be read, and by view: 0 is the plain picture. */
export class Rows {
  /** (samples, HASH_BYTES): zeros where the picture has not been read. */
  readonly #hashes: Buffer;
  readonly #decoding = atMost(DECODERS);
  #epoch = 0;

  constructor(
    private readonly samples: readonly Sample[],
    private readonly spec: FeatureSpec,
    private readonly width: number,
    private readonly memory: RowMemory,
    private readonly store: FeatureStore,
  ) {
    this.#hashes = Buffer.alloc(samples.length * HASH_BYTES);
  }

  /** Which of the endless views the varied ones are: those of another epoch are others. */
  get epoch(): number {
    return this.#epoch;
  }

  /** Forgets the varied rows of these samples for those of another epoch. */
  async turnTo(epoch: number, indices: readonly number[]): Promise<void> {
    for (const index of indices) {
      for (let view = 1; view <= this.spec.views; view++) await this.store.remove(this.#name(index, view));
    }
    this.#epoch = epoch;
  }

  /** Reads a row that is kept; false if it is not. */
  async find(index: number, view: number, target: Float32Array): Promise<boolean> {
    const row = this.memory.get(this.#number(index, view));
    if (row) target.set(row);
    return row !== undefined || this.store.get(this.#name(index, view), target);
  }

  /**
   * Reads a picture, and decodes it if rows are not there yet.
   *
   * @throws PictureError for one that cannot be read, or is another than it was when it was read before
   */
  open(index: number, { views, lookUp, onRow, onOdd }: OpenRequest): Promise<Opened> {
    const work = async (contents: Contents) => {
      this.#remember(index, contents.hash);
      const missing = lookUp ? await this.#missing(index, views) : views;
      const found = views.length - missing.length;
      if (missing.length === 0) return { found, jobs: [] };
      const picture = await contents.decode();
      const oddity = oddityOf(picture, framingForSize(this.spec.size));
      if (oddity) onOdd?.(`${this.samples[index]!.name}: ${oddity.reason}`);
      const pictureOf = this.#framed(index, picture, missing);
      const jobs = missing.map((view) => ({
        picture: pictureOf(view),
        take: async (row: Float32Array) => {
          await this.#keep(index, view, row);
          onRow(row);
        },
      }));
      return { found, jobs };
    };
    return this.#decoding(() => withContents(this.samples[index]!, work));
  }

  /** Of a picture, only what is needed for these views, so that its own pixels can go. */
  #framed(index: number, picture: Picture, views: readonly number[]): (view: number) => Job['picture'] {
    const { size, augment, seed } = this.spec;
    const { name } = this.samples[index]!;
    const plain = views.includes(0) ? frame(picture, framingForSize(size), name) : undefined;
    const source = views.some((view) => view > 0) ? sourceOf(picture, size, name) : undefined;
    return (view) => {
      if (view === 0) return plain!;
      const stream = randomStream(seed, 'augment', this.#hash(index), this.#draw(view));
      return { source: source!, maps: drawView(stream, augment, source!, size) };
    };
  }

  async #missing(index: number, views: readonly number[]): Promise<number[]> {
    const missing: number[] = [];
    for (const view of views) {
      const row = new Float32Array(this.width);
      if (await this.store.get(this.#name(index, view), row)) this.memory.set(this.#number(index, view), row);
      else missing.push(view);
    }
    return missing;
  }

  async #keep(index: number, view: number, row: Float32Array): Promise<void> {
    const isHere = this.memory.set(this.#number(index, view), row);
    if (!isHere || this.store.outlives) await this.store.put(this.#name(index, view), row);
  }

  #remember(index: number, hash: Buffer): void {
    const place = this.#hashes.subarray(index * HASH_BYTES, (index + 1) * HASH_BYTES);
    if (place.some((byte) => byte !== 0) && !place.equals(hash)) {
      throw new PictureError(
        `${this.samples[index]!.name} has changed since training began; start training anew`,
      );
    }
    place.set(hash);
  }

  /** SHA-256 over the contents of these pictures, all of which have been read. */
  digestOf(indices: readonly number[]): string {
    const hash = createHash('sha256');
    for (const index of indices)
      hash.update(this.#hashes.subarray(index * HASH_BYTES, (index + 1) * HASH_BYTES));
    return hash.digest('hex');
  }

  #hash(index: number): string {
    return this.#hashes.toString('hex', index * HASH_BYTES, (index + 1) * HASH_BYTES);
  }

  #number(index: number, view: number): number {
    return index * (1 + this.spec.views) + view;
  }

  /** Which of the endless views of a picture this one is, from 1. */
  #draw(view: number): number {
    return this.#epoch * this.spec.views + view;
  }

  /** By the picture's bytes; of a varied view also by all that decides how. */
  #name(index: number, view: number): string {
    if (view === 0) return this.#hash(index);
    const { augment, seed } = this.spec;
    const how = JSON.stringify([DRAW_VERSION, [...augment].sort(), seed, this.#draw(view)]);
    return `${this.#hash(index)}-${createHash('sha256').update(how).digest('hex').slice(0, 16)}`;
  }
}
