// A headless Chromium out of npm, with the libraries that it needs where the system lacks them.

import { execFileSync } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import { brotliDecompress } from 'node:zlib';
import chromium from '@sparticuz/chromium';
import { parseTar } from 'nanotar';
import { type Browser, chromium as playwright } from 'playwright-core';

/** Network security services and the like, as Amazon Linux has them; packed beside the browser. */
const LIBRARIES = 'node_modules/@sparticuz/chromium/bin/al2023.tar.br';

/** WebGPU on SwiftShader. @param folder  where libraries are unpacked that the system lacks */
export async function launchChromium(folder: string): Promise<Browser> {
  const executablePath = await chromium.executablePath();
  const lacksLibraries = /not found/.test(execFileSync('ldd', [executablePath], { encoding: 'utf8' }));
  if (lacksLibraries) await unpackLibraries(folder);
  return playwright.launch({
    executablePath,
    args: ['--no-sandbox', '--enable-unsafe-webgpu', '--use-webgpu-adapter=swiftshader'],
    env: { ...(process.env as Record<string, string>), ...(lacksLibraries && { LD_LIBRARY_PATH: folder }) },
  });
}

async function unpackLibraries(folder: string): Promise<void> {
  const tar = await promisify(brotliDecompress)(await readFile(LIBRARIES));
  for (const { name, data } of parseTar(tar)) {
    if (data && /\.so(\.|$)/.test(name)) await writeFile(join(folder, basename(name)), data, { mode: 0o755 });
  }
}
