// What takes minutes or gigabytes: npm run test:full.

import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import type { BenchReport } from '../src/bench/report.js';

const run = promisify(execFile);
const MINUTES = 60_000;

describe.skipIf(!process.env.FULL)('the real sizes (FULL=1)', () => {
  it('a whole VGG16, 553 MB, is started within 350 MB of host memory', {
    timeout: 10 * MINUTES,
  }, async () => {
    const args = ['bench', 'e2e', '--scope', 'all', '--peers', 'none', '--rounds', '1', '--cold', '--json'];
    const { stdout } = await run(process.execPath, ['dist/cli.js', ...args], { maxBuffer: 2 ** 24 });
    const { adapter, results } = JSON.parse(stdout) as BenchReport;
    const { peakBytes, deviceBytes } = results.find(({ start }) => start === 'cold')!;
    expect(deviceBytes).toBeGreaterThan(553e6);
    // A software adapter's memory is the process's as well.
    expect(peakBytes! - (adapter.isSoftware ? deviceBytes! : 0)).toBeLessThan(350e6);
  });

  it('every layer at 224x224 agrees with tfjs, batch 1 and 3', { timeout: 40 * MINUTES }, async () => {
    const { stdout } = await run(process.execPath, ['scripts/run.mjs', 'bench/verify.ts'], {
      maxBuffer: 2 ** 24,
    });
    expect(stdout).toContain('All layers agree with tfjs');
  });
});
