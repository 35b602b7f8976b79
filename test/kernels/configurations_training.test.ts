// Every kernel of a training step at the sizes of a head, through its launcher, on Dawn's null backend: the whole WGSL compiler
// and all limits, and nothing is computed.

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Dispatch } from '../../src/gpu/dispatch.js';
import { Tensor } from '../../src/gpu/tensor.js';
import { adamw } from '../../src/kernels/adamw/adamw.js';
import { CONTROL_WORDS } from '../../src/kernels/control.js';
import { dropout } from '../../src/kernels/dropout/dropout.js';
import { gradientNorm } from '../../src/kernels/gradient_norm/gradient_norm.js';
import { addMetrics, TOTALS_WORDS } from '../../src/kernels/metrics/metrics.js';
import { reluBackward } from '../../src/kernels/relu_backward/relu_backward.js';
import { sgd } from '../../src/kernels/sgd/sgd.js';
import { padToQuad } from '../../src/kernels/shapes.js';
import { softmaxCrossEntropy } from '../../src/kernels/softmax_cross_entropy/softmax_cross_entropy.js';
import { standardise } from '../../src/kernels/standardise/standardise.js';
import { useGpu } from '../support/gpu.js';
import { recorded } from '../support/kernel.js';

const BATCHES = [1, 32, 256];
const THREADS = 64;

describe('the kernels of a training step', () => {
  const gpu = useGpu({ adapter: 'null' });
  let control: Tensor;
  let clip: Tensor;
  /** A piece of VGG16's fc1, the largest tensor there is; its memory serves for all, for nothing is computed. */
  let piece: Tensor;
  beforeAll(async () => {
    control = await Tensor.create(gpu(), 'control', [CONTROL_WORDS]);
    clip = await Tensor.create(gpu(), 'clip', [4]);
    piece = await Tensor.create(gpu(), 'fc1', [25088, 1024]);
  });
  afterAll(() => {
    for (const tensor of [control, clip, piece]) tensor.dispose();
    expect(gpu().liveBuffers).toBe(0);
  });

  /** Each quad has a thread. */
  function expectThreads([dispatch, ...more]: readonly Dispatch[], quads: number): void {
    expect(more).toEqual([]);
    const [x, y, z] = dispatch!.workgroups;
    expect(x * y * z * THREADS).toBeGreaterThanOrEqual(quads);
  }

  it.each(BATCHES)('what is in place, batch %d', async (N) => {
    for (const sides of [512, 25088]) {
      const x = piece.view('x', [N, sides]);
      const row = piece.view('row', [sides]);
      const quads = (N * sides) / 4;
      expectThreads(
        await recorded(gpu(), (recorder) =>
          standardise(recorder, { label: 'in', x, mean: row, scale: row, y: x }),
        ),
        quads,
      );
      expectThreads(
        await recorded(gpu(), (recorder) => reluBackward(recorder, { label: 'fc1', y: x, dy: x })),
        quads,
      );
      for (const rate of [0.5, 1 - 2 ** -53]) {
        expectThreads(
          await recorded(gpu(), (recorder) =>
            dropout(recorder, { label: 'fc1', x, control, rate, layer: 0 }),
          ),
          quads,
        );
      }
    }
  });

  it.each(BATCHES)('loss and metrics, batch %d', async (N) => {
    for (const classes of [2, 10, 1000, 21843]) {
      const O = padToQuad(classes);
      const x = piece.view('x', [N, O]);
      const rows = piece.view('rows', [N, 4]);
      const [labels, classWeights] = [piece.view('labels', [N]), piece.view('class weights', [O])];
      for (const smoothing of [0, 0.1]) {
        const args = { label: 'loss', x, labels, classWeights, dx: x, rows, classes, smoothing };
        const [dispatch] = await recorded(gpu(), (recorder) => softmaxCrossEntropy(recorder, args));
        expect(dispatch!.workgroups).toEqual([N, 1, 1]);
      }
      using totals = await Tensor.create(gpu(), 'totals', [TOTALS_WORDS]);
      const [dispatch] = await recorded(gpu(), (recorder) =>
        addMetrics(recorder, { label: 'metrics', rows, totals, control }),
      );
      expect(dispatch!.workgroups).toEqual([1, 1, 1]);
    }
  });

  it('the norm over all of VGG16 that is fully connected: more than 119 million numbers', async () => {
    const fc2 = [0, 1, 2, 3].map(() => piece.view('fc2', [4096, 1024]));
    const gradients = [piece, piece, piece, piece, ...fc2, piece.view('bias', [4096])];
    expect(gradients.reduce((sum, { size }) => sum + size, 0)).toBeGreaterThan(119e6);
    const dispatches = await recorded(gpu(), (recorder) =>
      gradientNorm(recorder, { label: 'norm', gradients, clip, maxNorm: 1 }),
    );
    expect(dispatches.map(({ workgroups }) => workgroups[0])).toEqual([...Array(8).fill(1024), 16, 1]);
    const partial = new Set(dispatches.map(({ tensors: [x, y] }) => (x!.label.startsWith('norm') ? x : y)));
    expect([...partial].map((tensor) => tensor!.shape)).toEqual([[8 * 1024 + 16]]);
  });

  it.each([{}, { clipped: true }])(
    'the optimisers, from a bias to a piece of fc1, %o',
    async ({ clipped }) => {
      const limit = clipped ? { clip } : {};
      for (const w of [piece, piece.view('mlp', [25088, 256]), piece.view('bias', [4])]) {
        const common = { label: 'fc1', w, dw: w, control, ...limit };
        for (const nesterov of [false, true]) {
          const hyper = { momentum: 0.9, nesterov, weightDecay: 1e-4 };
          expectThreads(
            await recorded(gpu(), (recorder) => sgd(recorder, { ...common, momentum: w, hyper })),
            w.size / 4,
          );
        }
        const hyper = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0.01 };
        expectThreads(
          await recorded(gpu(), (recorder) => adamw(recorder, { ...common, m: w, v: w, hyper })),
          w.size / 4,
        );
      }
    },
  );
});
