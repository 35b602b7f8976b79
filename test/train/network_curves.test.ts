// Blocks of a narrow VGG16 trained with a head for ten steps as PyTorch trains them: the losses are its.

import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { GpuError } from '../../src/errors.js';
import { Trainer } from '../../src/train/trainer.js';
import type { TrainerOptions } from '../../src/train/trainer_options.js';
import { expectClose } from '../support/allclose.js';
import { useGpu } from '../support/gpu.js';
import { drawParameters, type NarrowNetwork, narrowShape, numbers } from './networks.js';

interface Training {
  readonly optimiser: TrainerOptions['optimiser'];
  readonly lr: number;
  /**
   * Whether convolutions are summed directly. AdamW's first steps are as long for a gradient that is nearly zero as for a large one, and
   * Winograd's rounding decides their sign where its epsilon does not outweigh them.
   */
  readonly direct?: boolean;
  readonly bodyRate?: number;
  readonly clipNorm?: number;
  readonly labelSmoothing?: number;
}

interface Cases {
  readonly steps: number;
  readonly batch: number;
  readonly shortBatch: number;
  readonly dataset: number;
  readonly classes: number;
  readonly channels: number[];
  readonly networks: Record<string, NarrowNetwork>;
  readonly trainings: Record<string, Training>;
}

const golden = (name: string): unknown => JSON.parse(readFileSync(`test/golden/training/${name}`, 'utf8'));
const CASES = golden('network_curves_cases.json') as Cases;
const TORCH = golden('network_curves_torch.json') as Record<string, Record<string, number[]>>;

/** f32 and Winograd against f64, over ten steps that each begin where the last one ended. */
const TOLERANCE = { atol: 0, rtol: 1e-3 };

const DIRECT = { conv3x3: '03_register_blocked', conv3x3Backward: '02_register_blocked' } as const;

const gpu = useGpu();

async function lossesOf(
  network: NarrowNetwork,
  training: Training,
  thrift: Partial<TrainerOptions> = {},
): Promise<{ losses: number[]; memory: Trainer['memory'] }> {
  const { batch, shortBatch, dataset, classes, channels, steps } = CASES;
  const shape = narrowShape(channels, classes, network);
  const { lr, bodyRate = 1, direct = false, ...rest } = training;
  const layerRates = Object.fromEntries(shape.body!.layers.map(({ name }) => [name, bodyRate]));
  const options = { batch, dropout: 0, labelSmoothing: 0, seed: 1, layerRates, ...rest, ...thrift };
  using trainer = await Trainer.create(gpu(), shape, options, direct ? { rungs: DIRECT } : {});
  const next = numbers();
  await drawParameters(trainer, next);
  const given = Float32Array.from({ length: dataset * trainer.width }, next);
  const x = network.blocks[0] === 1 ? given : given.map(Math.abs);
  const labels = Uint32Array.from({ length: dataset }, () => Math.floor(((next() + 1) / 2) * classes));

  const losses: number[] = [];
  for (let step = 0; step < steps; step++) {
    const first = (step * batch) % dataset;
    const end = first + (step % 4 === 3 ? shortBatch : batch);
    const rows = x.subarray(first * trainer.width, end * trainer.width);
    await trainer.step(rows, labels.subarray(first, end), lr * (1 - step / 20));
    losses.push((await trainer.readTotals()).loss);
  }
  return { losses, memory: trainer.memory };
}

describe.each(Object.entries(CASES.networks))('a network of which "%s" is trained', (name, network) => {
  // Directly, every layer is a pipeline of its own: 28 s to compile on SwiftShader.
  const isSlow = (training: Training) => training.direct && network.blocks.length > 2 && !process.env.FULL;
  const trainings = Object.entries(CASES.trainings).filter(([, training]) => !isSlow(training));
  it.each(trainings)('learns by "%s" as in PyTorch', async (trained, training) => {
    const { losses } = await lossesOf(network, training);
    expectClose(losses, TORCH[name]![trained]!, TOLERANCE);
  });
});

describe('a network that is trained in less memory', () => {
  it('learns the same in parts of a batch, and with activations computed twice', async () => {
    const name = 'block4 and block5';
    const network = CASES.networks[name]!;
    const training = CASES.trainings['slower body, clipped']!;
    const { memory } = await lossesOf(network, training);
    expect(memory).toMatchObject({ rows: 6, recomputes: false });
    const ways = new Set<string>();
    let budget = memory.bytes;
    let refused: unknown;
    while (!refused) {
      const result = await lossesOf(network, training, { memory: budget - 1 }).catch((error) => {
        refused = error;
      });
      if (!result) break;
      expect(result.memory.bytes).toBeLessThan(budget);
      expectClose(result.losses, TORCH[name]!['slower body, clipped']!, TOLERANCE);
      budget = result.memory.bytes;
      ways.add(`${result.memory.rows} ${result.memory.recomputes}`);
    }
    expect([...ways]).toEqual(expect.arrayContaining(['3 false', '1 true']));
    expect([...ways].at(-1)).toMatch(/^1 /);
    expect(refused).toBeInstanceOf(GpuError);
    expect((refused as Error).message).toMatch(
      /^a step of one picture at a time takes [\d.]+ MiB on the GPU, more than the [\d.]+ MiB that it may; allow more memory/,
    );
  });
});
