// npm run docs:screenshots: the explorer page as README and docs/explorer.md show it, in headless Chromium on SwiftShader.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import sharp from 'sharp';
import { chooseDrawings, loadIconSets } from '../demo/drawings.js';
import { embeddedBasePath } from '../src/node/embedded.js';
import { modelFiles, pageFolder } from '../src/node/explorer/model_files.js';
import { servePage } from '../src/node/explorer/server.js';
import { launchChromium } from '../test/browser/chromium.js';

const VIEWPORT = { width: 1400, height: 940 };
/** Drawings of a class in the picture of training. */
const PER_CLASS = 12;
const CLASSES = ['animals', 'faces', 'places'] as const;

const folder = await mkdtemp(join(tmpdir(), 'vgg16-screenshots-'));
const model = await modelFiles(embeddedBasePath(), 'The ImageNet base');
const server = await servePage(pageFolder(), model, 0);
const browser = await launchChromium(folder);
try {
  await shoot('explorer', '#layer=block2_conv2&size=160&drawing=cat', async (page) => {
    await page.locator('.channels button').nth(3).click();
    await page.locator('.large').click({ position: { x: 160, y: 140 } });
    await page.locator('#layers .ms').first().filter({ hasText: 'ms' }).waitFor({ timeout: 120_000 });
  });
  await shoot('explorer-workbench', '#layer=block3_conv1&tab=workbench', async (page) => {
    await page.getByRole('button', { name: 'Run the ladder' }).click();
    await page.locator('.outcomes').first().waitFor({ timeout: 120_000 });
    const kernel = page.getByLabel('WGSL of the kernel');
    await kernel.fill((await kernel.inputValue()).replace('max(value, 0.0)', 'value'));
    await kernel.evaluate((area: { scrollTop: number; scrollHeight: number }) => {
      area.scrollTop = area.scrollHeight;
    });
    await page.getByRole('button', { name: 'Run', exact: true }).click();
    await page.locator('#edited .outcomes').waitFor({ timeout: 120_000 });
  });
  await shoot('explorer-train', '', async (page) => {
    await page.getByRole('button', { name: 'Train', exact: true }).first().click();
    await page.getByRole('button', { name: 'Add a class' }).click();
    for (const [i, name] of CLASSES.entries()) {
      const box = page.locator('.class').nth(i);
      await box.locator('input[type=text]').fill(name);
      await box.locator('input[type=file]').setInputFiles(await drawingsOf(name));
      await page
        .locator('.class')
        .nth(i)
        .locator('canvas')
        .nth(PER_CLASS - 1)
        .waitFor();
    }
    await page.locator('#train button.main').click();
    await page.getByText('Download the classifier').waitFor({ timeout: 120_000 });
  });
} finally {
  await browser.close();
  await server.close();
  await model.dispose();
  await rm(folder, { recursive: true, force: true });
}

async function shoot(name: string, hash: string, act: (page: Page) => Promise<void>): Promise<void> {
  const page = await browser.newPage({ colorScheme: 'light', viewport: VIEWPORT });
  await page.goto(server.url + hash);
  await page.getByText(/ ms for all \d+ layers/).waitFor({ timeout: 120_000 });
  await act(page);
  const isWhole = name !== 'explorer';
  const png = await page.screenshot({ fullPage: isWhole });
  await sharp(png).png({ palette: true, colours: 128, effort: 10 }).toFile(`docs/${name}.png`);
  await page.close();
  console.log(`docs/${name}.png`);
}

async function drawingsOf(name: (typeof CLASSES)[number]): Promise<string[]> {
  const { known } = chooseDrawings(await loadIconSets(), { known: PER_CLASS, unseen: 1 }, 1);
  return Promise.all(
    known
      .filter(({ className }) => className === name)
      .map(async ({ svg }, i) => {
        const path = join(folder, `${name}-${i}.png`);
        await sharp(Buffer.from(svg), { density: 200 })
          .resize(128)
          .flatten({ background: '#fff' })
          .toFile(path);
        return path;
      }),
  );
}
