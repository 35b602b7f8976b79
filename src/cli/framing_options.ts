// The options that say which part of a picture the network sees, and how large.

import { type Command, Option } from 'commander';
import { type Framing, framingForSize } from '../image/framing.js';
import { defaultFraming } from '../model/requests.js';
import type { Widths } from '../network/layers.js';
import { pixels, pixelsOrNone, type Sides, sidesOrNone } from './arguments.js';

export interface FramingFlags {
  readonly size?: number;
  readonly resize?: number | 'none';
  readonly crop?: Sides | 'none';
}

export function addFramingOptions(command: Command): Command {
  return command
    .addOption(
      new Option('--size <px>', "side of the square that the network sees, cut as ImageNet's evaluation does")
        .argParser(pixels)
        .conflicts(['resize', 'crop']),
    )
    .addOption(
      new Option('--resize <px|none>', 'length of the short side before cropping (default: 256)').argParser(
        pixelsOrNone,
      ),
    )
    .addOption(
      new Option(
        '--crop <px|HxW|none>',
        "what is cut out of the centre (default: 224, or the classifier's size)",
      ).argParser(sidesOrNone),
    );
}

/** @throws UsageError for a size that makes no sense */
export function framingOf({ size, resize, crop }: FramingFlags, widths: Widths): Framing {
  if (size !== undefined) return framingForSize(size);
  const usual = defaultFraming(widths);
  return { resize: resize ?? usual.resize, crop: crop ?? usual.crop };
}
