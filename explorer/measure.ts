// What this adapter can do at most, and how fast the network's convolutions are on it; in the form of bench/results.

import type { PassInput } from '../src/bench/engine.js';
import { createOurs } from '../src/bench/ours.js';
import { measurePeak } from '../src/bench/peak.js';
import type { BenchReport, BenchResult, LeftOut } from '../src/bench/report.js';
import { takeTurns, timed } from '../src/bench/turns.js';
import { VggError } from '../src/errors.js';
import { layersOf, planLayers } from '../src/network/layers.js';
import { seededRandom } from '../src/random.js';
import { breath } from './dom.js';
import type { Explored } from './network.js';

const BATCHES = [1, 8, 32] as const;
const ROUNDS = 7;
/** Of the turns of one batch; a batch that would take longer for one pass is left out. */
const MAX_SECONDS = 5;

/**
 * @param side    of the images in px
 * @param onStep  what is being done now, in a few words
 * @throws GpuError, DeviceLostError
 */
export async function measure(
  { model: { gpu, widths }, weights }: Explored,
  side: number,
  onStep: (step: string) => void,
): Promise<BenchReport> {
  onStep('what the adapter can do at most');
  const peak = await measurePeak(gpu);
  const results: BenchResult[] = [];
  const leftOut: LeftOut[] = [];
  const flops = planLayers(
    widths,
    side,
    side,
    layersOf(widths).find(({ name }) => name === widths.features)!.name,
  ).reduce((sum, layer) => sum + layer.flops, 0);
  const engine = await createOurs(gpu, weights.source);
  const about = { engine: engine.name, scope: 'convs' as const, side };
  try {
    let perImage = 0;
    for (const batch of BATCHES) {
      const wait = perImage * batch;
      if (wait > MAX_SECONDS) {
        leftOut.push({
          ...about,
          batch,
          kind: 'slow',
          reason: `a pass would take about ${Math.round(wait)} s`,
        });
        continue;
      }
      onStep(`${batch} ${batch === 1 ? 'image' : 'images'} of ${side} px`);
      try {
        const pass = await engine.prepare('convs', await inputOf(batch, side));
        try {
          await pass.run();
          const turns = new Map([[engine.name, () => timed(() => pass.run())]]);
          const { timings, failed } = await takeTurns(turns, { rounds: ROUNDS, maxSeconds: MAX_SECONDS });
          const timing = timings.get(engine.name);
          if (timing) {
            results.push({ ...about, batch, ...timing, flops: flops * batch });
            perImage = timing.medianMs / batch / 1000;
          } else leftOut.push({ ...about, batch, kind: 'failed', reason: failed.get(engine.name)! });
        } finally {
          pass.dispose();
        }
      } catch (error) {
        if (!(error instanceof VggError)) throw error;
        leftOut.push({ ...about, batch, kind: 'failed', reason: error.message });
      }
    }
  } finally {
    await engine.dispose();
  }
  const { description, ...adapter } = gpu.info;
  return {
    benchmark: 'e2e',
    adapter,
    driver: description,
    host: { cpu: 'unknown', cores: navigator.hardwareConcurrency, platform: 'browser' },
    versions: { 'vgg16-webgpu': __VERSION__, browser: navigator.userAgent },
    commit: __COMMIT__,
    settings: { side, rounds: ROUNDS, scopes: ['convs'] },
    results,
    leftOut,
    peak,
  };
}

/** Random pictures; engines of others would want them normalised as well. */
async function inputOf(batch: number, side: number): Promise<PassInput> {
  const each = side * side * 3;
  const pixels = new Uint8Array(batch * each);
  for (let n = 0; n < batch; n++) {
    const random = seededRandom(n);
    for (let i = 0; i < each; i++) pixels[n * each + i] = random.below(256);
    await breath();
  }
  return { batch, side, pixels, x: new Float32Array() };
}
