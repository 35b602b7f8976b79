// Answers that are wrong, and what is made of them.

import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { knownSource } from '../../../src/node/fetch/manifest.js';
import { NAME } from './haste.js';
import { type Behaviour, FILE, SHA256, STATED, sends, sha256, status, useServer } from './server.js';
import { noise, smallVgg16 } from './small_vgg16.js';
import { expectWhole, useCache } from './support.js';

const server = useServer();
const cache = useCache();
const WRONG = noise(3, FILE.length);

describe('wrong bytes', () => {
  it('are removed, with what was expected and what was found', async () => {
    server.behave(sends({ bytes: WRONG }));
    expect(await cache.failure({ url: server.url })).toBe(
      `${server.url}: what was downloaded is not the timm weights and was removed: its SHA-256 should be ${SHA256} ` +
        `according to X-Linked-ETag, but is ${sha256(WRONG)}; try again, or another mirror`,
    );
    expect(cache.names()).toEqual([]);
  });

  it.each([
    ['repr-digest', `sha-512=:AAAA:, sha-256=:${Buffer.from(SHA256, 'hex').toString('base64')}:`],
    ['digest', `SHA-256=${Buffer.from(SHA256, 'hex').toString('base64')}`],
    ['x-amz-checksum-sha256', Buffer.from(SHA256, 'hex').toString('base64')],
    ['x-goog-hash', 'crc32c=AAAAAA==,md5=1B2M2Y8AsgTpgAmY7PhCfg=='],
  ])('are found out by %s', async (name, value) => {
    server.behave(sends({ bytes: WRONG, headers: { [name]: value } }));
    expect(await cache.failure({ url: server.url })).toContain(`according to ${name}, but is`);
    expect(cache.names()).toEqual([]);
  });

  it('are found out without any hash: they are no VGG16', async () => {
    server.behave(sends({ bytes: WRONG, headers: {} }));
    expect(await cache.failure({ url: server.url })).toMatch(
      /weights: what was downloaded is not the timm weights and was removed: its content is no VGG16: .+; try again/,
    );
    expect(cache.names()).toEqual([]);
  });

  it('are found out though the server that has them states their hash', async () => {
    server.behave(sends({ bytes: WRONG, headers: { 'x-linked-etag': sha256(WRONG) } }));
    expect(await cache.failure({ url: server.url })).toContain('its content is no VGG16');
    expect(cache.names()).toEqual([]);
  });

  it('are found out by their classes, where they are another VGG16', async () => {
    server.behave(sends({ bytes: smallVgg16(6, 250_000, 10), headers: {} }));
    expect(await cache.failure({ url: server.url })).toContain(
      'its classifier should have 1000 outputs, but has 10 outputs; try again',
    );
    expect(cache.names()).toEqual([]);
  });

  it('are not asked for where two statements contradict each other', async () => {
    const digest = `sha-256=:${Buffer.from(sha256(WRONG), 'hex').toString('base64')}:`;
    server.behave(sends({ headers: { ...STATED, 'repr-digest': digest } }));
    expect(await cache.failure({ url: server.url })).toContain('has another file: SHA-256 should be');
    expect(cache.names()).toEqual([]);
  });
});

describe('a length', () => {
  it('that is longer than what comes ends in an error', async () => {
    server.behave(sends({ headers: { 'x-linked-size': '400000' }, announce: false }));
    expect(await cache.failure({ url: server.url })).toContain('4 times without getting further');
  });

  it('of more than was announced ends in an error, and nothing is kept', async () => {
    server.behave(sends({ headers: { ...STATED, 'x-linked-size': '200000' }, announce: false }));
    expect(await cache.failure({ url: server.url })).toContain(
      'sends more than the 200000 bytes that it announced',
    );
    expect(cache.names()).toEqual([]);
  });

  it('beyond Content-Length does not get into the file', async () => {
    server.behave((_, response) => {
      const head = `HTTP/1.1 200 OK\r\nx-linked-etag: "${SHA256}"\r\ncontent-length: ${FILE.length}\r\n\r\n`;
      response.socket!.end(Buffer.concat([Buffer.from(head), FILE, Buffer.from('more')]));
    });
    await cache.fetch({ url: server.url });
    expectWhole(cache);
  });

  it('on which hub and storage disagree ends in an error at once', async () => {
    server.behave(sends({ headers: { ...STATED, 'x-linked-size': '200000' } }));
    expect(await cache.failure({ url: server.url })).toMatch(/announces 200000 bytes, and .* sends 300000/);
    expect(server.asked).toHaveLength(1);
  });

  it('that nobody states is no hindrance where the hash is known', async () => {
    server.behave(sends({ headers: { 'x-linked-etag': SHA256 }, announce: false }));
    await cache.fetch({ url: server.url });
    expectWhole(cache);
  });

  it('that nobody states is one where there is no hash either', async () => {
    server.behave(sends({ headers: {}, announce: false }));
    expect(await cache.failure({ url: server.url })).toContain('states neither size nor hash');
    expect(cache.names()).toEqual([]);
  });

  it('of nothing is no file', async () => {
    server.behave(sends({ headers: {}, bytes: Buffer.alloc(0) }));
    expect(await cache.failure({ url: server.url })).toContain('sends an empty file');
  });

  it('that does not fit on the disk is told before anything is downloaded', async () => {
    const total = 9e14;
    server.behave(sends({ headers: {}, announce: total, stallAfter: 10 }));
    expect(await cache.failure({ url: server.url })).toMatch(
      /^cannot write .*vgg16\.tv_in1k\.safetensors: 900000000\.0 MB are needed, and \d+\.\d MB are free on the disk$/,
    );
  });
});

describe('a redirect', () => {
  const to = (location: string, headers = {}): Behaviour => status(302, { location, ...headers });

  it('is followed, and what the hub says on it counts', async () => {
    server.behave(to('/storage/abc', STATED), sends({ headers: {} }));
    const { checked } = await cache.fetch({ url: server.url });
    expectWhole(cache);
    expect(server.asked.map(({ url }) => url)).toEqual(['/weights', '/storage/abc']);
    expect(checked).toEqual(['size', 'structure', 'SHA-256 from X-Linked-ETag']);
  });

  it('leads to the rest of the file as well', async () => {
    const hop = to('/storage', STATED);
    server.behave(hop, sends({ headers: {}, cutAfter: 150_000 }), hop, sends({ headers: {} }));
    await cache.fetch({ url: server.url });
    expectWhole(cache);
    expect(server.asked.map(({ from }) => from)).toEqual([0, 0, 150_000, 150_000]);
  });

  it('to wrong bytes is found out by what the hub said', async () => {
    server.behave(to('/storage', STATED), sends({ bytes: WRONG, headers: {} }));
    expect(await cache.failure({ url: server.url })).toContain('according to X-Linked-ETag');
    expect(cache.names()).toEqual([]);
  });

  it('takes no password to another server', async () => {
    const other = server.url.replace('127.0.0.1', 'localhost');
    server.behave(to(other), sends());
    await cache.fetch({ url: server.url.replace('//', '//me:100%@') });
    expectWhole(cache);
    const sent = server.asked.map(({ headers }) => headers.authorization);
    expect(sent).toEqual([`Basic ${Buffer.from('me:100%').toString('base64')}`, undefined]);
    expect(readFileSync(cache.places.sidecar, 'utf8')).not.toContain('100%');
  });

  it.each([
    ['in a circle', '/weights', /redirects more than 10 times/],
    ['to nowhere', '', /redirects/],
    [
      'to what is no web address',
      'file:///etc/passwd',
      /redirects from http:\/\/ to .*, which is not followed/,
    ],
  ])('%s is an error', async (_, location, message) => {
    server.behave(location ? to(location) : status(302));
    expect(await cache.failure({ url: server.url })).toMatch(message);
    expect(cache.names()).toEqual([]);
  });
});

describe('a status', () => {
  it.each([
    [404, 'does not have /weights (HTTP status 404)'],
    [403, 'forbids /weights (HTTP status 403)'],
    [401, 'wants a user and a password for /weights'],
    [206, 'sends only a part of /weights (HTTP status 206)'],
  ])('of %i fails at once, with what to do', async (code, words) => {
    server.behave(status(code));
    const message = await cache.failure({ url: server.url });
    expect(message).toContain(words);
    expect(message).toContain(
      `download ${knownSource(NAME).url} by hand and save it as ${cache.places.file}`,
    );
    expect(server.asked).toHaveLength(1);
  });

  it('of 500, then of 503, is tried again', async () => {
    server.behave(status(500), status(503), sends());
    await cache.fetch({ url: server.url });
    expectWhole(cache);
  });

  it('of 500 for ever is given up', async () => {
    server.behave(status(500));
    expect(await cache.failure({ url: server.url })).toContain(
      '(HTTP status 500), 4 times without getting further',
    );
    expect(server.asked).toHaveLength(4);
  });

  it('of 429 waits as long as it is asked to', async () => {
    server.behave(status(429, { 'retry-after': '1' }), sends());
    const begin = performance.now();
    await cache.fetch({ url: server.url });
    expectWhole(cache);
    expect(performance.now() - begin).toBeGreaterThan(990);
  });

  it('of 429 that asks to wait an hour says so', async () => {
    server.behave(status(429, { 'retry-after': '3600' }));
    expect(await cache.failure({ url: server.url })).toContain('(HTTP status 429) and asks to wait 3600 s');
  });
});

it('asks for the bytes as they are, and refuses compressed ones', async () => {
  server.behave(sends({ headers: { ...STATED, 'content-encoding': 'gzip' } }));
  expect(await cache.failure({ url: server.url })).toContain('compresses the file (gzip)');
  expect(server.asked[0]!.headers['accept-encoding']).toBe('identity');
});

it('takes the login page of a network for no weights', async () => {
  server.behave(sends({ headers: { 'content-type': 'text/html; charset=utf-8' } }));
  expect(await cache.failure({ url: server.url })).toContain('answers with a web page');
});

it('stops where it is when it is told to, and keeps what came', async () => {
  server.behave(sends({ stallAfter: 150_000 }));
  const stop = new AbortController();
  const reason = new Error('enough');
  const onProgress = (done: number) => {
    if (done === 150_000) stop.abort(reason);
  };
  await expect(cache.fetch({ url: server.url, signal: stop.signal, onProgress })).rejects.toBe(reason);
  expect(readFileSync(cache.places.part).equals(FILE.subarray(0, 150_000))).toBe(true);
});
