// The face for browsers in a real one, headless Chromium on SwiftShader: the same numbers as Node's.

import { createReadStream, existsSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { extname, join, resolve } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Features } from '../../src/model/features.js';
import type { Prediction } from '../../src/model/predictions.js';
import { VGG16 } from '../../src/node/vgg16.js';
import { seededRandom } from '../../src/random.js';
import { expectClose } from '../support/allclose.js';
import { useGpu } from '../support/gpu.js';
import { writeRandomVgg16 } from '../support/random_vgg16.js';
import { launchChromium } from './chromium.js';

const FACE = resolve('dist/browser');
if (!existsSync(FACE)) throw new Error(`${FACE} is missing: node scripts/build.mjs makes it`);

const SIDE = 64;
const NETWORK = { widths: [4, 8, 8, 12, 16], hidden: 20, classes: 10, featureSide: 2, seed: 3 } as const;
const PAGE =
  '<!doctype html><script type="module">import * as face from "/index.js"; globalThis.face = face;</script>';
type Face = typeof import('../../src/index.browser.js');
declare const face: Face;

/** Another adapter may take other kernels, whose sums are rounded in another order; numbers here are up to 1. */
const CLOSE = { atol: 1e-5, rtol: 1e-4 };

const random = seededRandom(4);
const RGB = Array.from({ length: SIDE * SIDE * 3 }, () => random.below(256));

/** Chromium comes out of npm for Linux on x64; elsewhere these tests are skipped. */
describe.skipIf(process.platform !== 'linux' || process.arch !== 'x64')('in Chromium', () => {
  const gpu = useGpu();
  let folder: string;
  let server: Server;
  let browser: Browser;
  let page: Page;
  let model: VGG16;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'vgg16 browser '));
    const weights = join(folder, 'weights.safetensors');
    await writeRandomVgg16(weights, { ...NETWORK, metadata: { preprocess: 'torchvision' } });
    model = await VGG16.load({ weights, gpu: gpu() });
    const places: Record<string, string> = { '/weights.safetensors': weights };
    server = createServer(async (request, response) => {
      const path = new URL(request.url!, 'http://localhost').pathname;
      if (path === '/') return response.setHeader('content-type', 'text/html').end(PAGE);
      const file = places[path] ?? join(FACE, path);
      if (!existsSync(file)) return response.writeHead(404).end();
      if (extname(file) === '.js') response.setHeader('content-type', 'text/javascript');
      return createReadStream(file).pipe(response);
    });
    await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
    browser = await launchChromium(folder);
    page = await browser.newPage();
    page.on('pageerror', (error) => console.error(error));
    await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
    await page.waitForFunction(() => 'face' in globalThis);
  });

  afterAll(async () => {
    await browser?.close();
    server?.close();
    model?.dispose();
    await rm(folder, { recursive: true, force: true });
  });

  it('classify and features give what they give on Node, from a URL and from a Blob', async () => {
    const seen = await page.evaluate(
      async ({ side, rgb }) => {
        const { VGG16 } = face;
        const picture = { width: side, height: side, data: Uint8Array.from(rgb) };
        const rgba = new Uint8ClampedArray(side * side * 4).map((_, i) =>
          i % 4 === 3 ? 255 : rgb[Math.floor(i / 4) * 3 + (i % 4)]!,
        );
        const blob = await (await fetch('/weights.safetensors')).blob();
        const results = [];
        for (const weights of ['/weights.safetensors', blob]) {
          const downloads: number[] = [];
          const onDownload = ({ loaded }: { loaded: number }) => downloads.push(loaded);
          const model = await VGG16.load({ weights, onDownload });
          const predictions = await model.classify(picture, { topK: 10, size: side });
          const { data, shape } = await model.features(
            { width: side, height: side, data: rgba },
            'block5_pool',
            { size: side },
          );
          const { description, isSoftware } = model.gpu.info;
          model.dispose();
          const features = { data: [...data], shape };
          results.push({ predictions, features, downloads, description, isSoftware, bytes: blob.size });
        }
        return results;
      },
      { side: SIDE, rgb: RGB },
    );
    const picture = { width: SIDE, height: SIDE, data: Uint8Array.from(RGB) };
    const predictions: Prediction[] = await model.classify(picture, { topK: 10, size: SIDE });
    const features: Features = await model.features(picture, 'block5_pool', { size: SIDE });
    expect(seen).toHaveLength(2);
    for (const one of seen) {
      expect(one.features.shape).toEqual(features.shape);
      expectClose(one.features.data, features.data, CLOSE);
      expect(one.predictions.map(({ label }) => label)).toEqual(predictions.map(({ label }) => label));
      const scores = (of: readonly Prediction[]) => of.map(({ score }) => score);
      expectClose(scores(one.predictions), scores(predictions), CLOSE);
    }
    expect(features.data.some((value) => value > 0)).toBe(true);
    expect(seen[0]!.downloads.at(-1)).toBe((await readFile(join(folder, 'weights.safetensors'))).length);
    expect(seen[1]!.downloads).toEqual([]);
  });

  it('errors are ours, and say what to do', async () => {
    const said = await page.evaluate(async () => {
      const { Gpu, PictureError, UsageError, VGG16, WeightsError } = face;
      const faultOf = async (load: () => Promise<unknown>, kind: new (...args: never[]) => Error) => {
        try {
          await load();
          return 'no error';
        } catch (error) {
          return `${error instanceof kind}: ${(error as Error).message}`;
        }
      };
      const model = await VGG16.load({ weights: '/weights.safetensors' });
      const picture = { width: 2, height: 2, data: new Uint8ClampedArray(7) };
      const faults = [
        await faultOf(() => VGG16.load({ weights: '/missing.safetensors' }), WeightsError),
        await faultOf(() => VGG16.load({ weights: new Blob(['no weights at all']) }), WeightsError),
        await faultOf(() => VGG16.load({ weights: 7 } as never), UsageError),
        await faultOf(() => model.classify(picture), PictureError),
        await faultOf(async () => Gpu.of({}), UsageError),
      ];
      model.dispose();
      return faults;
    });
    expect(said[0]).toBe('true: /missing.safetensors: the server answers 404');
    expect(said[1]).toMatch(/^true: the weights: /);
    expect(said[2]).toBe('true: weights is 7; it must be a File or another Blob, a Uint8Array, or a URL');
    expect(said[3]).toMatch(/^true: the picture: 7 bytes are not 2 x 2 RGBA pixels/);
    expect(said[4]).toBe('true: Gpu.of(): expected a GPUDevice');
  });
});
