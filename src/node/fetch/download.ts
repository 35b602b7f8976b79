// Attempts at a download until the whole file is there, as long as they get further.

import { setTimeout as sleep } from 'node:timers/promises';
import { type AttemptOptions, attempt } from './attempt.js';
import { DownloadFault } from './fault.js';
import { publicUrl } from './manifest.js';
import { type Part, readPart } from './part.js';

/** How long a download is tried. */
export interface Patience {
  /** Milliseconds without a byte after which a connection is given up; twice, then four times that after failures. */
  readonly stallMs: number;
  /** Milliseconds before the second attempt; doubled before each further one. */
  readonly retryMs: number;
  /** Attempts in a row that got no further. */
  readonly attempts: number;
}

export const PATIENCE: Patience = { stallMs: 30_000, retryMs: 500, attempts: 6 };

/** Attempts where the server has not been found once: mistyped names and missing networks are told soon. */
const UNREACHABLE_ATTEMPTS = 2;

/** A server that asks to wait longer is not waited for. */
const LONGEST_WAIT_MS = 60_000;

export interface DownloadOptions extends AttemptOptions {
  readonly patience: Patience;
  /** A line for people: what went wrong and when it is tried again. */
  readonly onNote: (line: string) => void;
}

/**
 * Downloads the file into its part, going on with what there is of it.
 *
 * @returns the part, whole but not verified
 * @throws DownloadFault where it cannot be had; OutputError; the signal's reason
 */
export async function download(options: DownloadOptions): Promise<Part> {
  const { signal, patience, onNote } = options;
  let furthest = -1;
  let reached = false;
  let failures = 0;
  for (;;) {
    let end = -1;
    const onProgress: DownloadOptions['onProgress'] = (done, total) => {
      // The first report of an attempt is what earlier ones got.
      if (furthest < 0) furthest = done;
      reached = true;
      end = done;
      options.onProgress(done, total);
    };
    try {
      return await attempt({ ...options, onProgress }, patience.stallMs * 2 ** Math.min(failures, 2));
    } catch (fault) {
      signal.throwIfAborted();
      if (!(fault instanceof DownloadFault) || fault.retry === 'never') throw fault;
      if (end > furthest) failures = 0;
      furthest = Math.max(furthest, end);
      failures++;
      const limit = fault.retry === 'unreachable' && !reached ? UNREACHABLE_ATTEMPTS : patience.attempts;
      if (failures >= limit) throw await givenUp(fault, failures, options);
      const wait = fault.wait ?? patience.retryMs * 2 ** (failures - 1);
      if (wait > LONGEST_WAIT_MS) {
        throw new DownloadFault(`${fault.message} and asks to wait ${Math.ceil(wait / 1000)} s`, {
          cause: fault,
        });
      }
      onNote(`${fault.message}; trying again in ${(wait / 1000).toFixed(1)} s`);
      await sleep(wait, undefined, { signal }).catch(() => signal.throwIfAborted());
    }
  }
}

async function givenUp(
  fault: DownloadFault,
  failures: number,
  { url, places }: DownloadOptions,
): Promise<DownloadFault> {
  const part = await readPart(places, publicUrl(url));
  const kept = part?.state.validator ? part.size : 0;
  const rest = kept > 0 ? `; the ${kept} bytes that came are kept for the next try` : '';
  const message = `${fault.message}, ${failures} times without getting further${rest}`;
  return new DownloadFault(message, { cause: fault });
}
