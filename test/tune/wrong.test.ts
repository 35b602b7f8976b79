// Kernels that are wrong, on purpose: they are found, told, and never chosen.

import { describe, expect, it, vi } from 'vitest';
import type { Conv3x3Choice } from '../../src/kernels/conv3x3/candidates.js';
import type { ConvShape } from '../../src/network/choices.js';
import { hold } from '../../src/tune/contest.js';
import { conv3x3Trial } from '../../src/tune/conv3x3_trial.js';
import { createWorkbench } from '../../src/tune/workbench.js';
import { useGpu } from '../support/gpu.js';

// Right of the picture it sees the beginning of the next row, instead of zeros.
vi.mock('../../src/kernels/conv3x3/04_vec4.wgsl', async (original) => {
  const { default: text } = await original<{ default: string }>();
  return { default: text.replace('if (column >= W) {', 'if (column > W) {') };
});
// Writes nothing at all.
vi.mock('../../src/kernels/conv3x3/03_register_blocked.wgsl', async (original) => {
  const { default: text } = await original<{ default: string }>();
  return { default: text.replace(/^( *)(y\[.*\] = .*;)$/m, '$1if (false) { $2 }') };
});
describe('a wrong kernel', () => {
  const gpu = useGpu();

  it.each([false, true])('is left out, though it be the default; pooled: %s', async (pooled) => {
    const shape: ConvShape = { N: 2, H: 9, W: 10, C: 8, O: 8, pooled };
    const bench = await createWorkbench(gpu(), 'f32');
    const { makeReady, dispose } = await conv3x3Trial(bench, shape);
    const choices: Conv3x3Choice[] = [{ rung: '04_vec4' }, { rung: '05_winograd_4x4' }];
    const kindOf = ({ rung }: Conv3x3Choice) => rung;
    const { winner, leftOut } = await hold({ choices, kindOf, variantsOf: () => [], makeReady });
    dispose();
    bench.dispose();
    expect(leftOut).toEqual([
      {
        choice: { rung: '04_vec4' },
        kind: 'wrong',
        why: expect.stringMatching(/^NMSE \d\.\de-\d against float64, at most 1e-11$/),
      },
    ]);
    expect(winner?.choice).toEqual({ rung: '05_winograd_4x4' });
    expect(gpu().liveBuffers).toBe(0);
  });

  it.each([false, true])(
    'that writes nothing does not live on what another wrote; pooled: %s',
    async (pooled) => {
      const shape: ConvShape = { N: 1, H: 8, W: 6, C: 4, O: 8, pooled };
      const bench = await createWorkbench(gpu(), 'f32');
      const { makeReady, dispose } = await conv3x3Trial(bench, shape);
      const right = await makeReady({ rung: '01_naive' });
      await right.time();
      expect(await right.fault()).toBeUndefined();
      const idle = await makeReady({ rung: '03_register_blocked' });
      await idle.time();
      expect(await idle.fault()).toBeDefined();
      for (const { dispose: done } of [right, idle]) done();
      dispose();
      bench.dispose();
      expect(gpu().liveBuffers).toBe(0);
    },
  );
});
