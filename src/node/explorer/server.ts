// Serves the explorer page to this machine, and to no other.

import { createReadStream } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { UsageError } from '../../errors.js';
import type { ModelFiles } from './model_files.js';

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.json': 'application/json',
  '.png': 'image/png',
};

/** Nothing from elsewhere, and nothing to elsewhere. */
const POLICY =
  "default-src 'self'; img-src 'self' data: blob:; style-src 'self' 'unsafe-inline'; connect-src 'self' data:; frame-ancestors 'none'";

export interface PageServer {
  /** `http://127.0.0.1:PORT/` */
  readonly url: string;
  close(): Promise<void>;
}

/** The usual port: what a browser keeps of a page, it keeps by address and port. */
const USUAL_PORT = 8216;

/**
 * @param port  0 for any that is free; undefined for the usual one, or any where that is taken
 * @throws UsageError for a port that is taken or not allowed
 */
export async function servePage(folder: string, model: ModelFiles, port?: number): Promise<PageServer> {
  if (port === undefined) {
    return servePage(folder, model, USUAL_PORT).catch((error) => {
      if (error instanceof UsageError) return servePage(folder, model, 0);
      throw error;
    });
  }

  const files = new Map((await readdir(folder)).map((name) => [`/${name}`, join(folder, name)]));
  files.set('/', join(folder, 'index.html'));
  files.set('/weights.safetensors', model.weights);
  const server = createServer((request, response) => {
    answer(files, model.manifest, request, response).catch(() => response.destroy());
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const why = error.code === 'EADDRINUSE' ? 'is taken' : `cannot be used (${error.code})`;
      reject(new UsageError(`port ${port} ${why}; leave --port out for a free one`, { cause: error }));
    });
    server.listen(port, '127.0.0.1', resolve);
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function answer(
  files: ReadonlyMap<string, string>,
  manifest: string,
  { method, url = '/', headers }: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  response.setHeader('content-security-policy', POLICY);
  response.setHeader('x-content-type-options', 'nosniff');
  // A page of its own has the finer clocks.
  response.setHeader('cross-origin-opener-policy', 'same-origin');
  response.setHeader('cross-origin-embedder-policy', 'require-corp');
  response.setHeader('cache-control', 'no-store');
  // A page from elsewhere whose name was made to point here is not to read the weights.
  if (!/^(127\.0\.0\.1|localhost)(:\d+)?$/.test(headers.host ?? '')) {
    response.writeHead(403).end('this server answers to 127.0.0.1 and localhost only\n');
    return;
  }
  if (method !== 'GET' && method !== 'HEAD') {
    response.writeHead(405, { allow: 'GET, HEAD' }).end();
    return;
  }
  const { pathname } = new URL(url, 'http://127.0.0.1');
  if (pathname === '/model.json') {
    response.setHeader('content-type', TYPES['.json']!);
    response.end(method === 'HEAD' ? undefined : manifest);
    return;
  }
  const file = files.get(pathname);
  if (!file) {
    response.writeHead(404).end('there is no such file\n');
    return;
  }
  const { size } = await stat(file);
  response.setHeader('content-type', TYPES[extname(file)] ?? 'application/octet-stream');
  response.setHeader('content-length', size);
  if (method === 'HEAD') response.end();
  else await pipeline(createReadStream(file), response);
}
