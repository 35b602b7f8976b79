// What the headers of an answer say about the whole file: its size, its version, its hashes.
//
//   Content-Range: bytes 100-199/200   RFC 9110, 14.4
//   ETag, Last-Modified                RFC 9110, 8.8: which version of the file this is
//   Repr-Digest, Digest                RFC 9530, RFC 3230: base64, of the whole file even where a part is sent
//   X-Linked-Size, X-Linked-ETag       Hugging Face's hub, on its redirect; 64 hex digits are a SHA-256
//   x-goog-hash                        Google Cloud Storage: crc32c=..., md5=... (base64)
//   x-amz-checksum-sha256              Amazon S3: base64; of a part where a part is sent

import type { Claim } from './claims.js';
import type { Algorithm } from './hash.js';

/** Of one answer; names in lower case. */
export type Headers = Readonly<Record<string, string | string[] | undefined>>;

export interface ContentRange {
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
export function linkedClaims(headers: Headers): Claim[] {
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
