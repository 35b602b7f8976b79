// One layer's result for each of many pictures: while the GPU is at one batch, the next is read and submitted, so that it
// never waits for those who look at results.

import type { LayerName } from '../architecture.js';
import type { Gpu } from '../gpu/gpu.js';
import { type Decoder, nameOf } from '../image/picture.js';
import { type ReadPicture, readPictures } from '../image/read.js';
import { planLayers, type Widths } from '../network/layers.js';
import { concatenated, evenBatch, largestBatch, sameSized } from './batches.js';
import { checkFinite, type Features } from './features.js';
import { oddityOf } from './oddity.js';
import type { EachOptions, RunOptions } from './options.js';
import { checkRequest, checkSize, framingOf } from './requests.js';
import type { Pass, Runner } from './runner.js';

const DEFAULT_BATCH = 8;

/** Who is asked, and for what. */
export interface Asked<Input> {
  readonly runner: Runner;
  readonly decode: Decoder<Input>;
  readonly widths: Widths;
  readonly gpu: Pick<Gpu, 'info' | 'limits'>;
  readonly output: LayerName;
}

/** A picture alone as one of several. */
export function many<Input>(input: Input | readonly Input[]): readonly Input[] {
  return Array.isArray(input) ? input : [input as Input];
}

/** A result with the place of its picture among the inputs. */
export type Answer = Features & { readonly index: number };

/** A batch that was submitted. */
interface Batch extends Pass {
  readonly pictures: readonly ReadPicture[];
  /** How many pictures the pass is made for: the last batch may be short. */
  readonly size: number;
  /** Of one result. */
  readonly shape: readonly number[];
}

/**
 * Gives the results in order. Whoever stops early waits for what has been submitted.
 *
 * @throws PictureError for a picture that cannot be used, unless `onError` takes it; UsageError for an impossible size;
 *         GpuError; DeviceLostError; the signal's reason
 */
export async function* eachResult<Input>(
  inputs: readonly Input[],
  asked: Asked<Input>,
  options: RunOptions & EachOptions,
): AsyncGenerator<Answer> {
  const { onProgress, signal } = options;
  const batches = submitted(inputs, asked, options);
  let next = batches.next();
  try {
    for (;;) {
      const { done, value } = await next;
      if (done) return;
      signal?.throwIfAborted();
      next = batches.next();
      // Until it is waited for, its failure is nobody's.
      next.catch(() => {});
      const { pictures, size, shape } = value;
      const results = (await value.results).get(asked.output)!;
      checkFinite(asked.gpu, asked.output, results);
      onProgress?.(pictures.at(-1)!.index + 1, inputs.length);
      const length = results.length / size;
      for (const [i, { index }] of pictures.entries()) {
        yield { index, data: results.slice(i * length, (i + 1) * length), shape };
      }
    }
  } finally {
    const last = await next.catch(() => undefined);
    await last?.value?.results.catch(() => {});
    await batches.return(undefined);
  }
}

/** The batches in order, each submitted when it is asked for. */
async function* submitted<Input>(
  inputs: readonly Input[],
  { runner, decode, widths, gpu: { limits }, output }: Asked<Input>,
  options: RunOptions & EachOptions,
): AsyncGenerator<Batch, undefined> {
  const { batch = DEFAULT_BATCH, onError, onOdd, signal } = options;
  const framing = framingOf(options, widths);
  checkRequest(widths, output, framing);
  const chunk = evenBatch(inputs.length, batch);
  const check = ({ index, picture, size }: ReadPicture) => {
    const name = nameOf(inputs[index]);
    if (framing.crop === 'none') checkSize(widths, output, limits, picture, name);
    const oddity = oddityOf(size, framing);
    if (oddity) onOdd?.(`${name}: ${oddity.reason}`, index);
  };
  for await (const read of readPictures(inputs, framing, { decode, chunk, check, onError, signal })) {
    for (const run of sameSized(read)) {
      const { height, width } = run[0]!.picture;
      const layers = planLayers(widths, height, width, output);
      const { shape } = layers[layers.length - 1]!;
      // Cropped pictures all have one size: the last batch, if short, goes through the others' plan.
      const most = framing.crop === 'none' ? run.length : chunk;
      const size = Math.min(most, largestBatch(limits, layers, height, width));
      for (let start = 0; start < run.length; start += size) {
        signal?.throwIfAborted();
        const pictures = run.slice(start, start + size);
        const pixels = concatenated(pictures.map(({ picture }) => picture));
        const { results } = await runner.begin({ batch: size, height, width, outputs: [output] }, pixels);
        yield { results, pictures, size, shape };
      }
    }
  }
}
