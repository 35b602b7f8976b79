// Connections that break, and servers whose file changes meanwhile.

import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { HASTE } from './haste.js';
import { FILE, STATED, sends, sha256, status, useServer } from './server.js';
import { smallVgg16 } from './small_vgg16.js';
import { expectWhole, useCache } from './support.js';

const server = useServer();
const CHANGED = smallVgg16(2, 250_000);
const cache = useCache(() => [FILE, CHANGED]);
const bytesSent = () => server.asked.reduce((sum, { sent }) => sum + sent, 0);
const starts = () => server.asked.map(({ from }) => from);

describe('a download that is cut off', () => {
  it('goes on where it was, and no byte is sent twice', async () => {
    server.behave(sends({ cutAfter: 150_000 }), sends());
    const { sha256: hash, fetched } = await cache.fetch({ url: server.url });
    expectWhole(cache);
    expect([hash, fetched]).toEqual([sha256(FILE), true]);
    expect(starts()).toEqual([0, 150_000]);
    expect(server.asked[1]!.headers['if-range']).toBe('"v1"');
    expect(bytesSent()).toBe(FILE.length);
    expect(cache.notes[0]).toMatch(/^127\.0\.0\.1:\d+ broke off \(.+\); trying again in 0\.0 s$/);
  });

  it('ten times goes on ten times, more often than it may fail without getting further', async () => {
    server.behave(...Array.from({ length: 10 }, () => sends({ cutAfter: 25_000 })), sends());
    await cache.fetch({ url: server.url });
    expectWhole(cache);
    expect(starts()).toEqual(Array.from({ length: 11 }, (_, i) => i * 25_000));
    expect(bytesSent()).toBe(FILE.length);
  });

  it('again and again at the same place is given up, and the next call goes on from there', async () => {
    server.behave(sends({ cutAfter: 100_000 }), sends({ cutAfter: 0 }));
    expect(await cache.failure({ url: server.url })).toMatch(
      /broke off \(.+\), 4 times without getting further; the 100000 bytes that came are kept for the next try; download .* by hand/,
    );
    expect(existsSync(cache.places.file)).toBe(false);
    server.asked.length = 0;
    server.behave(sends());
    const progress: number[][] = [];
    await cache.fetch({ url: server.url, onProgress: (...numbers) => progress.push(numbers) });
    expectWhole(cache);
    expect(starts()).toEqual([100_000]);
    expect(progress[0]).toEqual([100_000, FILE.length]);
    expect(progress.at(-1)).toEqual([FILE.length, FILE.length]);
  });

  it('begins anew where the server knows no ranges', async () => {
    server.behave(sends({ cutAfter: 150_000, ranges: false }), sends({ ranges: false }));
    await cache.fetch({ url: server.url });
    expectWhole(cache);
    expect(bytesSent()).toBe(150_000 + FILE.length);
  });

  it('is given up in the end where the server knows no ranges and never comes further', async () => {
    server.behave(sends({ cutAfter: 150_000, ranges: false }));
    expect(await cache.failure({ url: server.url })).toContain('4 times without getting further');
    expect(server.asked).toHaveLength(4);
  });

  it('begins anew under a weak ETag, which says too little of the bytes', async () => {
    server.behave(sends({ cutAfter: 150_000, etag: 'W/"v1"' }), sends({ etag: 'W/"v1"' }));
    await cache.fetch({ url: server.url });
    expectWhole(cache);
    expect(server.asked.map(({ headers }) => headers.range)).toEqual([undefined, undefined]);
  });

  it('goes on by date where there is no ETag', async () => {
    const dated = {
      headers: { ...STATED, 'last-modified': 'Tue, 01 Oct 2024 10:00:00 GMT' },
      etag: undefined,
    };
    server.behave(sends({ ...dated, cutAfter: 150_000 }), (request, response, asked) => {
      expect(request.headers['if-range']).toBe('Tue, 01 Oct 2024 10:00:00 GMT');
      asked.sent = FILE.length - asked.from;
      const range = `bytes ${asked.from}-${FILE.length - 1}/${FILE.length}`;
      response.writeHead(206, { ...dated.headers, 'content-range': range }).end(FILE.subarray(asked.from));
    });
    await cache.fetch({ url: server.url });
    expectWhole(cache);
    expect(bytesSent()).toBe(FILE.length);
  });
});

describe('a stall', () => {
  it('ends the connection, and another one goes on', async () => {
    server.behave(sends({ stallAfter: 150_000 }), sends());
    await cache.fetch({ url: server.url, patience: { ...HASTE, stallMs: 300 } });
    expectWhole(cache);
    expect(cache.notes[0]).toMatch(/^127\.0\.0\.1:\d+ sent nothing for 0\.3 s; trying again in 0\.0 s$/);
    expect(bytesSent()).toBe(FILE.length);
  });

  it('before each answer, twice as long as is waited for at first, is survived by waiting longer', async () => {
    server.behave((request, response, asked) => {
      setTimeout(() => sends()(request, response, asked), 600);
    });
    await cache.fetch({ url: server.url, patience: { ...HASTE, stallMs: 300 } });
    expectWhole(cache);
  });
});

describe('a file that changes on the server between two parts', () => {
  const changed = { bytes: CHANGED, etag: '"v2"', headers: { 'x-linked-etag': sha256(CHANGED) } };
  const expectChanged = () => expect(readFileSync(cache.places.file).equals(CHANGED)).toBe(true);

  it('is sent whole by a server that heeds If-Range', async () => {
    server.behave(sends({ cutAfter: 150_000 }), sends(changed));
    await cache.fetch({ url: server.url });
    expectChanged();
  });

  const rest =
    (headers: Record<string, string>) => (_: unknown, response: import('node:http').ServerResponse) =>
      void response.writeHead(206, headers).end(CHANGED.subarray(150_000));

  it.each([
    ['has another ETag', { etag: '"v2"', 'content-range': 'bytes 150000-249999/300000' }],
    ['has another total', { etag: '"v1"', 'content-range': 'bytes 150000-249999/250000' }],
    ['begins elsewhere', { etag: '"v1"', 'content-range': 'bytes 140000-299999/300000' }],
    ['does not say where it begins', { etag: '"v1"' }],
    [
      'states another hash',
      { etag: '"v1"', 'content-range': 'bytes 150000-299999/300000', 'x-linked-etag': sha256(CHANGED) },
    ],
  ])('is begun anew where the rest %s', async (_, headers) => {
    server.behave(sends({ cutAfter: 150_000 }), rest(headers), sends(changed));
    await cache.fetch({ url: server.url });
    expectChanged();
    expect(server.asked.map(({ headers: { range } }) => range)).toEqual([
      undefined,
      'bytes=150000-',
      undefined,
    ]);
  });

  it('is begun anew where it has become shorter than what there is', async () => {
    server.behave(
      sends({ cutAfter: 150_000 }),
      status(416, { 'content-range': 'bytes */90000' }),
      sends(changed),
    );
    await cache.fetch({ url: server.url });
    expectChanged();
  });

  it('at every request is given up', async () => {
    let version = 0;
    server.behave((...call) => sends({ etag: `"${version++}"`, cutAfter: 100_000 })(...call));
    expect(await cache.failure({ url: server.url })).toContain('4 times without getting further');
  });
});

describe('a part of an earlier process', () => {
  const broken = async () => {
    server.behave(sends({ cutAfter: 150_000, announce: 300_000 }), sends({ cutAfter: 0 }));
    await cache.failure({ url: server.url });
    server.asked.length = 0;
    server.behave(sends());
  };

  it.each([
    ['has no note beside it', () => writeFileSync(cache.places.partState, '')],
    [
      'has a note that makes no sense',
      () => writeFileSync(cache.places.partState, '{"url":1,"claims":[{}]}'),
    ],
    ['is longer than the file', () => writeFileSync(cache.places.part, Buffer.alloc(400_000))],
  ])('is begun anew where it %s', async (_, spoil) => {
    await broken();
    spoil();
    await cache.fetch({ url: server.url });
    expectWhole(cache);
    expect(starts()).toEqual([0]);
  });

  it('is begun anew where the file now comes from elsewhere', async () => {
    await broken();
    await cache.fetch({ url: `${server.url}/mirror` });
    expectWhole(cache);
    expect(starts()).toEqual([0]);
  });

  it('that is whole needs no server, only its hash', async () => {
    await broken();
    writeFileSync(cache.places.part, FILE);
    await cache.fetch({ url: server.url });
    expectWhole(cache);
    expect(server.asked).toEqual([]);
  });

  it('that is whole though nobody knows it is recognised by the answer', async () => {
    await broken();
    writeFileSync(cache.places.part, FILE);
    const { total: _, ...note } = JSON.parse(readFileSync(cache.places.partState, 'utf8'));
    writeFileSync(cache.places.partState, JSON.stringify(note));
    await cache.fetch({ url: server.url });
    expectWhole(cache);
    expect([starts(), bytesSent()]).toEqual([[FILE.length], 0]);
  });

  it('whose bytes were spoilt is found out, removed, and the next call is clean', async () => {
    await broken();
    expect(statSync(cache.places.part).size).toBe(150_000);
    writeFileSync(cache.places.part, Buffer.alloc(150_000));
    expect(await cache.failure({ url: server.url })).toContain(`its SHA-256 should be ${sha256(FILE)}`);
    expect(cache.names()).toEqual([]);
    await cache.fetch({ url: server.url });
    expectWhole(cache);
  });
});
