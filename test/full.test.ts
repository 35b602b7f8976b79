// What takes minutes or gigabytes: npm run test:full.

import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';

const run = promisify(execFile);
const MINUTES = 60_000;

describe.skipIf(!process.env.FULL)('the real sizes (FULL=1)', () => {
  it('a whole VGG16, 553 MB, is loaded within 350 MB of host memory', { timeout: 5 * MINUTES }, async () => {
    const { stdout } = await run(process.execPath, ['scripts/run.mjs', 'bench/memory.ts']);
    const { hostBytes, adapterBytes } = JSON.parse(stdout) as { hostBytes: number; adapterBytes: number };
    expect(adapterBytes).toBeGreaterThan(553e6);
    expect(hostBytes).toBeLessThan(350e6);
  });

  it('every layer at 224x224 agrees with tfjs, batch 1 and 3', { timeout: 40 * MINUTES }, async () => {
    const { stdout } = await run(process.execPath, ['scripts/run.mjs', 'bench/verify.ts'], {
      maxBuffer: 2 ** 24,
    });
    expect(stdout).toContain('All layers agree with tfjs');
  });
});
