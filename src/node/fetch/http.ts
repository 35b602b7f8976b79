// HTTP, as far as a download needs it: one GET for a file or the rest of it, followed through redirects to the server
// that has the file; what the headers state; and what went wrong, in words.

import { PassThrough, type Readable } from 'node:stream';
import type { Algorithm, Claim } from './claims.js';
import { publicUrl } from './manifest.js';
import { credentials, type Ways } from './proxy.js';

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: AsyncGenerator<Buffer, void>;
  /** Where the redirects ended. */
  readonly url: URL;
  /** What a hub said, on the redirects or here, about the file that they lead to. */
  readonly linked: { readonly size: number | undefined; readonly claims: readonly Claim[] };
  /** Ends the connection, whether the body was read or not. */
  readonly close: () => void;
}

interface Question {
  readonly ways: Ways;
  readonly signal: AbortSignal;
  /** The rest from this byte on, if the file is still the one that the validator (an ETag or a date) says. */
  readonly rest?: { readonly from: number; readonly validator: string } | undefined;
}

const MOST_REDIRECTS = 10;
const REDIRECTS: readonly number[] = [301, 302, 303, 307, 308];

/** @throws DownloadFault where a server cannot be reached, or redirects lead nowhere; the signal's reason */
export async function ask(first: URL, { ways, signal, rest }: Question): Promise<Answer> {
  const { request } = await import('undici');
  let url = first;
  let size: number | undefined;
  const claims: Claim[] = [];
  for (let redirects = 0; redirects <= MOST_REDIRECTS; redirects++) {
    // Not for whoever the first server sends us to.
    const authorization = url.origin === first.origin ? credentials(first) : undefined;
    const answer = await request(url.href, {
      dispatcher: ways.to(url),
      signal,
      headers: {
        'user-agent': 'vgg16-webgpu',
        accept: '*/*',
        // Ranges and sizes are those of the bytes that are sent; compressed, they would not be the file's.
        'accept-encoding': 'identity',
        ...(rest && { range: `bytes=${rest.from}-`, 'if-range': rest.validator }),
        ...(authorization && { authorization }),
      },
    }).catch((error: unknown) => {
      throw networkFault(error, url.host, ways.first(url));
    });
    const { statusCode: status, headers, body } = answer;
    size = sizeIn(headers, 'x-linked-size') ?? size;
    claims.push(...linkedClaims(headers));
    if (!REDIRECTS.includes(status)) {
      // At once, because the first bytes may come, and the connection break, before anybody reads.
      const read = salvaged(body);
      return { status, headers, body: read, url, linked: { size, claims }, close: () => discard(body) };
    }
    discard(body);
    url = target(url, header(headers, 'location'));
  }
  throw new DownloadFault(`${first.host} redirects more than ${MOST_REDIRECTS} times`);
}

/** Ends a connection whose answer nobody reads. */
function discard(body: Readable): void {
  body.on('error', () => {}).destroy();
}

function target(from: URL, location: string | undefined): URL {
  if (location === undefined || !URL.canParse(location, from.href)) {
    throw new DownloadFault(`${from.host} redirects to nowhere`);
  }
  const to = new URL(location, from);
  if (to.protocol !== 'https:' && to.protocol !== from.protocol) {
    throw new DownloadFault(
      `${from.host} redirects from ${from.protocol}// to ${publicUrl(to)}, which is not followed`,
    );
  }
  return to;
}

// What the headers of an answer say about the whole file: its size, its version, its hashes.
//
//   Content-Range: bytes 100-199/200   RFC 9110, 14.4
//   ETag, Last-Modified                RFC 9110, 8.8: which version of the file this is
//   Repr-Digest, Digest                RFC 9530, RFC 3230: base64, of the whole file even where a part is sent
//   X-Linked-Size, X-Linked-ETag       Hugging Face's hub, on its redirect; 64 hex digits are a SHA-256
//   x-goog-hash                        Google Cloud Storage: crc32c=..., md5=... (base64)
//   x-amz-checksum-sha256              Amazon S3: base64; of a part where a part is sent

/** Of one answer; names in lower case. */
type Headers = Readonly<Record<string, string | string[] | undefined>>;

interface ContentRange {
  /** Undefined where the server says that it has no such bytes, but so many in all. */
  readonly start: number | undefined;
  readonly total: number | undefined;
}

const BYTES: Readonly<Record<Algorithm, number>> = { sha256: 32, md5: 16 };

/** A header's text; several of one name are one list. */
export function header(headers: Headers, name: string): string | undefined {
  const value = headers[name];
  return Array.isArray(value) ? value.join(', ') : value;
}

/** A number of bytes; undefined where there is none or it makes no sense. */
export function sizeIn(headers: Headers, name: string): number | undefined {
  const text = header(headers, name);
  return text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}

export function contentRange(headers: Headers): ContentRange | undefined {
  const match = /^bytes (?:(\d{1,15})-\d{1,15}|\*)\/(\d{1,15}|\*)$/.exec(
    header(headers, 'content-range') ?? '',
  );
  if (!match) return undefined;
  const [, start, total] = match;
  return {
    start: start === undefined ? undefined : Number(start),
    total: total === '*' ? undefined : Number(total),
  };
}

/** The hash of the whole file that a hub states, on a redirect to it or with it. */
function linkedClaims(headers: Headers): Claim[] {
  const hex = header(headers, 'x-linked-etag')?.replace(/^"|"$/g, '').toLowerCase();
  return hex && /^[0-9a-f]{64}$/.test(hex) ? [{ algorithm: 'sha256', hex, by: 'X-Linked-ETag' }] : [];
}

/** Hashes of the whole file that the answer with the file itself, or with a part of it, states. */
export function statedClaims(headers: Headers, isPart: boolean): Claim[] {
  const found: Claim[] = [];
  const take = (name: string, algorithm: Algorithm, pattern: RegExp): void => {
    const base64 = pattern.exec(header(headers, name) ?? '')?.[1];
    const bytes = base64 && Buffer.from(base64, 'base64');
    if (bytes && bytes.length === BYTES[algorithm])
      found.push({ algorithm, hex: bytes.toString('hex'), by: name });
  };
  take('repr-digest', 'sha256', /\bsha-256=:([\w+/=]+):/i);
  take('digest', 'sha256', /\bsha-256=([\w+/=]+)/i);
  take('x-goog-hash', 'md5', /\bmd5=([\w+/=]+)/i);
  if (!isPart) take('x-amz-checksum-sha256', 'sha256', /^([\w+/=]+)$/);
  return found;
}

/** What If-Range takes: a strong ETag, else a date. */
export function validatorOf(headers: Headers): string | undefined {
  const etag = header(headers, 'etag');
  const validator = etag?.startsWith('"') ? etag : header(headers, 'last-modified');
  return isValidator(validator) ? validator : undefined;
}

/** Whether it can be sent back as it is. */
export function isValidator(value: unknown): value is string {
  return typeof value === 'string' && /^[\x20-\x7e]+$/.test(value);
}

/** Milliseconds that a server asks to wait, in seconds or until a date (RFC 9110, 10.2.3). */
export function retryAfter(headers: Headers, now = Date.now()): number | undefined {
  const text = header(headers, 'retry-after');
  if (text === undefined) return undefined;
  const milliseconds = /^\d{1,9}$/.test(text) ? Number(text) * 1000 : Date.parse(text) - now;
  return Number.isNaN(milliseconds) ? undefined : Math.max(0, milliseconds);
}

/** Bytes that wait for a slow disk. */
const BUFFERED = 2 ** 20;

/**
 * Everything that `body` brings, then its error if it had one. Reading begins with the call. What a connection brought
 * before it broke is worth keeping, and a Node stream that is destroyed throws away what it has buffered.
 */
function salvaged(body: Readable): AsyncGenerator<Buffer, void> {
  const through = new PassThrough({ highWaterMark: BUFFERED });
  let failure: unknown;
  body.on('error', (error) => {
    failure = error;
    through.end();
  });
  body.pipe(through);
  return (async function* () {
    yield* through as AsyncIterable<Buffer>;
    if (failure) throw failure;
  })();
}

interface FaultOptions extends ErrorOptions {
  /** Default: never. `unreachable`: the server cannot even be found, which rarely passes. */
  readonly retry?: 'never' | 'later' | 'unreachable';
  /** Milliseconds that the server asks to wait. */
  readonly wait?: number | undefined;
}

/** Why a download did not succeed, and whether trying again may help. The message is a clause without the name of the weights. */
export class DownloadFault extends Error {
  readonly retry: 'never' | 'later' | 'unreachable';
  readonly wait: number | undefined;

  constructor(message: string, { retry = 'never', wait, ...options }: FaultOptions = {}) {
    super(message, options);
    this.retry = retry;
    this.wait = wait;
  }
}

/** Nothing came for so long that the connection was given up. */
export class Stalled extends Error {}

const UNREACHABLE: Readonly<Record<string, string>> = {
  ENOTFOUND: 'its name is not known to DNS',
  EAI_AGAIN: 'DNS does not answer',
  ECONNREFUSED: 'the connection was refused',
  ENETUNREACH: 'there is no way to its network',
  EHOSTUNREACH: 'there is no way to it',
  ENETDOWN: 'the network is down',
  ETIMEDOUT: 'it does not answer',
  UND_ERR_CONNECT_TIMEOUT: 'it does not answer',
};

/** OpenSSL's and Node's names for certificates that nobody should trust. */
const CERTIFICATE = /^(CERT_|SELF_SIGNED_|DEPTH_ZERO_|UNABLE_TO_(GET|VERIFY)_|ERR_TLS_CERT)/;

/** Codes of connections that broke. */
const BROKEN = /^(UND_ERR_|HPE_|ECONN|EPIPE|EPROTO|ERR_SSL|ERR_TLS|ERR_STREAM_PREMATURE)/;

/**
 * An error of undici or of the system as a DownloadFault; errors that have nothing to do with the network stay.
 *
 * @param host  of the file
 * @param first  whom the connection goes to: the host itself, or a proxy
 */
export function networkFault(error: unknown, host: string, first = host): unknown {
  if (!(error instanceof Error)) return error;
  const { code = '', message } = error as NodeJS.ErrnoException;
  const fault = (text: string, retry: DownloadFault['retry'] = 'never') =>
    new DownloadFault(text, { retry, cause: error });
  if (error instanceof Stalled) return fault(`${host} ${message}`, 'later');
  const why = UNREACHABLE[code];
  if (why) return fault(`cannot reach ${first}: ${why} (${code})`, 'unreachable');
  if (CERTIFICATE.test(code)) {
    const hint = 'NODE_EXTRA_CA_CERTS names a file of further authorities';
    return fault(`the certificate of ${host} is not trusted (${code}; ${hint})`);
  }
  const refused = /Proxy response \((\d+)\)|Proxy Authentication Required \((407)\)/.exec(message);
  if (refused) return fault(`${first} refuses the way to ${host} (${refused[1] ?? refused[2]})`);
  if (!BROKEN.test(code)) return error;
  return fault(`${host} broke off (${message.split('\n')[0] || code})`, 'later');
}
