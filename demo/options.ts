// What the demo can be told.
import { parseArgs } from 'node:util';
import { UsageError } from '../src/errors.js';

export interface DemoOptions {
  /** Side of the drawings in px; by default what the adapter has time for. */
  readonly size?: number;
  /** Drawings of each class; by default what the adapter has time for. */
  readonly perClass?: number;
  readonly seed: number;
  /** Where the HTML sheet goes. */
  readonly out: string;
}

const DEFAULT_OUT = 'out/emoji-neighbours.html';

export const HELP = `Shows what VGG16's features are worth: classifies emoji drawings (animals, food, faces, places) by their
nearest neighbours. The features come from the GPU, the weights are the embedded ImageNet base.

Usage
  npm start
  npm start -- --size 96 --per-class 24

Options
  --size PX        side of the drawings, 32 to 448 (default: what the adapter has time for)
  --per-class N    drawings of each class, 4 or more (default: what the adapter has time for)
  --seed N         another choice of drawings (default: 0)
  --out FILE.html  where the sheet goes, a PNG beside it (default: ${DEFAULT_OUT})
  --help           this text

With both --size and --per-class nothing is cut short, however long it takes.
Environment: VGG16_CACHE (where drawings are kept), NO_COLOR. Results go to stdout, all else to stderr.
`;

/** @returns undefined when help was asked for. @throws UsageError that names the argument and what it must be. */
export function parseOptions(args: readonly string[]): DemoOptions | undefined {
  const values = parse(args);
  if (values.help) return undefined;
  const size = wholeNumber('--size', values.size, 32, 448);
  const perClass = wholeNumber('--per-class', values['per-class'], 4);
  return {
    ...(size !== undefined && { size }),
    ...(perClass !== undefined && { perClass }),
    seed: wholeNumber('--seed', values.seed, 0) ?? 0,
    out: values.out ?? DEFAULT_OUT,
  };
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        size: { type: 'string' },
        'per-class': { type: 'string' },
        seed: { type: 'string' },
        out: { type: 'string' },
        help: { type: 'boolean', short: 'h' },
      },
    }).values;
  } catch (error) {
    // Node explains over several lines; the first one says what is wrong.
    const reason = (error as Error).message.split('\n', 1)[0]!.replace(/\.$/, '');
    throw new UsageError(`${reason}; npm start -- --help shows the options`, { cause: error });
  }
}

function wholeNumber(
  name: string,
  text: string | undefined,
  least: number,
  most = Number.MAX_SAFE_INTEGER,
): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (/^\d+$/.test(text) && value >= least && value <= most) return value;
  const range = most === Number.MAX_SAFE_INTEGER ? `of at least ${least}` : `from ${least} to ${most}`;
  throw new UsageError(`${name} ${text}: it must be a whole number ${range}`);
}
