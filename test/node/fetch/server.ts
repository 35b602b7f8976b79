// A server of one file that misbehaves as it is told, and keeps a list of what it was asked.

import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, beforeEach } from 'vitest';
import { smallVgg16 } from './small_vgg16.js';

/** A VGG16 of 300 kB without any pattern, so that no byte is right by chance. */
export const FILE = smallVgg16(1, 300_000);
export const SHA256 = sha256(FILE);

/** The hub's header, by which a file without pins is verified. */
export const STATED = { 'x-linked-etag': `"${SHA256}"`, 'x-linked-size': String(FILE.length) };

export interface Asked {
  readonly url: string;
  /** The first byte that was asked for. */
  readonly from: number;
  readonly headers: IncomingMessage['headers'];
  /** Bytes of the body that were sent. */
  sent: number;
}

export type Behaviour = (request: IncomingMessage, response: ServerResponse, asked: Asked) => void;

export interface Served {
  readonly bytes?: Buffer;
  readonly headers?: Readonly<Record<string, string>>;
  /** Undefined sends none. */
  readonly etag?: string | undefined;
  /** Default: true. */
  readonly ranges?: boolean;
  /** Closes the connection after so many bytes of the body. */
  readonly cutAfter?: number;
  /** Sends no more after so many bytes, and leaves the connection open. */
  readonly stallAfter?: number;
  /** Content-Length of a whole answer; false sends chunks without any. */
  readonly announce?: number | false;
}

/** Answers with the file, or with the rest of it that was asked for. */
export function sends(served: Served = {}): Behaviour {
  const { bytes = FILE, headers = STATED, ranges = true, cutAfter, stallAfter, announce } = served;
  const etag = 'etag' in served ? served.etag : '"v1"';
  return (request, response, asked) => {
    const partial = ranges && request.headers.range && request.headers['if-range'] === etag;
    const body = partial ? bytes.subarray(asked.from) : bytes;
    if (partial && body.length === 0) {
      response.writeHead(416, { 'content-range': `bytes */${bytes.length}` }).end();
      return;
    }
    const length = partial ? body.length : (announce ?? body.length);
    response.writeHead(partial ? 206 : 200, {
      ...headers,
      ...(etag && { etag }),
      ...(length !== false && { 'content-length': length }),
      ...(partial && { 'content-range': `bytes ${asked.from}-${bytes.length - 1}/${bytes.length}` }),
    });
    const sent = body.subarray(0, cutAfter ?? stallAfter ?? body.length);
    asked.sent = sent.length;
    response.write(sent);
    if (cutAfter !== undefined) response.socket!.destroySoon();
    else if (stallAfter === undefined) response.end();
  };
}

export function status(code: number, headers: Record<string, string> = {}): Behaviour {
  return (_request, response) => response.writeHead(code, headers).end('no');
}

export interface Desk {
  readonly url: string;
  /** What it was asked since the test began. */
  readonly asked: Asked[];
  /** Behaves so at the first request, so at the second ...; as the last one at all further ones. */
  behave(...behaviours: Behaviour[]): void;
}

/** A server for the tests of the calling file. */
export function useServer(): Desk {
  let server: Server;
  let behaviours: Behaviour[] = [];
  const asked: Asked[] = [];
  beforeAll(async () => {
    server = createServer((request, response) => {
      const from = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0);
      const one = { url: request.url!, from, headers: request.headers, sent: 0 };
      asked.push(one);
      const behaviour = behaviours.length > 1 ? behaviours.shift()! : behaviours[0]!;
      behaviour(request, response, one);
    });
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  });
  beforeEach(() => {
    asked.length = 0;
  });
  afterAll(() => {
    server.closeAllConnections();
    server.close();
  });
  return {
    get url() {
      return `http://127.0.0.1:${(server.address() as AddressInfo).port}/weights`;
    },
    asked,
    behave: (...some) => {
      behaviours = some;
    },
  };
}

export function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}
