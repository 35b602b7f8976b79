import { execFileSync } from 'node:child_process';
import { describe, expect, it, vi } from 'vitest';
import { TorchTraining } from '../../src/bench/peers/torch_training.js';
import { ReferenceNetwork } from '../../src/bench/train_step.js';
import { seededRandom } from '../../src/random.js';

const SGD = { lr: 0.05, momentum: 0.9 };
const random = seededRandom(1);
const normals = (length: number) => Float32Array.from({ length }, () => random.normal());
const layers = {
  convs: [],
  dense: [
    { kernel: normals(12 * 8), bias: normals(8), inputs: 12, outputs: 8 },
    { kernel: normals(8 * 3), bias: normals(3), inputs: 8, outputs: 3 },
  ],
  given: [12],
};
const batches = Array.from({ length: 3 }, () => ({
  x: normals(5 * 12),
  labels: Uint32Array.from({ length: 5 }, () => random.below(3)),
}));

function hasTorch(): boolean {
  try {
    execFileSync('python3', ['-c', 'import torch'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

describe('PyTorch, training', () => {
  it.skipIf(!hasTorch())('has the losses that float64 has', async () => {
    const peer = await TorchTraining.create(layers, batches, SGD);
    const reference = new ReferenceNetwork(layers, {}, SGD);
    expect(peer.name).toMatch(/^pytorch-(cpu|cuda)$/);
    for (const batch of batches) expect(await peer.train([batch])).toBeCloseTo(reference.step(batch), 4);
    await peer.dispose();
  });

  it('is left out with its reason where python3 does not have it', async () => {
    vi.stubEnv('PATH', '/nowhere');
    await expect(TorchTraining.create(layers, batches, SGD)).rejects.toThrow(
      /^PyTorch is not to be had by python3 \(.*ENOENT.*\): pip install torch$/,
    );
    vi.unstubAllEnvs();
  });
});
