// What the demo can be told.
import { parseArgs } from 'node:util';
import { UsageError } from '../src/errors.js';

export interface DemoOptions {
  /** Side in px of what the network sees of a drawing; by default what the adapter has time for. */
  readonly size?: number;
  /** Drawings of each class to learn from; by default what the adapter has time for. */
  readonly perClass?: number;
  readonly seed: number;
  /** The run's folder; by default a new one. */
  readonly out?: string;
}

export const HELP = `Trains a head on the embedded ImageNet base that tells emoji drawings apart (animals, food, faces, places):
it learns from one artist's drawings and is examined on another's, of things that it has never seen.

Usage
  npm start
  npm start -- --size 96 --per-class 24

Options
  --size PX      side of the drawings, 32 to 448 (default: what the adapter has time for)
  --per-class N  drawings of each class to learn from, 5 to 30; half as many others are
                 the examination (default: what the adapter has time for)
  --seed N       another choice of drawings, and another training (default: 0)
  --out FOLDER   the run's folder (default: a new one, runs/train-1 and so on)
  --help         this text

Environment: VGG16_CACHE (where drawings and features are kept), NO_COLOR. Results go to stdout, all else to stderr.
`;

/** @returns undefined when help was asked for. @throws UsageError that names the argument and what it must be. */
export function parseOptions(args: readonly string[]): DemoOptions | undefined {
  const values = parse(args);
  if (values.help) return undefined;
  const size = wholeNumber('--size', values.size, 32, 448);
  const perClass = wholeNumber('--per-class', values['per-class'], 5, 30);
  return {
    ...(size !== undefined && { size }),
    ...(perClass !== undefined && { perClass }),
    seed: wholeNumber('--seed', values.seed, 0) ?? 0,
    ...(values.out !== undefined && { out: values.out }),
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
