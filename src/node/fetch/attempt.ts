// One attempt at a download: asks for the rest of a part, or for everything, and writes down what comes.

import { type Answer, ask } from './ask.js';
import { type Claim, conflict } from './claims.js';
import { DownloadFault, networkFault, Stalled } from './fault.js';
import { publicUrl } from './manifest.js';
import { beginPart, discardPart, notePart, openPart, type Part, type PartState, readPart } from './part.js';
import type { Places } from './places.js';
import type { Ways } from './proxy.js';
import { refuseUnlessFits } from './room.js';
import { contentRange, header, retryAfter, sizeIn, statedClaims, validatorOf } from './statements.js';
import { type Watchdog, watchdog } from './watchdog.js';

export interface AttemptOptions {
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
export async function attempt(options: AttemptOptions, stallMs: number): Promise<Part> {
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
