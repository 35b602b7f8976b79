// One GET for a file or the rest of it, followed through redirects to the server that has it.

import type { Readable } from 'node:stream';
import type { Claim } from './claims.js';
import { DownloadFault, networkFault } from './fault.js';
import { publicUrl } from './manifest.js';
import { credentials, type Ways } from './proxy.js';
import { salvaged } from './salvage.js';
import { type Headers, header, linkedClaims, sizeIn } from './statements.js';

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

export interface Question {
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
