// vgg16 explore: the page is served, or written as files.

import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { beforeAll, describe, expect, it } from 'vitest';
import { EXIT_CODES } from '../../src/errors.js';
import { start, useFolder, vgg16, writeNarrow } from './support.js';

const at = useFolder();
let weights: string;
beforeAll(async () => {
  weights = await writeNarrow(at('narrow.safetensors'));
});

describe('vgg16 explore', () => {
  it('serves page and weights until it is interrupted', async () => {
    const { child, ran } = start(['explore', '--weights', weights]);
    const url = await new Promise<string>((resolve) =>
      child.stdout.once('data', (text) => resolve(String(text).trim())),
    );
    expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/$/);
    expect(await (await fetch(url)).text()).toContain('<title>VGG16 explorer</title>');
    const manifest = (await (await fetch(`${url}model.json`)).json()) as { bytes: number; file: string };
    expect(manifest.bytes).toBe((await stat(weights)).size);
    expect((await (await fetch(url + manifest.file)).arrayBuffer()).byteLength).toBe(manifest.bytes);
    child.kill('SIGINT');
    expect((await ran).code).toBe(EXIT_CODES.interrupted);
  });

  it('writes a site of any format, and nothing over what is there', async () => {
    const keras = 'test/golden/arrangements/keras_max.keras';
    const { code, stdout, stderr } = await vgg16(['explore', '--weights', keras, '--site', at('site')]);
    expect(code).toBe(EXIT_CODES.ok);
    expect(stdout).toMatch(/site: \d+ files; any web server may offer them, over https/);
    expect(stderr).toEqual([expect.stringContaining('caffe (BGR, minus the mean) is assumed')]);
    const files = await readdir(at('site'));
    expect(files).toEqual(
      expect.arrayContaining(['index.html', 'page.js', 'style.css', 'model.json', 'weights.safetensors']),
    );
    const manifest = JSON.parse(await readFile(at('site', 'model.json'), 'utf8'));
    expect(manifest).toMatchObject({
      name: 'keras_max.keras',
      file: 'weights.safetensors',
      notes: [expect.any(String)],
    });
    const again = await vgg16(['explore', '--weights', keras, '--site', at('site')]);
    expect(again.code).toBe(EXIT_CODES.output);
    expect(again.stderr.at(-1)).toMatch(/site: is not empty; name a new folder$/);
  });

  it('says what is wrong with weights and ports', async () => {
    await writeFile(at('text.safetensors'), 'no weights');
    const bad = await vgg16(['explore', '--weights', at('text.safetensors')]);
    expect(bad.code).toBe(EXIT_CODES.weights);
    const server = createServer();
    await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
    const { port } = server.address() as AddressInfo;
    const taken = await vgg16(['explore', '--weights', weights, '--port', String(port)]);
    server.close();
    expect(taken.code).toBe(EXIT_CODES.usage);
    expect(taken.stderr.at(-1)).toBe(`error: port ${port} is taken; leave --port out for a free one`);
    const none = await vgg16(['explore', '--port', '70000']);
    expect(none.stderr.at(-1)).toMatch(/It must be a port, 0 to 65535/);
  });
});
