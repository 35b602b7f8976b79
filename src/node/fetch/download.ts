// Attempts at a download until the whole file is there, as long as they get further.

import { setTimeout as sleep } from 'node:timers/promises';
import { type Claim, conflict } from './claims.js';
import {
  type Answer,
  ask,
  contentRange,
  DownloadFault,
  header,
  networkFault,
  retryAfter,
  Stalled,
  sizeIn,
  statedClaims,
  validatorOf,
} from './http.js';
import { publicUrl } from './manifest.js';
import {
  beginPart,
  discardPart,
  notePart,
  openPart,
  type Part,
  type PartState,
  readPart,
  refuseUnlessFits,
} from './part.js';
import type { Ways } from './proxy.js';
import type { Places } from './weights_cache.js';

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

interface DownloadOptions extends AttemptOptions {
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

// One attempt: asks for the rest of a part, or for everything, and writes down what comes.

interface AttemptOptions {
  readonly url: URL;
  readonly places: Places;
  readonly ways: Ways;
  /** What is known of the file's hash whatever a server says. */
  readonly pinned: readonly Claim[];
  readonly signal: AbortSignal;
  /** Bytes that the part has, and those that it will have where that is known. */
  readonly onProgress: (done: number, total: number | undefined) => void;
}

/**
 * Goes on with the part that there is, to the end of the file.
 *
 * @param stallMs  gives up when nothing comes for so long
 * @throws DownloadFault; OutputError; the signal's reason
 */
async function attempt(options: AttemptOptions, stallMs: number): Promise<Part> {
  const { url, places, ways, signal } = options;
  const held = await readPart(places, publicUrl(url));
  if (held && held.size === held.state.total) return held;
  const dog = watchdog(stallMs, () => new Stalled(`sent nothing for ${stallMs / 1000} s`));
  const validator = held?.state.validator;
  const rest = held && held.size > 0 && validator ? { from: held.size, validator } : undefined;
  const signals = AbortSignal.any([signal, dog.signal]);
  const answer = await dog.during(() => ask(url, { ways, signal: signals, rest }));
  try {
    const part = await accept(answer, rest && held, options);
    return part.size === part.state.total ? part : await receive(answer, part, dog, options);
  } finally {
    answer.close();
  }
}

/** The part that the answer's body goes on with: what there was, or a new one. */
async function accept(answer: Answer, held: Part | undefined, options: AttemptOptions): Promise<Part> {
  const { url, places, pinned } = options;
  const { status, headers, linked } = answer;
  const { host } = answer.url;
  const range = contentRange(headers);
  if (status === 416 && held && held.state.total === undefined && range?.total === held.size) {
    const state = { ...held.state, total: held.size };
    await notePart(places, state);
    return { size: held.size, state };
  }
  if (status === 206 && held && fits(answer, held)) {
    const state = { ...held.state, total: held.state.total ?? range?.total };
    if (state.total !== held.state.total) await notePart(places, state);
    return { size: held.size, state };
  }
  if (held && (status === 206 || status === 416)) {
    await discardPart(places);
    throw new DownloadFault(`${host} has another version of the file by now`, { retry: 'later' });
  }
  if (status !== 200) throw refusal(answer);
  refuseUnlessPlain(answer);

  const length = sizeIn(headers, 'content-length');
  const total = linked.size ?? length;
  if (length !== undefined && length !== total) {
    throw new DownloadFault(`${url.host} announces ${total} bytes, and ${host} sends ${length}`);
  }
  if (total === 0) throw new DownloadFault(`${host} sends an empty file`);
  const claims = [...linked.claims, ...statedClaims(headers, false)];
  const contradictory = conflict([...pinned, ...claims]);
  if (contradictory) throw new DownloadFault(`${host} has another file: ${contradictory}`);
  if (total === undefined && claims.length + pinned.length === 0) {
    throw new DownloadFault(`${host} states neither size nor hash of the file, so nothing could be verified`);
  }
  const state: PartState = { url: publicUrl(url), validator: validatorOf(headers), total, claims };
  await beginPart(places, state);
  return { size: 0, state };
}

/** Whether the answer, a 206, goes on exactly where the part ends, in the same version of the file. */
function fits({ headers, linked }: Answer, { size, state }: Part): boolean {
  const range = contentRange(headers);
  const validator = validatorOf(headers) ?? state.validator;
  const totals = [range?.total, linked.size].filter((total) => total !== undefined);
  const claims = [...state.claims, ...linked.claims, ...statedClaims(headers, true)];
  return (
    range?.start === size &&
    validator === state.validator &&
    totals.every((total) => total === (state.total ?? totals[0])) &&
    conflict(claims) === undefined
  );
}

async function receive(answer: Answer, part: Part, dog: Watchdog, options: AttemptOptions): Promise<Part> {
  const { places, onProgress } = options;
  const { state } = part;
  const { host } = answer.url;
  let end = part.size;
  if (state.total !== undefined) await refuseUnlessFits(places.file, places.folder, state.total - end);
  onProgress(end, state.total);
  const file = await openPart(places, end);
  try {
    for (;;) {
      const { value, done } = await dog.during(() => next(answer));
      if (done) break;
      if (end + value.length > (state.total ?? Number.MAX_SAFE_INTEGER)) {
        await discardPart(places);
        throw new DownloadFault(`${host} sends more than the ${state.total} bytes that it announced`);
      }
      end = await file.write(value);
      onProgress(end, state.total);
    }
  } finally {
    await file.close();
  }
  if (state.total !== undefined) {
    if (end === state.total) return { size: end, state };
    throw new DownloadFault(`${host} sent ${end} of the ${state.total} bytes that it announced`, {
      retry: 'later',
    });
  }
  const whole = { ...state, total: end };
  await notePart(places, whole);
  return { size: end, state: whole };
}

/** @throws DownloadFault where the connection broke; the signal's reason */
function next({ body, url }: Answer): Promise<IteratorResult<Buffer, void>> {
  return body.next().catch((error: unknown) => {
    throw networkFault(error, url.host);
  });
}

/** A page that asks for a login is no weights, and neither are compressed ones. */
function refuseUnlessPlain({ headers, url }: Answer): void {
  const encoding = header(headers, 'content-encoding') ?? 'identity';
  if (encoding !== 'identity') throw new DownloadFault(`${url.host} compresses the file (${encoding})`);
  if (/^text\/html\b/i.test(header(headers, 'content-type') ?? '')) {
    throw new DownloadFault(`${url.host} answers with a web page; does the network want a login?`);
  }
}

const MEANINGS: Readonly<Record<number, string>> = {
  206: 'sends only a part of',
  401: 'wants a user and a password for',
  403: 'forbids',
  404: 'does not have',
  407: 'is behind a proxy that wants a password for',
  410: 'no longer has',
  429: 'is asked too often for',
};

/** Statuses that may be others a moment later; so may all of 500 and above. */
const PASSING: readonly number[] = [408, 425, 429];

function refusal({ status, headers, url }: Answer): DownloadFault {
  const message = `${url.host} ${MEANINGS[status] ?? 'cannot deliver'} ${url.pathname} (HTTP status ${status})`;
  const passes = status >= 500 || PASSING.includes(status);
  return new DownloadFault(message, passes ? { retry: 'later', wait: retryAfter(headers) } : {});
}

/** Aborts what has been waited for too long. The clock runs only while somebody waits. */
interface Watchdog {
  /** Aborted, with the reason that was given, when one wait took too long. */
  readonly signal: AbortSignal;
  /** The result of waiting, which must end by itself once the signal is aborted. */
  during<T>(wait: () => Promise<T>): Promise<T>;
}

function watchdog(milliseconds: number, reason: () => Error): Watchdog {
  const controller = new AbortController();
  return {
    signal: controller.signal,
    async during(wait) {
      const timer = setTimeout(() => controller.abort(reason()), milliseconds);
      try {
        return await wait();
      } finally {
        clearTimeout(timer);
      }
    },
  };
}
