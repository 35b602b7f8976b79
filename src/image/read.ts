// Many pictures, decoded and framed a few at a time, the next few while the caller works on these.

import { PictureError } from '../errors.js';
import { type Framing, frame } from './framing.js';
import { type Decoder, nameOf, type Picture } from './picture.js';
import type { Size } from './resize.js';

export interface ReadOptions<Input> {
  readonly decode: Decoder<Input>;
  /** Pictures decoded at a time; twice as many are held. */
  readonly chunk: number;
  /** Told of each picture that cannot be used, which is then left out. Without it, the first such picture ends it all. */
  readonly onError?: ((error: PictureError, index: number) => void) | undefined;
  /** Throws a PictureError for a framed picture that cannot be used. */
  readonly check?: ((read: ReadPicture) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface ReadPicture {
  /** Which of the inputs. */
  readonly index: number;
  readonly picture: Picture;
  /** Before it was framed. */
  readonly size: Size;
}

/**
 * Reads pictures in order.
 *
 * @throws PictureError for a picture that cannot be used, unless `onError` takes it; UsageError for a framing that
 * suits no picture; the signal's reason
 */
export async function* readPictures<Input>(
  inputs: readonly Input[],
  framing: Framing,
  { decode, chunk, onError, check, signal }: ReadOptions<Input>,
): AsyncGenerator<ReadPicture[]> {
  const readOne = async (input: Input, index: number): Promise<ReadPicture[]> => {
    try {
      const name = nameOf(input);
      const decoded = await decode(input, name);
      const { width, height } = decoded;
      const read = { index, picture: frame(decoded, framing, name), size: { width, height } };
      check?.(read);
      return [read];
    } catch (error) {
      if (!onError || !(error instanceof PictureError)) throw error;
      onError(error, index);
      return [];
    }
  };
  const readChunk = async (start: number) => {
    signal?.throwIfAborted();
    const read = await Promise.all(
      inputs.slice(start, start + chunk).map((input, i) => readOne(input, start + i)),
    );
    return read.flat();
  };
  if (inputs.length === 0) return;
  let ahead = readChunk(0);
  for (let start = 0; start < inputs.length; start += chunk) {
    const pictures = await ahead;
    if (start + chunk < inputs.length) {
      ahead = readChunk(start + chunk);
      // Should the caller stop before it asks for these, their failure is nobody's.
      ahead.catch(() => {});
    }
    if (pictures.length > 0) yield pictures;
  }
}
