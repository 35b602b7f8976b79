// Hashes that are known before any server is asked. The real ones are of files that no test downloads: here the
// manifest claims those of the test's own file.

import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { describe, expect, it, vi } from 'vitest';
import { fetchWeights } from '../../../src/node/fetch/fetch.js';
import { knownSource } from '../../../src/node/fetch/manifest.js';
import { placesOf } from '../../../src/node/fetch/weights_cache.js';
import { HASTE } from './haste.js';
import { FILE, SHA256, STATED, sends, sha256, useServer } from './server.js';
import { noise } from './small_vgg16.js';
import { useCache } from './support.js';

vi.mock('../../../src/node/fetch/manifest.json', async (original) => {
  const { default: manifest } = await original<{ default: { name: string }[] }>();
  const { FILE: file, SHA256: hash } = await import('./server.js');
  const pins: Record<string, object> = {
    torchvision: { sha256Prefix: hash.slice(0, 8) },
    keras: { md5: createHash('md5').update(file).digest('hex') },
  };
  return { default: manifest.map((source) => ({ ...source, ...pins[source.name] })) };
});

const server = useServer();
const cache = useCache();
const WRONG = noise(4, FILE.length);
const MD5 = createHash('md5').update(FILE).digest('hex');

describe.each([
  [
    'torchvision',
    `SHA-256 should begin with ${SHA256.slice(0, 8)}`,
    sha256(WRONG),
    'SHA-256 from its publisher',
  ],
  ['keras', `MD5 should be ${MD5}`, createHash('md5').update(WRONG).digest('hex'), 'MD5 from its publisher'],
])('the pin of %s', (name, expected, found, title) => {
  const folder = () => cache.places.folder;
  const fetch = (url: string | undefined = server.url) =>
    fetchWeights(name, { folder: folder(), url, patience: HASTE });
  const file = () => placesOf(knownSource(name), folder()).file;

  it('admits the file', async () => {
    server.behave(sends({ headers: {} }));
    expect(await fetch()).toMatchObject({ name, path: file(), sha256: SHA256, checked: ['size', title] });
    expect(readFileSync(file()).equals(FILE)).toBe(true);
    expect(JSON.parse(readFileSync(`${file()}.json`, 'utf8'))).toMatchObject({
      source: name,
      url: server.url,
      size: FILE.length,
      sha256: SHA256,
      checked: ['size', title],
    });
  });

  it('refuses another from any mirror, removes it, and says what was expected and found', async () => {
    server.behave(sends({ bytes: WRONG, headers: {} }));
    await expect(fetch()).rejects.toThrow(
      `its ${expected} according to its publisher, but is ${found}; try again`,
    );
    expect(cache.names()).toEqual([]);
  });

  it('refuses what was put there by hand and is another, and leaves it there', async () => {
    await writeFile(file(), WRONG);
    await expect(fetch()).rejects.toThrow(
      `its ${expected} according to its publisher, but is ${found}; vgg16`,
    );
    expect(existsSync(file())).toBe(true);
    expect(server.asked).toEqual([]);
  });

  it('admits what was put there by hand, without any server', async () => {
    await writeFile(file(), FILE);
    expect(await fetch()).toMatchObject({ fetched: false, sha256: SHA256, checked: [title] });
    expect(server.asked).toEqual([]);
  });
});

it('contradicts a server before anything is downloaded', async () => {
  server.behave(sends({ bytes: WRONG, headers: { 'x-linked-etag': sha256(WRONG) } }));
  const fetch = fetchWeights('torchvision', {
    folder: cache.places.folder,
    url: server.url,
    patience: HASTE,
  });
  await expect(fetch).rejects.toThrow(`has another file: SHA-256 should begin with ${SHA256.slice(0, 8)}`);
  expect(cache.names()).toEqual([]);
});

it('and the statement of a server both count', async () => {
  server.behave(sends({ headers: STATED }));
  const { checked } = await fetchWeights('keras', { folder: cache.places.folder, url: server.url });
  expect(checked).toEqual(['size', 'MD5 from its publisher', 'SHA-256 from X-Linked-ETag']);
});
