// Proxies, and certificates that nobody should trust.

import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { type AddressInfo, connect } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { proxyFor } from '../../../src/node/fetch/proxy.js';
import { useChildren } from './children.js';
import { sends, useServer } from './server.js';
import { expectWhole, useCache } from './support.js';

/** A key and its own certificate, for 127.0.0.1 and localhost; both are public. */
const TLS = readFileSync('test/node/fetch/tls.pem');

const server = useServer();
const cache = useCache();
const child = useChildren();

/** Requests that the proxy was sent. */
const seen: string[] = [];
/** What the proxy answers to CONNECT; 200 connects. */
let answer = 200;
let proxy: Server;
let secure: Server;
let redirect: string | undefined;
const portOf = (one: Server) => (one.address() as AddressInfo).port;
const proxyUrl = () => `http://me:100%@127.0.0.1:${portOf(proxy)}`;
const secureUrl = () => `https://127.0.0.1:${portOf(secure)}/weights`;

beforeAll(async () => {
  proxy = createServer((request, response) => {
    seen.push(`${request.method} ${request.url} ${request.headers['proxy-authorization']}`);
    if (answer !== 200) return void response.writeHead(answer).end();
    sends()(request, response, { url: request.url!, from: 0, headers: request.headers, sent: 0 });
  });
  proxy.on('connect', (request, socket) => {
    seen.push(`CONNECT ${request.url}`);
    socket.on('error', () => {});
    if (answer !== 200) return void socket.end(`HTTP/1.1 ${answer} No\r\n\r\n`);
    const [host, port] = request.url!.split(':');
    const onward = connect(Number(port), host!, () => {
      socket.write('HTTP/1.1 200 OK\r\n\r\n');
      onward.pipe(socket).pipe(onward);
    });
    onward.on('error', () => socket.destroy());
  });
  secure = createTlsServer({ key: TLS, cert: TLS }, (request, response) => {
    if (redirect) response.writeHead(302, { location: redirect }).end();
    else sends()(request, response, { url: request.url!, from: 0, headers: request.headers, sent: 0 });
  });
  for (const one of [proxy, secure]) await new Promise<void>((done) => one.listen(0, '127.0.0.1', done));
});
beforeEach(() => {
  seen.length = 0;
  answer = 200;
  redirect = undefined;
});
afterAll(() => {
  for (const one of [proxy, secure]) {
    one.closeAllConnections();
    one.close();
  }
});

/** A process that trusts the certificate. */
const TRUSTING = { NODE_EXTRA_CA_CERTS: 'test/node/fetch/tls.pem' };
const trusting = async (env: Record<string, string> = {}) =>
  (await child({ url: secureUrl(), folder: cache.places.folder }, { env: { ...TRUSTING, ...env } }).ended).at(
    -1,
  );

describe('a proxy', () => {
  it('is asked for plain http, with its password', async () => {
    vi.stubEnv('http_proxy', proxyUrl());
    await cache.fetch({ url: 'http://weights.invalid/weights' });
    expectWhole(cache);
    const password = Buffer.from('me:100%').toString('base64');
    expect(seen).toEqual([`GET http://weights.invalid/weights Basic ${password}`]);
  });

  it('is asked for a tunnel for https', async () => {
    expect(await trusting({ HTTPS_PROXY: proxyUrl() })).toEqual({ fetched: true });
    expectWhole(cache);
    expect(seen).toEqual([`CONNECT 127.0.0.1:${portOf(secure)}`]);
  });

  it('is not asked for hosts in NO_PROXY', async () => {
    server.behave(sends());
    vi.stubEnv('HTTP_PROXY', proxyUrl());
    vi.stubEnv('NO_PROXY', 'example.org, 127.0.0.1');
    await cache.fetch({ url: server.url });
    expectWhole(cache);
    expect(seen).toEqual([]);
  });

  it.each([403, 407, 502])('that answers %i to the wish for a tunnel is named as the cause', async (code) => {
    answer = code;
    vi.stubEnv('HTTPS_PROXY', proxyUrl());
    expect(await cache.failure({ url: 'https://weights.invalid/x' })).toContain(
      `the proxy 127.0.0.1:${portOf(proxy)} refuses the way to weights.invalid (${code})`,
    );
    expect(cache.names()).toEqual([]);
  });

  it('that wants a password for plain http is named, too', async () => {
    answer = 407;
    vi.stubEnv('HTTP_PROXY', proxyUrl());
    expect(await cache.failure({ url: 'http://weights.invalid/x' })).toContain(
      `the proxy 127.0.0.1:${portOf(proxy)} refuses the way to weights.invalid (407)`,
    );
  });

  it('that cannot be reached is an error', async () => {
    vi.stubEnv('HTTPS_PROXY', 'http://127.0.0.1:1');
    expect(await cache.failure({ url: 'https://weights.invalid/x' })).toContain(
      'cannot reach the proxy 127.0.0.1:1: the connection was refused (ECONNREFUSED)',
    );
  });

  it('that is no web address is refused', async () => {
    vi.stubEnv('HTTP_PROXY', 'socks5://127.0.0.1:1080');
    expect(await cache.failure({ url: server.url })).toBe('HTTP_PROXY is no http or https address');
  });
});

describe('a certificate', () => {
  it('that nobody vouches for is refused at once', async () => {
    expect(await cache.failure({ url: secureUrl() })).toMatch(
      /the certificate of 127\.0\.0\.1:\d+ is not trusted \(\w+; NODE_EXTRA_CA_CERTS names a file of further authorities\); download/,
    );
  });

  it('is not given up for plain http by a redirect', async () => {
    server.behave(sends());
    redirect = server.url;
    expect((await trusting())?.error).toContain(
      `redirects from https:// to ${server.url}, which is not followed`,
    );
    expect(server.asked).toEqual([]);
  });
});

describe('the way to a server', () => {
  const way = (url: string, env: Record<string, string>) => proxyFor(new URL(url), env);

  it('goes by the scheme, and lower case counts first', () => {
    const env = { HTTP_PROXY: 'http://a:1', http_proxy: 'b:2', HTTPS_PROXY: 'https://c:3' };
    expect(way('http://x/', env)).toBe('http://b:2');
    expect(way('https://x/', env)).toBe('https://c:3');
    expect(way('https://x/', { HTTP_PROXY: 'http://a:1' })).toBeUndefined();
    expect(way('http://x/', { http_proxy: '', HTTP_PROXY: 'http://a:1' })).toBeUndefined();
  });

  it.each([
    ['x.org', 'x.org', true],
    ['www.x.org', 'x.org', true],
    ['www.x.org', '.x.org', true],
    ['www.x.org', '*.x.org', true],
    ['notx.org', 'x.org', false],
    ['x.org', 'a.org,X.ORG', true],
    ['x.org', 'x.org:443', true],
    ['x.org', 'x.org:8443', false],
    ['x.org:8443', 'x.org:8443', true],
    ['x.org', '*', true],
    ['x.org', '', false],
    ['x.org', ' , ', false],
    ['127.0.0.1', '127.0.0.1', true],
    ['[::1]:8443', '[::1]', true],
  ])('to %s is straight under NO_PROXY=%s: %s', (host, exceptions, straight) => {
    const env = { HTTPS_PROXY: 'http://a:1', NO_PROXY: exceptions };
    expect(way(`https://${host}/`, env)).toBe(straight ? undefined : 'http://a:1');
  });
});
