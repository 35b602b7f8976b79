// What is in the cache: found, listed, verified, removed; and what is said when there is nothing and no network.

import { existsSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { mkdir, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { fetchWeights, findWeights } from '../../../src/node/fetch/fetch.js';
import { downloadUrl, KNOWN_SOURCES, knownSource, SOURCE_NAMES } from '../../../src/node/fetch/manifest.js';
import { cachedPath, listCached, removeCached, verifyCached } from '../../../src/node/fetch/weights_cache.js';
import { NAME } from './haste.js';
import { FILE, SHA256, sends, useServer } from './server.js';
import { noise, smallVgg16 } from './small_vgg16.js';
import { expectWhole, useCache } from './support.js';

const server = useServer();
const OTHER = smallVgg16(5, 200_000);
const BAD = noise(6, 1000);
const cache = useCache(() => [FILE, OTHER, BAD]);
const folder = () => cache.places.folder;
const states = async () => (await listCached(folder())).map(({ state }) => state);

/** A port that nobody listens at. */
const NOBODY = 'http://127.0.0.1:1/weights';

describe('the manifest', () => {
  it('knows the names of the command, each once, and hashes only as far as they are published', () => {
    expect(KNOWN_SOURCES.map(({ name }) => name)).toEqual(SOURCE_NAMES);
    expect(KNOWN_SOURCES.map(({ sha256Prefix, md5 }) => sha256Prefix ?? md5)).toEqual([
      '397923af',
      undefined,
      '64373286793e3c8b2b4e3219cbf3544b',
      '6d6bbae143d832006294945121d1f1fc',
    ]);
    for (const { file, url, licence, attribution, page } of KNOWN_SOURCES) {
      expect([url, page].map((text) => new URL(text).protocol)).toEqual(['https:', 'https:']);
      expect(file).toMatch(/^[\w.-]+$/);
      expect(licence && attribution).toBeTruthy();
    }
  });

  it('knows no other', () => {
    expect(() => knownSource('vgg\n19')).toThrow(
      'there are no weights called "vgg\\n19": choose from torchvision, timm, keras, keras-notop',
    );
  });

  it('takes files from the folder that VGG16_WEIGHTS_URL is, unless a URL is given', () => {
    const keras = knownSource('keras-notop');
    expect(downloadUrl(keras).href).toBe(keras.url);
    for (const mirror of ['https://mirror/vgg?key=1', 'https://mirror/vgg/?key=1']) {
      vi.stubEnv('VGG16_WEIGHTS_URL', mirror);
      expect(downloadUrl(keras).href).toBe(`https://mirror/vgg/${keras.file}?key=1`);
    }
    expect(downloadUrl(keras, 'http://here/x').href).toBe('http://here/x');
    expect(() => downloadUrl(keras, '/x.h5')).toThrow('--url is no http or https address: "/x.h5"');
    vi.stubEnv('VGG16_WEIGHTS_URL', 'file:///x');
    expect(() => downloadUrl(keras)).toThrow('VGG16_WEIGHTS_URL is no http or https address: "file:///x"');
  });
});

describe('a second call', () => {
  it('asks no server and hashes nothing', async () => {
    server.behave(sends());
    await cache.fetch({ url: server.url });
    const note = readFileSync(cache.places.sidecar, 'utf8');
    server.asked.length = 0;
    expect(await cache.fetch({ url: server.url })).toMatchObject({ fetched: false, sha256: SHA256 });
    expect(await cache.fetch({ offline: true })).toMatchObject({ fetched: false });
    expect(server.asked).toEqual([]);
    expect(readFileSync(cache.places.sidecar, 'utf8')).toBe(note);
  });

  it('tells of a URL that is none all the same', async () => {
    server.behave(sends());
    await cache.fetch({ url: server.url });
    expect(await cache.failure({ url: 'nonsense' })).toBe('--url is no http or https address: "nonsense"');
  });

  it('finds out that the file has changed since', async () => {
    server.behave(sends());
    await cache.fetch({ url: server.url });
    writeFileSync(cache.places.file, OTHER);
    expect(await cache.failure({ url: server.url })).toContain(
      `its SHA-256 should be ${SHA256} according to the check of`,
    );
    expect(await states()).toEqual(['absent', 'unverified', 'absent', 'absent']);
  });

  it('verifies a file that was only touched, and goes by the mirror no more', async () => {
    server.behave(sends());
    const { checked } = await cache.fetch({ url: server.url });
    utimesSync(cache.places.file, 1, 1);
    expect(await cache.fetch({ offline: true })).toMatchObject({ fetched: false, checked });
    expect(await states()).toEqual(['absent', 'verified', 'absent', 'absent']);
  });
});

describe('without a network', () => {
  const advice = () => `download ${knownSource(NAME).url} by hand and save it as ${cache.places.file}`;

  it('one line says what to put where', async () => {
    expect(await cache.failure({ url: NOBODY })).toBe(
      `cannot fetch the timm weights: cannot reach 127.0.0.1:1: the connection was refused (ECONNREFUSED), ` +
        `2 times without getting further; ${advice()}, or name a mirror by VGG16_WEIGHTS_URL or a proxy by HTTPS_PROXY`,
    );
    expect(await cache.failure({ url: 'http://nowhere.invalid/x' })).toMatch(
      /cannot reach nowhere\.invalid: .*(ENOTFOUND|EAI_AGAIN)/,
    );
    expect(cache.names()).toEqual([]);
  });

  it('so it does offline, and no server is asked', async () => {
    const failure = `no timm weights in the cache, and offline: ${advice()}, or leave --offline and VGG16_OFFLINE out`;
    expect(await cache.failure({ url: server.url, offline: true })).toBe(failure);
    vi.stubEnv('VGG16_OFFLINE', '1');
    expect(await cache.failure({ url: server.url })).toBe(failure);
    expect(server.asked).toEqual([]);
    for (const no of ['', '0']) {
      vi.stubEnv('VGG16_OFFLINE', no);
      server.behave(sends());
      await cache.fetch({ url: server.url });
    }
    expect(server.asked).toHaveLength(1);
  });

  it('a file that was put there by hand is accepted', async () => {
    writeFileSync(cache.places.file, FILE);
    expect(await cache.fetch({ offline: true })).toMatchObject({
      fetched: false,
      sha256: SHA256,
      checked: ['structure'],
    });
    expectWhole(cache);
    expect(JSON.parse(readFileSync(cache.places.sidecar, 'utf8'))).not.toHaveProperty('url');
  });

  it('one that is no VGG16 is not, and is left there', async () => {
    writeFileSync(cache.places.file, BAD);
    const failure = await cache.failure({ offline: true });
    expect(failure).toMatch(/its content is no VGG16: .*; vgg16 weights rm timm removes it$/);
    expect(failure.split(cache.places.file)).toHaveLength(2);
    expect(cache.names()).toEqual([knownSource(NAME).file]);
  });

  it('a folder of that name is not', async () => {
    await mkdir(join(folder(), 'sub', knownSource(NAME).file), { recursive: true });
    const within = { folder: join(folder(), 'sub'), offline: true };
    expect(await cache.failure(within)).toMatch(/vgg16\.tv_in1k\.safetensors: not a file$/);
  });
});

describe('the first use', () => {
  it('takes what is there, and fetches torchvision where nothing is', async () => {
    expect(await findWeights({ folder: folder(), offline: true }).catch(({ message }) => message)).toContain(
      `no torchvision weights in the cache, and offline: download ${knownSource('torchvision').url} by hand`,
    );
    writeFileSync(cache.places.file, FILE);
    expect(await findWeights({ folder: folder(), offline: true })).toMatchObject({
      name: 'timm',
      fetched: false,
    });
    expect(server.asked).toEqual([]);
  });

  it('passes over a bad file, and says how to be rid of it', async () => {
    const notes: string[] = [];
    const options = { folder: folder(), url: server.url, onNote: (line: string) => notes.push(line) };
    writeFileSync(cache.places.file, BAD);
    server.behave(sends({ headers: {} }));
    await expect(findWeights(options)).rejects.toThrow('not the torchvision weights');
    expect(notes[0]).toMatch(/no VGG16: .*; vgg16 weights rm timm removes it$/);
    expect(server.asked).toHaveLength(1);
  });

  it('is told once that a bad file lies where torchvision belongs, unless another will do', async () => {
    const notes: string[] = [];
    const options = { folder: folder(), url: server.url, onNote: (line: string) => notes.push(line) };
    writeFileSync(cachedPath('torchvision', folder()), BAD);
    await expect(findWeights(options)).rejects.toThrow('vgg16 weights rm torchvision removes it');
    expect(notes).toEqual([]);
    writeFileSync(cache.places.file, FILE);
    expect(await findWeights(options)).toMatchObject({ name: 'timm', fetched: false });
    expect(notes).toEqual([expect.stringContaining('vgg16 weights rm torchvision removes it')]);
    expect(server.asked).toEqual([]);
  });

  it('asks nobody where VGG16_OFFLINE says so', async () => {
    vi.stubEnv('VGG16_OFFLINE', '1');
    await expect(findWeights({ folder: folder(), url: server.url })).rejects.toThrow('and offline: ');
    expect(server.asked).toEqual([]);
  });
});

describe('the cache', () => {
  it('lists what is known, with what there is of it', async () => {
    expect(await states()).toEqual(['absent', 'absent', 'absent', 'absent']);
    server.behave(sends({ cutAfter: 100_000 }), sends({ cutAfter: 0 }));
    await cache.failure({ url: server.url });
    writeFileSync(cachedPath('keras', folder()), OTHER);
    const list = await listCached(folder());
    expect(list.map(({ source, state, size }) => [source.name, state, size])).toEqual([
      ['torchvision', 'absent', 0],
      ['timm', 'part', 100_000],
      ['keras', 'unverified', OTHER.length],
      ['keras-notop', 'absent', 0],
    ]);
    server.behave(sends());
    await cache.fetch({ url: server.url });
    const timm = (await listCached(folder()))[1]!;
    expect(timm).toMatchObject({ path: cache.places.file, state: 'verified', size: FILE.length });
    expect(timm.noted).toMatchObject({ url: server.url, sha256: SHA256 });
  });

  it('is where VGG16_CACHE says', () => {
    vi.stubEnv('VGG16_CACHE', '/some/where');
    expect(cachedPath('torchvision')).toBe(join('/some/where', 'weights', 'vgg16-397923af.pth'));
  });

  it('verifies again what was verified before, even where size and time are the same', async () => {
    await expect(verifyCached(NAME, { folder: folder() })).rejects.toThrow(
      `${cache.places.file}: no such file; vgg16 weights fetch timm downloads it`,
    );
    server.behave(sends());
    await cache.fetch({ url: server.url });
    expect(await verifyCached(NAME, { folder: folder() })).toMatchObject({
      sha256: SHA256,
      size: FILE.length,
    });
    const { mtimeMs } = JSON.parse(readFileSync(cache.places.sidecar, 'utf8'));
    const flipped = Buffer.from(FILE);
    flipped[123_456]! ^= 1;
    await rename(cache.places.file, `${cache.places.file}.aside`);
    writeFileSync(cache.places.file, flipped);
    utimesSync(cache.places.file, mtimeMs / 1000, mtimeMs / 1000);
    await expect(verifyCached(NAME, { folder: folder() })).rejects.toThrow(
      /damaged, or not .*vgg16 weights rm timm/,
    );
    await rename(`${cache.places.file}.aside`, cache.places.file);
  });

  it('removes a file, its part and its notes, and nothing else', async () => {
    const neighbour = cachedPath('keras-notop', folder());
    writeFileSync(neighbour, OTHER);
    writeFileSync(cachedPath('keras', folder()), OTHER);
    server.behave(sends());
    await cache.fetch({ url: server.url });
    writeFileSync(cache.places.part, OTHER);
    writeFileSync(`${cache.places.sidecar}.tmp-1-abc`, '');
    expect((await removeCached(NAME, { folder: folder() })).sort()).toEqual(
      ['', '.json', '.json.tmp-1-abc', '.part'].map((end) => cache.places.file + end),
    );
    expect(await removeCached('keras', { folder: folder() })).toEqual([cachedPath('keras', folder())]);
    expect(cache.names()).toEqual([knownSource('keras-notop').file]);
    expect(await removeCached(NAME, { folder: folder() })).toEqual([]);
    expect(await removeCached(NAME, { folder: join(folder(), 'missing') })).toEqual([]);
    expect(existsSync(join(folder(), 'missing'))).toBe(false);
  });

  it('is cleaned by the next fetch of what a killed process left', async () => {
    writeFileSync(`${cache.places.partState}.tmp-1-abc`, '');
    server.behave(sends());
    await fetchWeights(NAME, { folder: folder(), url: server.url });
    expectWhole(cache);
  });
});
